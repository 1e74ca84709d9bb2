import os
import tempfile
from pathlib import Path

import pytest

from flows.spool import working_folder


@pytest.fixture(autouse=True)
def own_tmpdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _make_old(folder: Path) -> None:
    os.utime(folder, (1.0, 1.0))


def test_the_folder_is_removed_whatever_happens(own_tmpdir: Path) -> None:
    with pytest.raises(ZeroDivisionError), working_folder() as folder:
        (folder / "frames").mkdir()
        (folder / "frames" / "0000").write_text("x")
        raise ZeroDivisionError
    assert list(own_tmpdir.iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_nothing_else(own_tmpdir: Path) -> None:
    abandoned, young, foreign = (
        own_tmpdir / name for name in ("parcferme-spool-dead", "parcferme-spool-young", "other-dead")
    )
    for folder in (abandoned, young, foreign):
        folder.mkdir()
        (folder / "left").write_text("x")
    _make_old(abandoned)
    _make_old(foreign)
    with working_folder() as first:
        _make_old(first)
        with working_folder() as second:
            assert sorted(own_tmpdir.iterdir()) == sorted([young, foreign, first, second])
