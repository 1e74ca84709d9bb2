"""Planning where sessions are computed from the raw archive: what has come into it is published."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.engine.session_runs import NewRun, session_runs
from flows.season.plan import PLANNED, PUBLISH
from flows.settings import Settings
from flows.upstream.archive import ARCHIVE, open_archive
from flows.upstream.archive_index import read_index

#: The server's clock and this machine's may differ by so much.
_CLOCKS_APART = timedelta(seconds=2)


def publish_what_came(settings: Settings, years: tuple[int, ...]) -> list[dict[str, Any]]:
    """Make a run of publish-session, once, for each content that the archive has of each session; return what was made.

    One listing a season: which runs were made before, the server knows by their keys.

    :raises InputError: no archive is set.
    :raises PublicationError: the archive cannot be read.
    """
    archive = open_archive(settings)
    # By the server's clock: the product's may be set to another time.
    begun = datetime.now(UTC)
    rows = []
    with session_runs() as runs:
        for year in years:
            index = read_index(archive, year)
            for session_key, entry in ({} if index is None else index.sessions).items():
                content = entry.sources[entry.best].responses_sha256
                key = f"archive/{year}/{session_key}/{content}"
                made = runs.create(NewRun(year, entry.event, entry.code, begun, key=key, source=ARCHIVE))
                if made.created is not None and made.created >= begun - _CLOCKS_APART:
                    rows.append(
                        {
                            "session": f"{year} {entry.event} {entry.code}",
                            "kind": PUBLISH,
                            "at (UTC)": f"{begun:%Y-%m-%d %H:%M}",
                            "what": f"{PLANNED}: it came into the archive",
                        }
                    )
    return rows
