"""What each command does. Bad input is found before Prefect, which takes its time, is started."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.parser import EVENT, FORCE, PREFECT, SESSION, SOURCE, YEAR, cli, excludes
from transforms.errors import InputError

if TYPE_CHECKING:
    from flows.upstream.archive import Source

_DEMO_CACHE = Path(".parcferme") / "sample-cache"


@cli.command(help="publish one session")
@YEAR
@EVENT
@SESSION
@FORCE
@click.option("--refetch", is_flag=True, help="download it anew; published only if it differs")
@SOURCE
@PREFECT
def publish(
    year: int,
    event: str,
    session: str,
    force: bool,
    refetch: bool,
    source: "Source | None",
    prefect: bool,
    verbose: bool,
) -> int:
    """Publish one session and print its row."""
    from flows.cli.console import make_console, print_reports
    from flows.cli.runs import find_session, publish_one
    from flows.settings import read_settings
    from flows.upstream.archive import settings_for
    from flows.upstream.client import keep_quiet

    keep_quiet(verbose=verbose)
    settings = read_settings()
    source = source or settings.source
    settings = settings_for(settings, source, year)
    if refetch and settings.offline:
        raise InputError(
            "--refetch asks the upstream, which PARCFERME_OFFLINE=1 and --source archive forbid. Leave one of them out."
        )
    wanted = find_session(settings, year, event, session)
    console = make_console()
    report = publish_one(
        console, settings, wanted.ref, force=force, refetch=refetch, source=source, prefect=prefect, verbose=verbose
    )
    print_reports(console, [report])
    return 0


@cli.command(help="publish many sessions of a season")
@YEAR
@click.option("--rounds", default="all", help="for example 1,8 or 1-5; all by default")
@click.option("--sessions", default="all", help="for example R,Q; all by default")
@FORCE
@SOURCE
@PREFECT
def backfill(
    year: int, rounds: str, sessions: str, force: bool, source: "Source | None", prefect: bool, verbose: bool
) -> int:
    """Publish many sessions and print a table of them; 1 if any failed."""
    from flows.cli.console import make_console
    from flows.cli.runs import conclude, run_backfill
    from flows.destination import open_destination
    from flows.settings import read_settings
    from flows.upstream.archive import settings_for
    from flows.upstream.calendar import read_schedule
    from flows.upstream.client import Client, keep_quiet
    from flows.upstream.selection import parse_rounds, parse_sessions, select_sessions

    keep_quiet(verbose=verbose)
    wanted_rounds, codes = parse_rounds(rounds), parse_sessions(sessions)
    settings = read_settings()
    source = source or settings.source
    settings = settings_for(settings, source, year)
    select_sessions(read_schedule(Client.of(settings), year, settings.current_time()), year, wanted_rounds, codes)
    open_destination(settings).check()
    console = make_console()
    reports = run_backfill(
        console, year, wanted_rounds, codes, force=force, source=source, prefect=prefect, verbose=verbose
    )
    return conclude(console, reports)


@cli.command(help="(re)write the index of a season")
@YEAR
def index(year: int, verbose: bool) -> int:
    """Write the season index anew from what is published."""
    from flows.cli.console import make_console
    from flows.destination import open_destination
    from flows.engine.server import has_server
    from flows.season.indexing import rebuild
    from flows.settings import read_settings
    from flows.upstream.client import keep_quiet

    keep_quiet(verbose=verbose)
    settings = read_settings()
    store = open_destination(settings)
    changed = rebuild(settings, store, year, has_server=has_server())
    make_console().print(
        f"The index of {year} is {'rewritten' if changed else 'up to date'} in {store.uri}.", markup=False
    )
    return 0


@cli.command(help="print the verdict on a session's data")
@YEAR
@EVENT
@SESSION
def inspect(year: int, event: str, session: str, verbose: bool) -> int:
    """Print the verdict on a session: as published, or computed now where nothing is."""
    from flows.cli.console import make_console
    from flows.cli.inspection import compute_verdict, print_verdict, read_verdict
    from flows.cli.runs import find_session
    from flows.destination import open_destination
    from flows.settings import read_settings
    from flows.upstream.client import Client, keep_quiet

    keep_quiet(verbose=verbose)
    settings = read_settings()
    client = Client.of(settings)
    wanted = find_session(settings, year, event, session)
    report = read_verdict(open_destination(settings), wanted.ref)
    verdict = report or compute_verdict(client, wanted.ref)
    print_verdict(make_console(), wanted.ref.label, verdict, published=report is not None)
    return 0


@cli.command(help="say whether the system is well; exit code 1 if it is failing")
@click.option("--live", is_flag=True, callback=excludes("ready"), help="only: can this installation do its work")
@click.option(
    "--ready",
    is_flag=True,
    callback=excludes("live"),
    help="only: is all there that work needs, a worker included",
)
def health(live: bool, ready: bool) -> int:
    """Print what was found; 1 if something is failing."""
    from flows.cli import health as checks

    if live:
        return checks.conclude(checks.live_checks())
    return checks.conclude(checks.ready_checks() if ready else checks.all_checks())


@cli.command(help="print what plan-season would do, and do nothing")
@click.option("--year", type=int, help="a season; this year's by default")
@click.option("--until", help="a day, for example 2026-12-31; what is for later is left out")
def plan(year: int | None, until: str | None, verbose: bool) -> int:
    """Print the runs that would be made, moved or taken back for a season."""
    from flows.cli.console import make_console
    from flows.cli.plan import parse_until, planned_steps, print_steps
    from flows.settings import read_settings
    from flows.upstream.client import keep_quiet

    keep_quiet(verbose=verbose)
    last = parse_until(until)
    settings = read_settings()
    wanted = year or settings.current_time().year
    print_steps(make_console(), wanted, planned_steps(settings, wanted, last))
    return 0


@cli.command(help="serve the destination on this machine")
@click.option("--port", type=int, default=8000)
def serve(port: int) -> int:
    """Serve the destination on loopback until interrupted."""
    from flows.cli.console import make_console
    from flows.destination import open_destination
    from flows.settings import read_settings
    from publish import keys
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
        viewer = keys.VIEWER if store.head(keys.VIEWER) is not None else keys.INDEX
        console.print(f"Serving {store.uri} at {url}{viewer} (Ctrl-C stops it)", markup=False, soft_wrap=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


@cli.command(help="register everything with the Prefect server of PREFECT_API_URL")
@click.option("--prefect-file", type=click.Path(path_type=Path), help="another file than deployments/prefect.yaml")
def deploy(prefect_file: Path | None) -> int:
    """Register everything and say what was done."""
    from flows.cli import deploy as registration

    return registration.deploy(prefect_file)


@cli.command(help="publish the built-in sample season")
def demo(verbose: bool) -> int:
    """Publish the built-in sample season and say what to do next."""
    from flows.cli.console import make_console
    from flows.cli.runs import conclude, run_backfill
    from flows.destination import open_destination
    from flows.sample import MEETINGS, SAMPLE_NOW_UTC, SAMPLE_YEAR, write_sample_season
    from flows.settings import read_settings
    from flows.upstream.archive import UPSTREAM
    from flows.upstream.client import keep_quiet
    from transforms.session_types import SESSION_CODES

    keep_quiet(verbose=verbose)
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
    reports = run_backfill(
        console, SAMPLE_YEAR, None, codes, force=False, source=UPSTREAM, prefect=True, verbose=verbose
    )
    exit_code = conclude(console, reports)
    console.print(_next_steps(settings.destination), markup=False, soft_wrap=True)
    return exit_code


def _next_steps(destination: str) -> str:
    return f"""
The sample season is in {destination}. Next:
  make serve                            serve it on this machine and print the address
  .venv/bin/parcferme publish 2024 1 R  publish a real session (year, round or event name, session)
  .venv/bin/parcferme backfill 2024     publish a real season
PARCFERME_DESTINATION says where to: file:///folder or s3://bucket/prefix."""
