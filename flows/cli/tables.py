"""What maintenance found, for a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from publish.contract.findings import Finding
from publish.revisions.diff import RevisionDiff
from publish.revisions.prune import Removal
from publish.site.prune import OldParts


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return a row for everything that is not as it should be."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("object", overflow="fold")
    table.add_column("what is wrong", overflow="fold")
    for finding in findings:
        table.add_row(finding.kind, escape(finding.key), escape(finding.problem))
    return table


def describe_removal(removal: Removal | OldParts) -> str:
    """Return what it is, its size and why it may go."""
    return f"{removal.name}: {len(removal.objects)} objects, {removal.bytes:,} bytes, {removal.reason}"


def print_diff(console: Console, found: RevisionDiff) -> None:
    """Print which objects and results differ, and how many laps."""
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
