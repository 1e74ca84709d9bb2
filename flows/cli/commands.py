"""What each command of the command line does. Bad input is found before Prefect, which takes its time, is started."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flows.cli.console import following_runs, make_console, print_reports
from flows.destination import open_destination
from flows.engine.parameters import ALL_SESSIONS, SessionName
from flows.engine.server import start_temporary_server
from flows.season.indexing import rebuild
from flows.session.reports import PublishReport, summary_of
from flows.settings import Settings, read_settings
from flows.upstream.archive import UPSTREAM, Source, settings_for
from flows.upstream.calendar import check_has_happened, read_schedule, resolve
from flows.upstream.selection import select_sessions
from publish import keys
from transforms.errors import InputError, ParcfermeError, PublicationError
from transforms.session_types import SESSION_CODES

if TYPE_CHECKING:
    from rich.console import Console

_DEMO_CACHE = Path(".parcferme") / "sample-cache"


def publish(year: int, event: str, session: str, *, force: bool, refetch: bool, source: Source, verbose: bool) -> int:
    """Publish one session and print its row."""
    _quieten_fastf1(verbose)
    settings = settings_for(read_settings(), source, year)
    if refetch and settings.offline:
        raise InputError(
            "--refetch asks the upstream, which PARCFERME_OFFLINE=1 and --source archive forbid. Leave one of them out."
        )
    found, code = resolve(read_schedule(settings, year), year, event, session)
    check_has_happened(found, year, code, settings.current_time())
    open_destination(settings).check()
    console = make_console()
    _start_prefect(console)
    from flows.session.flow import publish_session

    with following_runs(console):
        report = publish_session(year, str(found.round), SessionName(code), force=force, refetch=refetch, source=source)
    # A run that no deployment made reports itself, instead of its state.
    print_reports(console, [cast(PublishReport, report)])
    return 0


def backfill(
    year: int,
    rounds: Sequence[int] | None,
    sessions: Sequence[str] | None,
    *,
    force: bool,
    source: Source,
    verbose: bool,
) -> int:
    """Publish many sessions and print a table of them; 1 if any failed."""
    _quieten_fastf1(verbose)
    settings = settings_for(read_settings(), source, year)
    select_sessions(read_schedule(settings, year), year, rounds, sessions)
    open_destination(settings).check()
    console = make_console()
    reports = _run_backfill(console, year, rounds, sessions, force=force, source=source)
    return _conclude(console, reports)


def index(year: int, *, verbose: bool) -> int:
    """Write the season index anew from what is published."""
    _quieten_fastf1(verbose)
    settings = read_settings()
    store = open_destination(settings)
    changed = rebuild(settings, store, year)
    make_console().print(
        f"The index of {year} is {'rewritten' if changed else 'up to date'} in {store.uri}.", markup=False
    )
    return 0


def inspect(year: int, event: str, session: str, *, verbose: bool) -> int:
    """Print the verdict on a session: as published, or computed now where nothing is."""
    from flows.cli.inspection import compute_verdict, print_verdict, read_verdict

    _quieten_fastf1(verbose)
    settings = read_settings()
    found, code = resolve(read_schedule(settings, year), year, event, session)
    check_has_happened(found, year, code, settings.current_time())
    round_number = int(found.round or 0)
    report = read_verdict(open_destination(settings), year, round_number, code)
    label = f"{year} round {round_number} {found.name} {code}"
    verdict = report or compute_verdict(settings, year, round_number, code)
    print_verdict(make_console(), label, verdict, published=report is not None)
    return 0


def serve(port: int) -> int:
    """Serve the destination on loopback until interrupted."""
    from publish.server import make_server

    store = open_destination(read_settings())
    if store.read(keys.INDEX) is None:
        raise InputError(
            f"Nothing is published in {store.uri} yet. Run `make demo` or `parcferme publish`, or set "
            "PARCFERME_DESTINATION to where it is."
        )
    console = make_console()
    with make_server(store, port=port) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        viewer = next((key for key in keys.VIEWERS if store.head(key) is not None), keys.INDEX)
        console.print(f"Serving {store.uri} at {url}{viewer} (Ctrl-C stops it)", markup=False, soft_wrap=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def demo(*, verbose: bool) -> int:
    """Publish the built-in sample season and say what to do next."""
    from flows.sample import MEETINGS, SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season

    _quieten_fastf1(verbose)
    cache_dir = Path.cwd() / _DEMO_CACHE
    try:
        write_sample_season(cache_dir)
    except OSError as error:
        raise InputError(
            f"The sample season cannot be written to {cache_dir} ({error.strerror or error}). Run the demo in a folder "
            "that can be written and has room."
        ) from error
    # The flows read their settings from the environment, wherever they run.
    os.environ.update(PARCFERME_CACHE_DIR=str(cache_dir), PARCFERME_OFFLINE="1", PARCFERME_NOW=str(SAMPLE_NOW_UTC))
    settings = read_settings()
    open_destination(settings).check()
    console = make_console()
    recorded = {code for meeting in MEETINGS for code in meeting.recorded}
    codes = [code for code in SESSION_CODES if code in recorded]
    exit_code = _conclude(console, _run_backfill(console, SAMPLE_YEAR, None, codes, force=False, source=UPSTREAM))
    console.print(_next_steps(settings), markup=False, soft_wrap=True)
    return exit_code


def _run_backfill(
    console: "Console",
    year: int,
    rounds: Sequence[int] | None,
    sessions: Sequence[str] | None,
    *,
    force: bool,
    source: Source,
) -> list[PublishReport]:
    _start_prefect(console)
    from flows.season.backfill import backfill as backfill_flow

    with following_runs(console):
        state = backfill_flow(
            year,
            "all" if rounds is None else list(rounds),
            list(ALL_SESSIONS) if sessions is None else [SessionName(code) for code in sessions],
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


def _conclude(console: "Console", reports: list[PublishReport]) -> int:
    print_reports(console, reports)
    console.print(f"{summary_of(reports)}.", markup=False, soft_wrap=True)
    return 1 if any(report.has_failed for report in reports) else 0


def _next_steps(settings: Settings) -> str:
    return f"""
The sample season is in {settings.destination}. Next:
  make serve                            serve it on this machine and print the address
  .venv/bin/parcferme publish 2024 1 R  publish a real session (year, round or event name, session)
  .venv/bin/parcferme backfill 2024     publish a real season
PARCFERME_DESTINATION says where to: file:///folder or s3://bucket/prefix."""


def _start_prefect(console: "Console") -> None:
    """Import Prefect and see that it has a server, saying why nothing moves meanwhile."""
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value():
        return
    console.print("Starting a temporary Prefect server (set PREFECT_API_URL to use one of yours)", markup=False)
    start_temporary_server()


def _quieten_fastf1(verbose: bool) -> None:
    """Keep FastF1's own words off the terminal; what matters of them reaches the quality report and the errors."""
    import fastf1

    fastf1.set_log_level("INFO" if verbose else "CRITICAL")
