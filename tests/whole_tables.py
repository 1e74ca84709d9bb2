"""Every table of a session as readers get it, the big ones of native samples too."""

import pyarrow as pa

from transforms.columns import TABLES
from transforms.session import SessionData


def whole_table(data: SessionData, name: str) -> pa.Table:
    """Return the table of all cars."""
    if name in data.tables:
        return data.tables[name]
    return pa.concat_tables([TABLES[name].schema.empty_table(), *data.native[name]()])


def whole_tables(data: SessionData) -> dict[str, pa.Table]:
    """Return all of them but ``frames``, by name."""
    return {name: whole_table(data, name) for name in (*data.tables, *data.native)}
