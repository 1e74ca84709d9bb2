"""The commands that fill the raw archive: where the data can be had, for somewhere else to compute from."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.cli.parser import SESSION_HELP, cli
from transforms.errors import InputError, NotReadyError, ParcfermeError

if TYPE_CHECKING:
    from rich.console import Console

    from flows.session_ref import SessionRef
    from flows.settings import Settings
    from publish.stores.base import Store

_LOGGER = logging.getLogger(__name__)


@cli.command(help="download a session into the raw archive, publishing nothing")
@click.argument("year", type=int, required=False)
@click.argument("event", required=False, help="round or name, for example 1 or Bahrain")
@click.argument("session", required=False, help=SESSION_HELP)
@click.option("--due", is_flag=True, help="every session of the last days that is to be looked at now, for cron")
@click.option("--days", type=click.IntRange(1, 366), default=14, show_default=True, help="how far --due looks back")
@click.option("--force", is_flag=True, help="take for lost what the upstream lists and says it has not")
@click.option("--from-cache", "from_cache", type=click.Path(path_type=Path), help="take it from this FastF1 cache")
def fetch(
    year: int | None,
    event: str | None,
    session: str | None,
    due: bool,
    days: int,
    force: bool,
    from_cache: Path | None,
    verbose: bool,
) -> int:
    """Fetch one session, or all that are due; 1 if one of them could not be had."""
    from flows.cli.console import make_console
    from flows.settings import read_settings
    from flows.upstream.archive import open_archive
    from flows.upstream.client import keep_quiet

    keep_quiet(verbose=verbose)
    console, settings = make_console(), read_settings()
    named = (year, event, session)
    if due:
        if any(part is not None for part in named) or from_cache is not None:
            raise InputError("--due finds the sessions itself: leave out year, event, session and --from-cache.")
        return _fetch_due(console, settings, open_archive(settings), timedelta(days=days), force=force)
    if year is None or event is None or session is None:
        raise InputError("Type year, event and session, for example: parcferme fetch 2024 Monaco R; or fetch --due.")
    from flows.cli.runs import find_session

    if from_cache is not None and not from_cache.is_dir():
        raise InputError(f"{from_cache} is no folder. Name the FastF1 cache to take the session from.")
    wanted = find_session(settings, year, event, session)
    if from_cache is not None:
        return _take_from_cache(console, settings, from_cache, wanted.ref)
    return _fetch(console, settings, wanted.ref, force=force)


@cli.command("import", help="take a recording of the live feed into the raw archive")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--session",
    "named",
    type=(int, str, str),
    required=True,
    metavar="YEAR EVENT SESSION",
    help="whose it is, for example --session 2024 Mexico FP3",
)
@click.option("--session-key", type=click.IntRange(1), help="Formula 1's number of it, where nothing else tells it")
def import_(files: tuple[Path, ...], named: tuple[int, str, str], session_key: int | None, verbose: bool) -> int:
    """Keep a recording, in one file or several, as another source of its session."""
    from flows.cli.console import make_console
    from flows.cli.runs import find_session
    from flows.settings import read_settings
    from flows.upstream.archive import open_archive
    from flows.upstream.client import Client, keep_quiet
    from flows.upstream.live_import import import_recording

    keep_quiet(verbose=verbose)
    console, settings = make_console(), read_settings()
    open_archive(settings)
    wanted = find_session(settings, *named).ref
    done = import_recording(settings, Client.of(settings), wanted, files, _LOGGER, session_key=session_key)
    console.print(f"{done.sentence}.", markup=False, soft_wrap=True)
    return 0


def _fetch(console: "Console", settings: "Settings", session: "SessionRef", *, force: bool) -> int:
    from flows.upstream.client import Client
    from flows.upstream.fetch import fetch_session

    client = replace(Client.of(settings), takes_its_word=force)
    done = fetch_session(settings, client, session, _LOGGER)
    console.print(f"{done.sentence}.", markup=False, soft_wrap=True)
    return 0 if done.entry.is_complete else 1


def _fetch_due(console: "Console", settings: "Settings", store: "Store", back: timedelta, *, force: bool) -> int:
    from flows.health.machine import describe_ending, read_sign_in
    from flows.upstream.fetch import due_sessions

    now = settings.current_time()
    times = _times(settings, now, back)
    failed = 0
    sessions = due_sessions(store, list(times), times)
    for one in sessions:
        try:
            _fetch(console, settings, one, force=force)
        except NotReadyError as error:
            console.print(f"{error} It is looked for again.", markup=False, soft_wrap=True)
        except ParcfermeError as error:
            failed += 1
            console.print(f"{error}", markup=False, soft_wrap=True)
    if not sessions:
        console.print("Nothing is due.", markup=False)
    if (ending := describe_ending(read_sign_in(), [], now)) is not None:
        console.print(ending, markup=False, soft_wrap=True)
    return 1 if failed else 0


def _times(settings: "Settings", now: datetime, back: timedelta) -> "dict[SessionRef, list[datetime]]":
    """Return the sessions that ended within ``back``, with the times by now at which each is to be looked at."""
    from flows.session_times import RECHECKS, session_end_utc
    from flows.upstream.calendar import read_schedule
    from flows.upstream.client import Client
    from flows.upstream.selection import Wanted

    times: dict[SessionRef, list[datetime]] = {}
    for year in sorted({(now - back).year, now.year}):
        for event in read_schedule(Client.of(settings), year, now):
            for session in () if event.testing else event.sessions:
                if session.start_utc is None:
                    continue
                end = session_end_utc(session.start_utc, session.code)
                first = end + settings.start_delay
                if now - back <= end and first <= now:
                    looks = [first, *(first + after for after in RECHECKS.values())]
                    times[Wanted(year, event, session).ref] = [at for at in looks if at <= now]
    return times


def _take_from_cache(console: "Console", settings: "Settings", cache_dir: Path, session: "SessionRef") -> int:
    from flows.upstream.archive import take_from_cache
    from flows.upstream.client import Client
    from flows.upstream.load import locate

    kept = take_from_cache(settings, cache_dir, locate(Client.of(settings), session), _LOGGER)
    said = "kept in the archive" if kept else "in the archive already, as this cache has it"
    console.print(f"{session.label} is {said}.", markup=False, soft_wrap=True)
    return 0
