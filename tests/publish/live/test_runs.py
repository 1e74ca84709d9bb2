from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from publish.live.runs import (
    MAX_LISTED,
    PlannedEntry,
    RunEntry,
    Runs,
    reconcile,
    replace_planned,
    run_ended,
    run_started,
)
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document
from transforms.errors import PublicationError

BEGIN = datetime(2024, 3, 2, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
URL = "https://prefect.example/runs/flow-run/run-1"


def run(number: int = 1, code: str = "R", started: datetime = BEGIN, url: str | None = None) -> RunEntry:
    return RunEntry(2024, 1, "Bahrain Grand Prix", code, f"run-{number}", f"fox-{number}", url, started)


def plan(number: int, minutes: int = 60) -> PlannedEntry:
    moment = BEGIN + minutes * MINUTE
    return PlannedEntry(2024, 2, "Saudi Arabian Grand Prix", "Q", f"run-{number}", None, None, "publish", moment)


def end(store, entry, state="published", minutes=5, message="Done.", **more) -> bool:
    moment = entry.started_at + minutes * MINUTE
    return run_ended(store, entry, ended_at=moment, state=state, message=message, now=moment, **more)


def read(store) -> dict:
    document = read_document(store, "v1/runs.json", dict)
    assert document is not None and read_document(store, "v1/runs.json", Runs) is not None
    return document


def listed(store) -> dict[str, list[str]]:
    document = read(store)
    return {name: [entry["flow_run_id"] for entry in document[name]] for name in ("running", "recent", "next")}


def test_the_document_has_exactly_the_contract(file_store):
    assert run_started(file_store, run(url=URL), BEGIN)
    started = {
        "year": 2024,
        "round": 1,
        "event": "Bahrain Grand Prix",
        "session": "R",
        "flow_run_id": "run-1",
        "flow_run_name": "fox-1",
        "flow_run_url": URL,
        "started_at": "2024-03-02T18:00:00.000Z",
        "status": "v1/status/2024/1/R.json",
    }
    assert read(file_store) == {
        "schema": "parcferme/runs/1",
        "updated_at": "2024-03-02T18:00:00.000Z",
        "running": [started],
        "recent": [],
        "next": [],
    }
    assert end(file_store, run(url=URL), grade="B", revision="0" * 16)
    replace_planned(file_store, [plan(2)], BEGIN + 6 * MINUTE)
    assert read(file_store) == {
        "schema": "parcferme/runs/1",
        "updated_at": "2024-03-02T18:06:00.000Z",
        "running": [],
        "recent": [
            {
                **started,
                "ended_at": "2024-03-02T18:05:00.000Z",
                "state": "published",
                "message": "Done.",
                "grade": "B",
                "revision": "0" * 16,
            }
        ],
        "next": [
            {
                "year": 2024,
                "round": 2,
                "event": "Saudi Arabian Grand Prix",
                "session": "Q",
                "flow_run_id": "run-2",
                "flow_run_name": None,
                "flow_run_url": None,
                "kind": "publish",
                "expected_at": "2024-03-02T19:00:00.000Z",
            }
        ],
    }


def test_nothing_is_written_where_nothing_changes(file_store):
    assert run_started(file_store, run(), BEGIN)
    assert not run_started(file_store, run(), BEGIN + MINUTE)
    assert not reconcile(file_store, {"run-1"}, {}, BEGIN + 10 * MINUTE)
    assert replace_planned(file_store, [plan(2)], BEGIN)
    assert not replace_planned(file_store, [plan(2)], BEGIN + MINUTE)
    assert end(file_store, run())
    assert not end(file_store, run())


def test_a_run_that_ended_twice_is_listed_once_as_it_ended_last(file_store):
    run_started(file_store, run(), BEGIN)
    end(file_store, run(), "crashed", minutes=5)
    end(file_store, run(), "published", minutes=9)
    assert not end(file_store, run(), "failed", minutes=7)
    assert [(entry["flow_run_id"], entry["state"]) for entry in read(file_store)["recent"]] == [("run-1", "published")]


def test_a_run_that_waited_runs_again_and_is_nowhere_else(file_store):
    run_started(file_store, run(), BEGIN)
    end(file_store, run(), "awaiting_data")
    assert listed(file_store) == {"running": [], "recent": ["run-1"], "next": []}
    again = replace(run(), started_at=BEGIN + 15 * MINUTE)
    run_started(file_store, again, again.started_at)
    assert listed(file_store) == {"running": ["run-1"], "recent": [], "next": []}
    assert not end(file_store, run(), "crashed", minutes=6), "the first attempt's late word"
    assert listed(file_store)["running"] == ["run-1"]


def test_a_late_word_does_not_bring_an_ended_run_back(file_store):
    end(file_store, run())
    assert not run_started(file_store, run(), BEGIN + MINUTE)
    assert listed(file_store) == {"running": [], "recent": ["run-1"], "next": []}


def test_what_runs_is_not_planned(file_store):
    replace_planned(file_store, [plan(2, 60), plan(1, 30)], BEGIN)
    assert listed(file_store)["next"] == ["run-1", "run-2"], "soonest first"
    run_started(file_store, run(1), BEGIN)
    assert listed(file_store) == {"running": ["run-1"], "recent": [], "next": ["run-2"]}
    replace_planned(file_store, [plan(1), plan(2), plan(3)], BEGIN)
    assert listed(file_store)["next"] == ["run-2", "run-3"]
    replace_planned(file_store, [replace(plan(0), flow_run_id=None)], BEGIN)
    assert listed(file_store)["next"] == [None]


def test_only_so_many_are_kept_newest_and_soonest_first(file_store):
    for number in range(MAX_LISTED + 5):
        end(file_store, run(number, started=BEGIN + number * MINUTE))
    replace_planned(file_store, [plan(100 + n, 1000 - n) for n in range(MAX_LISTED + 5)], BEGIN)
    document = read(file_store)
    assert [entry["flow_run_id"] for entry in document["recent"][:2]] == ["run-54", "run-53"]
    assert [entry["flow_run_id"] for entry in document["next"][:2]] == ["run-154", "run-153"]
    for name, key in (("recent", "ended_at"), ("next", "expected_at")):
        moments = [entry[key] for entry in document[name]]
        assert len(moments) == MAX_LISTED
        assert all((a > b) == (name == "recent") for a, b in pairwise(moments))


def test_reconciling_ends_what_the_orchestrator_says_is_dead_or_does_not_know(file_store):
    now = BEGIN + 10 * MINUTE
    for number, started in ((1, BEGIN), (2, BEGIN), (3, BEGIN), (4, now - 3 * MINUTE)):
        run_started(file_store, run(number, started=started), started)
    assert reconcile(file_store, ["run-1"], {"run-2": ("cancelled", "Somebody cancelled it.")}, now)
    assert listed(file_store) == {"running": ["run-1", "run-4"], "recent": ["run-2", "run-3"], "next": []}
    cancelled, lost = read(file_store)["recent"]
    assert (cancelled["state"], cancelled["message"]) == ("cancelled", "Somebody cancelled it.")
    assert (lost["state"], lost["ended_at"]) == ("crashed", "2024-03-02T18:10:00.000Z")
    assert "Run the session again" in lost["message"]
    assert reconcile(file_store, ["run-1"], {}, now + timedelta(seconds=1))
    assert listed(file_store)["running"] == ["run-1"]


def test_texts_hold_no_path_and_addresses_are_of_the_web(file_store, tmp_path):
    end(file_store, run(url="javascript:alert(1)"), "failed", message=f"Cannot write {tmp_path}/a: no space left.")
    (entry,) = read(file_store)["recent"]
    assert entry["message"] == "Cannot write (local path): no space left."
    assert entry["flow_run_url"] is None
    run_started(file_store, run(2), BEGIN)
    reconcile(file_store, [], {"run-2": ("crashed", f"Killed in {tmp_path}.")}, BEGIN)
    assert all(str(tmp_path) not in entry["message"] for entry in read(file_store)["recent"])


def test_what_nobody_knows_is_refused_before_anything_is_written(file_store):
    with pytest.raises(PublicationError, match=r"published\|unchanged.*recent\[0\]\.state"):
        end(file_store, run(), "fine")
    with pytest.raises(PublicationError, match=r"publish\|recheck.*next\[0\]\.kind"):
        replace_planned(file_store, [replace(plan(1), kind="fun")], BEGIN)
    with pytest.raises(PublicationError, match="not a session"):
        run_started(file_store, run(code="R2"), BEGIN)
    assert file_store.read("v1/runs.json") is None
    run_started(file_store, run(), BEGIN)
    before = read(file_store)
    with pytest.raises(PublicationError, match=r"recent\[0\]\.state"):
        reconcile(file_store, [], {"run-1": ("fine", "")}, BEGIN)
    assert read(file_store) == before


def test_a_clock_that_is_behind_does_not_make_the_document_older(file_store):
    run_started(file_store, run(1), BEGIN + 5 * MINUTE)
    run_started(file_store, run(2), BEGIN)
    assert read(file_store)["updated_at"] == "2024-03-02T18:05:00.000Z"


def test_writers_at_once_lose_nothing(tmp_path):
    """Runs begin and end while the planner plans and the sweep looks, each through a store object of its own."""

    def life(number: int) -> None:
        store = FileStore(tmp_path / "site")
        run_started(store, run(number), BEGIN)
        if number % 2:
            end(store, run(number), minutes=number)

    def plan_all(number: int) -> None:
        replace_planned(FileStore(tmp_path / "site"), [plan(n) for n in range(20, 23)], BEGIN)

    def sweep(number: int) -> None:
        reconcile(FileStore(tmp_path / "site"), [], {}, BEGIN + MINUTE)

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(work, number) for number in range(12) for work in (life, plan_all, sweep)]
        for job in jobs:
            job.result()
    found = listed(FileStore(tmp_path / "site"))
    assert set(found["running"]) == {f"run-{n}" for n in range(0, 12, 2)}
    assert found["recent"] == [f"run-{n}" for n in range(11, 0, -2)]
    assert found["next"] == ["run-20", "run-21", "run-22"]
