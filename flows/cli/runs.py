"""Flows run in this process: which session is meant, Prefect's server, and how it ended.

Prefect itself is imported where it is needed: bad input is found without it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from flows.cli.console import following_runs, print_reports
from flows.engine.parameters import ALL_SESSIONS, SessionName
from flows.engine.server import start_temporary_server
from flows.session.reports import PublishReport, summary_of
from flows.settings import Settings
from flows.upstream.archive import Source
from flows.upstream.calendar import check_has_happened, read_schedule, resolve
from flows.upstream.client import Client
from flows.upstream.selection import Wanted
from transforms.errors import ParcfermeError, PublicationError

if TYPE_CHECKING:
    from rich.console import Console


def find_session(settings: Settings, year: int, event: str, session: str) -> Wanted:
    """Return the session that is meant, which has happened.

    :raises InputError: there is no such session, or not yet.
    """
    now = settings.current_time()
    wanted = resolve(read_schedule(Client.of(settings), year, now), year, event, session)
    check_has_happened(wanted, now)
    return wanted


def start_prefect(console: "Console") -> None:
    """Import Prefect and see that it has a server, saying why nothing moves meanwhile."""
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value():
        return
    console.print("Starting a temporary Prefect server (set PREFECT_API_URL to use one of yours)", markup=False)
    start_temporary_server()


def run_backfill(
    console: "Console",
    year: int,
    rounds: Sequence[int] | None,
    codes: Sequence[str] | None,
    *,
    force: bool,
    source: Source,
) -> list[PublishReport]:
    """Run the flow ``backfill`` (None: all rounds, all sessions) and return what became of each session.

    :raises ParcfermeError: it ended without having looked at them.
    """
    start_prefect(console)
    from flows.season.backfill import backfill

    with following_runs(console):
        state = backfill(
            year,
            "all" if rounds is None else list(rounds),
            list(ALL_SESSIONS) if codes is None else [SessionName(code) for code in codes],
            force=force,
            source=source,
            return_state=True,
        )
    result = state.result(raise_on_failure=False)
    if isinstance(result, list):
        return cast(list[PublishReport], result)
    if isinstance(result, ParcfermeError):
        raise result
    raise PublicationError(f"The backfill of {year} ended as {state.name}: {state.message}. Run it again.")


def conclude(console: "Console", reports: list[PublishReport]) -> int:
    """Print the table of what became of each session and return the exit code: 1 if any failed."""
    print_reports(console, reports)
    console.print(f"{summary_of(reports)}.", markup=False, soft_wrap=True)
    return 1 if any(report.has_failed for report in reports) else 0
