"""What an operator does to a destination by hand: look whether it is whole, go back, clean up, compare."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from flows.cli.console import make_console
from flows.destination import open_destination
from flows.settings import read_settings
from publish.contract.verify import Finding, verdict_of, verify_store
from publish.publication import roll_back
from publish.revisions.diff import RevisionDiff, read_diff
from publish.revisions.latest import read_latest
from publish.revisions.prune import Removal, carry_out, plan_prune
from publish.site.prune import OldParts, plan_prune_pages, remove_pages
from transforms.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

_AGE = re.compile(r"([0-9]{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def rollback(session_key: int, revision: str | None) -> int:
    """Make an earlier revision current again and say what is current then."""
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


def verify(*, deep: bool) -> int:
    """Check everything published; 1 and a table if something is wrong."""
    store = open_destination(read_settings())
    console = make_console()
    with console.status(f"Verifying {escape(store.uri)}") as status:
        found = verify_store(
            store, deep=deep, on_progress=lambda done, total: status.update(f"Verified {done} of {total} sessions")
        )
    if found.findings:
        _print_findings(console, found.findings)
    console.print(verdict_of(found, store.uri), markup=False, soft_wrap=True)
    return 0 if found.is_good else 1


def prune(*, keep: int, older_than: str, dry_run: bool) -> int:
    """Remove old revisions, old versions of the pages and what was left behind, and say what."""
    age = parse_age(older_than)
    settings = read_settings()
    store = open_destination(settings)
    console = make_console()
    now = settings.current_time()
    removals = plan_prune(store, keep=keep, older_than=age, now=now)
    pages = plan_prune_pages(store, older_than=age, now=now)
    planned: list[Removal | OldParts] = [*removals, *pages]
    gained = sum(removal.bytes for removal in planned)
    if dry_run:
        for removal in planned:
            _print_removal(console, "would remove", removal)
    else:

        def on_removed(removal: Removal | OldParts) -> None:
            _print_removal(console, "removed", removal)

        gained = carry_out(store, removals, keep=keep, on_removed=on_removed)
        gained += remove_pages(store, pages, on_removed=on_removed)
        store.remove_unfinished(now - age)
    what = "Would gain" if dry_run else "Gained"
    console.print(f"{what} {gained:,} bytes in {store.uri}.", markup=False, soft_wrap=True)
    return 0


def diff(given: Sequence[str]) -> int:
    """Print what differs between two revisions: ``[session key] before after``."""
    session_key, before, after = parse_revisions(given)
    _print_diff(make_console(), read_diff(open_destination(read_settings()), before, after, session_key))
    return 0


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


def _print_findings(console: "Console", findings: Sequence[Finding]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("object", overflow="fold")
    table.add_column("what is wrong", overflow="fold")
    for finding in sorted(findings, key=lambda one: one.is_orphan):
        table.add_row("orphan" if finding.is_orphan else "wrong", escape(finding.key), escape(finding.problem))
    console.print(table)


def _print_removal(console: "Console", what: str, removal: Removal | OldParts) -> None:
    console.print(
        f"{what} {removal.name}: {len(removal.objects)} objects, {removal.bytes:,} bytes, {removal.reason}",
        markup=False,
        soft_wrap=True,
    )


def _print_diff(console: "Console", found: RevisionDiff) -> None:
    console.print(f"Session {found.session_key}: {found.before} -> {found.after}", markup=False, soft_wrap=True)
    if found.objects:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("object", overflow="fold")
        table.add_column("", no_wrap=True)
        for name in ("bytes before", "bytes after"):
            table.add_column(name, justify="right", no_wrap=True)
        for change in found.objects:
            sizes = ("" if size is None else f"{size:,}" for size in (change.bytes_before, change.bytes_after))
            table.add_row(escape(change.path), change.what, *sizes)
        console.print(table)
    if found.results:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("car", "result", "before", "after"):
            table.add_column(name, overflow="fold")
        for result in found.results:
            table.add_row(
                escape(result.car), escape(result.field), escape(str(result.before)), escape(str(result.after))
            )
        console.print(table)
    console.print(
        f"{len(found.objects)} objects, {len(found.results)} results and {found.laps} laps differ.", markup=False
    )
