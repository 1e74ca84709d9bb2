"""SIGKILL at any moment, also in the middle of a request, and every signal at every stage: nothing half done is seen,
and the next run finishes.
"""

import multiprocessing
import signal
from pathlib import Path

import pytest
from fault_store import check_copies, check_readers_view
from publisher_process import Job, publish_job, publish_until_signalled

from publish import keys
from publish.publication import publish_revision
from publish.stores.base import Store
from publish.stores.folder import FileStore
from publish.stores.shared_documents import read_document

PATHS = (*(f"frames/25/{number:04}.json.gz" for number in range(20)), "parquet/laps.parquet", "rows/skip_1.json.gz")
COPIES = {
    "v1/parquet/laps/2024/9472.parquet": "parquet/laps.parquet",
    "telemetry/2024/1/skip_1.json.gz": "rows/skip_1.json.gz",
}
_KILLS = 8
#: What is written when the signal comes.
STAGES = {
    "objects": "v1/sessions/*/parquet/*",
    "manifest": "v1/sessions/*/manifest.json",
    "latest": "v1/sessions/*/latest.json",
    "copies": "v1/parquet/*",
    "season": "v1/seasons/*",
    "root": "index.json",
}
ENDINGS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}


@pytest.fixture
def context():
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["publish.publication", "publish.stores.s3", "publish.stores.folder"])
    return made


@pytest.mark.parametrize("stage", STAGES)
def test_signalled_at_a_stage(tmp_path, context, publishing, stage) -> None:
    before, after = (publishing.revision(content, paths=(PATHS[0], *PATHS[-2:])) for content in ("before", "after"))
    job = Job(publishing.identity(), [after], publishing.summary, publishing.now)
    for number, ending in ENDINGS.items():
        store = FileStore(tmp_path / number.name)
        if stage != "root":  # it is written once
            publish_revision(store, before, publishing.identity(), summary=publishing.summary, now=publishing.now)
        process = context.Process(target=publish_until_signalled, args=(store.uri, job, STAGES[stage], number))
        process.start()
        process.join(60)
        assert process.exitcode == ending
        check_readers_view(store)
        publish_revision(store, after, publishing.identity(), summary=publishing.summary, now=publishing.now)
        latest = read_document(store, keys.latest(9472), dict)
        assert latest is not None and latest["revision"] == after.revision
        check_copies(store, 9472, COPIES)
        check_readers_view(store)


def test_killed_outright(file_store: Store, context, publishing) -> None:
    revisions = [publishing.revision(f"{number}", paths=PATHS) for number in range(60)]
    job = Job(publishing.identity(), revisions, publishing.summary, publishing.now)
    for number in range(_KILLS):
        start = context.Barrier(2)
        process = context.Process(target=publish_job, args=(file_store.uri, job, start, {}), daemon=True)
        process.start()
        start.wait(60)
        process.join(0.03 * (number + 1))  # somewhere in the middle, each time somewhere else
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        check_readers_view(file_store)
    last = revisions[-1]
    publish_revision(file_store, last, publishing.identity(), summary=publishing.summary, now=publishing.now)
    latest = read_document(file_store, keys.latest(9472), dict)
    assert latest is not None and latest["revision"] == last.revision
    assert len(latest["revisions"]) > 1, "no run came far enough to be interrupted in its work"
    check_copies(file_store, 9472, COPIES)
    check_readers_view(file_store)
    assert not [row.key for row in file_store.list("") if Path(row.key).name.startswith(".")]
