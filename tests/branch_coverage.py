"""Branch coverage of the two rooms that know no Prefect, by the tests that look at them from close by, with a floor.

``pytest --branch-coverage`` measures while it runs; each process of a distributed run leaves its own data. Tracing
makes a test half as slow again, so it is off in tests that look from afar, or do one thing very often.
"""

import importlib
import os
import pkgutil
from collections import Counter
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from coverage import Coverage

#: Percent of all branches and lines; raise it with what is measured, never lower it.
FLOOR_PERCENT = 95.5
ROOMS = ("transforms", "publish")
#: Tests in the folders of these rooms whose work has been traced before, in fewer steps.
UNTRACED = ("test_recorded", "test_structs", "test_interleavings", "test_concurrency", "test_concurrency_kill")
#: Of the cases of one test the first are: the others mostly lead through the same code.
CASES = 2
#: Where the processes of a distributed run meet.
_FOLDER = "BRANCH_COVERAGE_FOLDER"
_ROOT = Path(__file__).parents[1]


class BranchCoverage:
    """The plugin of one process: it traces, or brings together what others have traced, or both."""

    def __init__(self, config: pytest.Config) -> None:
        self._is_worker = hasattr(config, "workerinput")
        self._is_distributed = self._is_worker or bool(config.getoption("numprocesses", default=None))
        if not self._is_worker:
            folder = TemporaryDirectory(prefix="branch-coverage-", ignore_cleanup_errors=True)
            config.add_cleanup(folder.cleanup)
            os.environ[_FOLDER] = folder.name
        self._coverage = Coverage(
            data_file=str(Path(os.environ[_FOLDER]) / "data"),
            data_suffix=True,
            branch=True,
            config_file=False,
            source=[str(_ROOT / room) for room in ROOMS],
        )
        self._coverage.exclude(r"if TYPE_CHECKING:")
        self._coverage.exclude(r"^\s*\.\.\.$")
        self._report = ""
        self._cases: Counter[str] = Counter()
        if self._traces:
            self._import_the_rooms()

    @property
    def _traces(self) -> bool:
        return self._is_worker or not self._is_distributed

    def _import_the_rooms(self) -> None:
        """Trace what modules do while they are imported: not all that tests import besides."""
        self._coverage.start()
        for room in ROOMS:
            for module in pkgutil.walk_packages([str(_ROOT / room)], f"{room}."):
                importlib.import_module(module.name)
        self._coverage.stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        """Trace the tests of the rooms."""
        folder = item.path.relative_to(_ROOT / "tests").parts[0]
        test = item.nodeid.partition("[")[0]
        self._cases[test] += 1
        if folder not in ROOMS or item.path.stem in UNTRACED or self._cases[test] > CASES:
            return (yield)
        self._coverage.start()
        try:
            return (yield)
        finally:
            self._coverage.stop()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep what was traced; the last process brings it together and fails the run below the floor."""
        if self._traces:
            self._coverage.save()
        if self._is_worker:
            return
        self._coverage.combine()
        table = StringIO()
        percent = self._coverage.report(file=table, skip_covered=True, show_missing=True, precision=1, sort="miss")
        self._report = f"{table.getvalue()}\n{percent:.1f} % of branches and lines, at least {FLOOR_PERCENT} %"
        if percent < FLOOR_PERCENT and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what is not covered."""
        if self._report:
            terminalreporter.section("branch coverage of transforms and publish")
            terminalreporter.write_line(self._report)
