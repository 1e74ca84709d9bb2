"""What the command line shows: progress while it works, one table at the end. Knows nothing of flows."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from flows.engine.progress import listener
from flows.session.reports import PublishReport

#: Without a terminal a line is written only when this much has been done since the last one, percent, or when there is
#: something else to say after this time.
_PLAIN_STEP_PERCENT = 20.0
_PLAIN_PAUSE_S = 60.0
#: Wide enough for the table where no terminal tells its width.
_PLAIN_WIDTH = 120
_BAR_WIDTH = 12


def make_console() -> Console:
    """Return a console for standard output; without a terminal it writes plain text of a fixed width."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_PLAIN_WIDTH)


@contextmanager
def following_runs(console: Console) -> Iterator[None]:
    """Show the progress of every run inside the block: a bar each on a terminal, else now and then a line."""
    shown = _Bars(console) if console.is_terminal else _Lines(console)
    with shown:
        token = listener.set(shown.hear)
        try:
            yield
        finally:
            listener.reset(token)


class _Lines:
    """Progress where nobody watches."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._written: dict[str, _Line] = {}

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def hear(self, label: str, percent: float, message: str) -> None:
        """Write a line if enough has happened since the last one, or nothing for long but what it waits for."""
        before, now_s = self._written.get(label), time.monotonic()
        if before is None or before.is_followed_by(percent, message, now_s):
            self._written[label] = _Line(percent, message, now_s)
            self._console.print(f"{label}: {percent:3.0f} % {message}", markup=False, soft_wrap=True)


@dataclass(frozen=True)
class _Line:
    """What was written of a run, and when: s of the monotonic clock."""

    percent: float
    message: str
    at_s: float

    def is_followed_by(self, percent: float, message: str, at_s: float) -> bool:
        """Whether the next line is due."""
        has_moved = percent - self.percent >= _PLAIN_STEP_PERCENT or percent >= 100.0 > self.percent
        return has_moved or (message != self.message and at_s - self.at_s >= _PLAIN_PAUSE_S)


class _Bars:
    """Progress on a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=_BAR_WIDTH),
            TextColumn("{task.percentage:3.0f} %", table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            TextColumn(
                "{task.fields[message]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
            ),
            console=console,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def hear(self, label: str, percent: float, message: str) -> None:
        """Move the bar of ``label``."""
        if label not in self._tasks:
            self._tasks[label] = self._progress.add_task(label, total=100.0, message=message)
        self._progress.update(self._tasks[label], completed=percent, message=message)


def print_reports(console: Console, reports: Iterable[PublishReport]) -> None:
    """Print the table that ends a run: session, state, grade, frames, bytes, seconds; below it what went wrong."""
    rows = list(reports)
    table = Table(box=None, pad_edge=False, header_style="bold")
    # On a narrow terminal the names fold and the numbers stay whole.
    table.add_column("session", overflow="fold")
    for name in ("state", "grade"):
        table.add_column(name, no_wrap=True)
    for name in ("frames", "bytes", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for report in rows:
        table.add_row(
            _short(report),
            "up to date" if report.unchanged else report.state.replace("_", " "),
            report.grade or "",
            _grouped(report.frames),
            _grouped(report.bytes),
            "" if report.seconds is None else f"{report.seconds:.1f}",
        )
    console.print(table)
    for report in rows:
        if report.has_failed and report.message:
            console.print(f"{report.session.label}: {report.message}", markup=False, soft_wrap=True)


def _short(report: PublishReport) -> str:
    """Return a session's name short enough for a row of 80 characters."""
    session = report.session
    return f"{session.year}/{session.round} {session.event.replace('Grand Prix', 'GP')} {session.code}"


def _grouped(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
