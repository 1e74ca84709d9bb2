"""What an operator does to a destination by hand: look whether it is whole, go back, clean up, compare."""

import re
from collections.abc import Sequence
from datetime import timedelta

import click

from flows.cli.parser import cli
from transforms.errors import InputError

_AGE = re.compile(r"([0-9]{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def parse_age(text: str) -> timedelta:
    """Return an age such as ``30d``, ``12h`` or ``2w``; raises InputError for anything else."""
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--older-than {text!r} is not an age. Type a number of hours, days or weeks: 12h, 30d, 2w.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_revisions(given: Sequence[str]) -> tuple[int | None, str, str]:
    """Return session key (None if it was not typed) and two revisions; raises InputError if that is not what it is."""
    if len(given) == 2:
        return None, given[0], given[1]
    if len(given) == 3 and given[0].isdecimal():
        return int(given[0]), given[1], given[2]
    raise InputError("Type two revisions, with the session key before them if you like: diff 9472 REV REV.")


@cli.command(help="make an earlier revision of a session current again")
@click.argument("session_key", type=int)
@click.argument("revision", required=False, help="the one before the present one by default")
def rollback(session_key: int, revision: str | None) -> int:
    """Make an earlier revision current again and say what is current then."""
    from flows.cli.console import make_console
    from flows.destination import open_destination
    from flows.settings import read_settings
    from publish.publication import roll_back
    from publish.revisions.latest import read_latest

    settings = read_settings()
    store = open_destination(settings)
    before = read_latest(store, session_key)
    if before is not None:
        store.check()
    latest = roll_back(store, session_key, revision, now=settings.current_time())
    label = f"{latest.year} {latest.event} {latest.session} ({session_key})"
    if before is not None and before.revision == latest.revision:
        text = f"{label} is at {latest.revision} already."
    else:
        text = (
            f"{label} is back at {latest.revision}. {', '.join(latest.withheld)} "
            f"{'stays' if len(latest.withheld) == 1 else 'stay'} out until a run with --force brings it back."
        )
    make_console().print(text, markup=False, soft_wrap=True)
    return 0


@cli.command(help="check that everything published is there and right")
@click.option("--deep", is_flag=True, help="read every object, prove its hash, look inside")
@click.option("--heal", is_flag=True, help="mend first what the destination itself holds all that is needed for")
def verify(deep: bool, heal: bool) -> int:
    """Check everything published; 1 and a table if something is wrong, with ``heal`` after mending what can be."""
    from rich.markup import escape

    from flows.cli.console import make_console
    from flows.cli.tables import findings_table
    from flows.destination import open_destination
    from flows.session.site import restore_site
    from flows.settings import read_settings
    from publish.contract.heal import heal_store
    from publish.contract.verify import verdict_of, verify_store

    settings = read_settings()
    store = open_destination(settings)
    console = make_console()
    with console.status(f"Verifying {escape(store.uri)}") as status:
        if heal:
            store.check()
            mended = heal_store(
                store,
                settings.current_time(),
                on_progress=lambda done, total: status.update(f"Mended {done} of {total} sessions"),
            )
            restored = restore_site(store)
            console.print(
                f"{mended} revisions were described anew, {restored} pages and schemas written anew.",
                markup=False,
            )
        found = verify_store(
            store, deep=deep, on_progress=lambda done, total: status.update(f"Verified {done} of {total} sessions")
        )
    if found.findings:
        console.print(findings_table(found.findings))
    console.print(verdict_of(found, store.uri), markup=False, soft_wrap=True)
    return 0 if found.is_good else 1


@cli.command(help="remove revisions that have not been current for long")
@click.option("--keep", type=int, default=3, help="newest revisions of a session that stay; 3 by default")
@click.option(
    "--older-than",
    type=parse_age,
    metavar="AGE",
    default="30d",
    help="not current for as long: 12h, 30d, 2w; 30d by default",
)
@click.option("--dry-run", is_flag=True, help="only say what would go")
def prune(keep: int, older_than: timedelta, dry_run: bool) -> int:
    """Remove old revisions, old versions of the pages and what was left behind, and say what."""
    from flows.cli.console import make_console
    from flows.cli.tables import describe_removal
    from flows.destination import open_destination
    from flows.settings import read_settings
    from publish.publication import prune as prune_revisions
    from publish.revisions.prune import Removal
    from publish.site.prune import OldParts, prune_pages

    settings = read_settings()
    store = open_destination(settings)
    console = make_console()

    def tell(removal: Removal | OldParts) -> None:
        what = "would remove" if dry_run else "removed"
        console.print(f"{what} {describe_removal(removal)}", markup=False, soft_wrap=True)

    now = settings.current_time()
    revisions = prune_revisions(store, keep=keep, older_than=older_than, now=now, dry_run=dry_run, on_removed=tell)
    pages = prune_pages(store, older_than=older_than, now=now, dry_run=dry_run, on_removed=tell)
    removals: tuple[Removal | OldParts, ...] = (*revisions, *pages)
    if dry_run:
        for removal in removals:
            tell(removal)
    gained = sum(removal.bytes for removal in removals)
    what = "Would gain" if dry_run else "Gained"
    console.print(f"{what} {gained:,} bytes in {store.uri}.", markup=False, soft_wrap=True)
    return 0


@cli.command(help="say what differs between two revisions of a session")
@click.argument("revisions", nargs=-1, required=True, help="[session key] revision revision")
def diff(revisions: Sequence[str]) -> int:
    """Print what differs between two revisions: ``[session key] before after``."""
    from flows.cli.console import make_console
    from flows.cli.tables import print_diff
    from flows.destination import open_destination
    from flows.settings import read_settings
    from publish.revisions.diff import read_diff

    session_key, before, after = parse_revisions(revisions)
    print_diff(make_console(), read_diff(open_destination(read_settings()), before, after, session_key))
    return 0
