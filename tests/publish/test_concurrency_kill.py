"""SIGKILL at any moment, also in the middle of a request: nothing half done is seen, and the next run finishes."""

import multiprocessing
import signal
from pathlib import Path

from fault_store import check_copies, check_readers_view
from publisher_process import Job, publish_job

from publish import keys
from publish.publication import publish_revision
from publish.stores.base import Store
from publish.stores.shared_documents import read_document

PATHS = (*(f"frames/25/{number:04}.json.gz" for number in range(20)), "parquet/laps.parquet", "rows/skip_1.json.gz")
COPIES = {
    "v1/parquet/laps/year=2024/session_key=9472.parquet": "parquet/laps.parquet",
    "telemetry/2024/1/skip_1.json.gz": "rows/skip_1.json.gz",
}
_KILLS = 8


def test_killed_outright(file_store: Store, publishing) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["publish.publication", "publish.stores.s3", "publish.stores.folder"])
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
