"""What the command line shows of progress where nobody watches."""

from dataclasses import dataclass
from io import StringIO

import pytest
from rich.console import Console

from flows.cli import console as shown
from flows.cli.console import following_runs
from flows.engine.progress import listener


@dataclass
class Clock:
    now_s: float = 0.0

    def monotonic(self) -> float:
        return self.now_s


def test_lines_are_few_but_a_long_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, output = Clock(), StringIO()
    monkeypatch.setattr(shown, "time", clock)
    waiting = "Waiting for the upstream's call limit (next call in about {} min)"
    with following_runs(Console(file=output, width=120)):
        hear = listener.get()
        assert hear is not None
        for at_s, percent, message in [
            (0.0, 0.0, "Loading"),
            (1.0, 10.0, "Loading"),
            (2.0, 10.0, waiting.format(50)),
            (70.0, 10.0, waiting.format(49)),
            (75.0, 10.0, waiting.format(49)),
            (140.0, 10.0, waiting.format(49)),
            (145.0, 10.0, waiting.format(48)),
            (150.0, 31.0, "Computing frames"),
            (151.0, 100.0, "Published"),
            (300.0, 100.0, "Published"),
        ]:
            clock.now_s = at_s
            hear("FP1", percent, message)
    assert output.getvalue().splitlines() == [
        "FP1:   0 % Loading",
        f"FP1:  10 % {waiting.format(49)}",
        f"FP1:  10 % {waiting.format(48)}",
        "FP1:  31 % Computing frames",
        "FP1: 100 % Published",
    ]
