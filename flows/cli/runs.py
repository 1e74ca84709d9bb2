"""Sessions made by this process: which one is meant, whether Prefect has it done, and how it ended.

Where a Prefect server is set, or asked for, runs are flows of it; else this process does the same work without Prefect,
whose import and temporary server take longer than most of what is done. So flows are imported where they are run.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from flows.cli.console import following_runs, print_reports
from flows.destination import open_destination
from flows.engine.parameters import ALL_SESSIONS, SessionName
from flows.engine.server import has_server, start_temporary_server
from flows.session.reports import PublishReport, summary_of
from flows.session_ref import SessionRef
from flows.settings import Settings
from flows.upstream.archive import Source
from flows.upstream.calendar import check_has_happened, read_schedule, resolve
from flows.upstream.client import Client
from flows.upstream.selection import Wanted
from publish.season.document import WITHOUT_DATA
from transforms.errors import NotReadyError, ParcfermeError, PublicationError

if TYPE_CHECKING:
    from rich.console import Console

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def find_session(settings: Settings, year: int, event: str, session: str) -> Wanted:
    """Return the session that is meant, which has happened.

    :raises InputError: there is no such session, or not yet.
    """
    now = settings.current_time()
    wanted = resolve(read_schedule(Client.of(settings), year, now), year, event, session)
    check_has_happened(wanted, now)
    return wanted


@contextmanager
def prefect_started(console: "Console") -> Iterator[None]:
    """Import Prefect and see that it has a server, saying why nothing moves meanwhile."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    if PREFECT_API_URL.value():
        yield
        return
    console.print("Starting a temporary Prefect server (set PREFECT_API_URL to use one of yours)", markup=False)
    start_temporary_server()
    # Nobody there listens for heartbeats, and every run waits up to a second at its end for the thread that sends them.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def publish_one(
    console: "Console",
    settings: Settings,
    wanted: SessionRef,
    *,
    force: bool,
    refetch: bool,
    source: Source,
    prefect: bool,
    verbose: bool,
) -> PublishReport:
    """Publish one session, as a flow where a server is set or with ``prefect``, and return what became of it.

    :raises ParcfermeError: there is no new publication.
    """
    event = str(wanted.round)
    if not (prefect or has_server()):
        from flows.session.direct import publish_directly
        from flows.session.steps import Request

        _log(verbose=verbose)
        with following_runs(console):
            return publish_directly(wanted.year, event, wanted.code, Request(force, refetch, source))
    open_destination(settings).check()
    with prefect_started(console), following_runs(console):
        from flows.session.flow import publish_session

        report = publish_session(
            wanted.year, event, SessionName(wanted.code), force=force, refetch=refetch, source=source
        )
    # A run that no deployment made reports itself, instead of its state.
    made = cast(PublishReport, report)
    if made.state == WITHOUT_DATA:
        raise NotReadyError(made.message or f"There is no data of {made.session.label}.")
    return made


def run_backfill(
    console: "Console",
    year: int,
    rounds: Sequence[int] | None,
    codes: Sequence[str] | None,
    *,
    force: bool,
    source: Source,
    prefect: bool,
    verbose: bool,
) -> list[PublishReport]:
    """Publish sessions (None: all rounds, all sessions) as :func:`publish_one` does; return what became of each.

    :raises ParcfermeError: it ended without having looked at them.
    """
    if not (prefect or has_server()):
        from flows.season.one_by_one import backfill_directly

        _log(verbose=verbose)
        with following_runs(console):
            return backfill_directly(year, rounds, codes, force=force, source=source)
    with prefect_started(console), following_runs(console):
        from flows.season.backfill import backfill

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


def _log(*, verbose: bool) -> None:
    """Show the log of what runs here, or nothing of it: what a person has to know is printed or raised."""
    # Without any handler Python itself would write warnings to standard error.
    handler = logging.StreamHandler() if verbose else logging.NullHandler()
    # FastF1 has a handler of its own.
    handler.addFilter(lambda record: not record.name.startswith("fastf1"))
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, handlers=[handler])
