"""Publishers at once, in separate processes: no entry is lost, no document is ever torn, the copies fit together."""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fault_store import check_copies, check_readers_view
from publisher_process import Job, publish_job

from publish import keys
from publish.contract.verify import verify_store
from publish.season.index import read_season
from publish.season.rebuild import follow_all
from publish.stores.base import Store
from publish.stores.shared_documents import read_document

RunAtOnce = Callable[[Store, list[Job]], None]
PATHS = ("frames/25/0000.json.gz", "parquet/laps.parquet", "parquet/results.parquet", "rows/skip_1.json.gz")
COPIES = {
    "v1/parquet/laps/2024/9472.parquet": "parquet/laps.parquet",
    "v1/parquet/results/2024/9472.parquet": "parquet/results.parquet",
    "telemetry/2024/1/skip_1.json.gz": "rows/skip_1.json.gz",
}
_PATIENCE_S = 120.0


@pytest.fixture(params=["file", "moto", "real"])
def store(request: pytest.FixtureRequest) -> Store:
    return request.getfixturevalue({"file": "file_store", "moto": "moto_store", "real": "real_s3_store"}[request.param])


@pytest.fixture
def run_at_once() -> RunAtOnce:
    """Run one process per job; reads along meanwhile and fails if a reader stumbles or a process does."""
    # Forked from a process without threads that has everything imported: sixteen imports take longer than the test.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["publish.publication", "publish.stores.s3", "publish.stores.folder"])

    def run(store: Store, jobs: list[Job]) -> None:
        start = context.Barrier(len(jobs))
        environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        processes = [
            context.Process(target=publish_job, args=(store.uri, job, start, environment), daemon=True) for job in jobs
        ]
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            check_readers_view(store)
            processes[0].join(0.2)
        for process in processes:
            process.join(_PATIENCE_S)
        assert [process.exitcode for process in processes] == [0] * len(processes)

    return run


def _job(publishing: SimpleNamespace, contents: list[str], session_key: int = 9472, round_number: int = 1) -> Job:
    return Job(
        publishing.identity(session_key, round_number=round_number, event=f"Grand Prix {round_number}"),
        [publishing.revision(content, session_key=session_key, paths=PATHS) for content in contents],
        publishing.summary,
        publishing.now,
    )


def test_sixteen_sessions_of_a_season_at_once(
    store: Store, run_at_once: RunAtOnce, publishing: SimpleNamespace
) -> None:
    rounds = {9499 + number: number for number in range(1, 17)}
    jobs = [_job(publishing, ["one"], key, number) for key, number in rounds.items()]
    in_backfill = store.uri.startswith("s3:")
    run_at_once(store, [replace(job, with_tables=not in_backfill) for job in jobs])
    assert follow_all(store, 2024) == in_backfill
    assert verify_store(store).findings == ()
    season = read_season(store, 2024)
    assert season is not None
    indexed = {
        session.session_key: (event.round, event.name, session.state)
        for event in season.events
        for session in event.sessions
    }
    assert indexed == {key: (number, f"Grand Prix {number}", "published") for key, number in rounds.items()}
    root = read_document(store, keys.INDEX, dict)
    assert root is not None and [entry["year"] for entry in root["seasons"]] == [2024]
    assert {keys.latest(key) for key in rounds} <= check_readers_view(store)


def test_two_revisions_of_one_session_at_once(
    store: Store, run_at_once: RunAtOnce, publishing: SimpleNamespace
) -> None:
    jobs = [_job(publishing, [f"{writer}{number}" for number in range(3)]) for writer in "ab"]
    run_at_once(store, jobs)
    latest = read_document(store, keys.latest(9472), dict)
    season = read_season(store, 2024)
    assert latest is not None and season is not None
    assert latest["revision"] in {job.revisions[-1].revision for job in jobs}
    made = {revision.revision for job in jobs for revision in job.revisions}
    assert {entry["revision"] for entry in latest["revisions"]} == made
    (session,) = season.events[0].sessions
    assert session.revision == latest["revision"]
    check_copies(store, 9472, COPIES)
    check_readers_view(store)
