"""What tests of a season's files share."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from transforms.columns import OF_THE_SEASON


@pytest.fixture
def sessions_alone() -> Iterator[None]:
    """The season's own tables are tested for themselves."""
    with patch.dict(OF_THE_SEASON, clear=True):
        yield
