from datetime import UTC, datetime, timedelta

from publish.live.status import Status, write_status
from publish.stores.shared_documents import read_document

BEGIN = datetime(2024, 3, 2, 18, 0, tzinfo=UTC)
KEY = "v1/status/2024/1/R.json"


def status(progress, run="run-1", kind="progress", started=BEGIN, seconds=10, error=None):
    return Status(
        type=kind,
        state="Running",
        progress=progress,
        message=f"{progress} %",
        flow_run_id=run,
        flow_run_name="clever-fox",
        started_at=started,
        updated_at=started + timedelta(seconds=seconds),
        error=error,
    )


def progress_of(store):
    document = read_document(store, KEY, dict)
    return document["flow_run_id"], document["type"], document["progress"]


def test_document_has_exactly_the_contract(file_store):
    assert write_status(file_store, 2024, 1, "R", status(10))
    assert read_document(file_store, KEY, dict) == {
        "schema": "parcferme/status/1",
        "type": "progress",
        "state": "Running",
        "progress": 10,
        "message": "10 %",
        "flow_run_id": "run-1",
        "flow_run_name": "clever-fox",
        "flow_run_url": None,
        "started_at": "2024-03-02T18:00:00.000Z",
        "updated_at": "2024-03-02T18:00:10.000Z",
        "next_attempt_at": None,
        "error": None,
        "cause": None,
        "lease": None,
    }


def test_progress_never_goes_back_within_a_run(file_store):
    for progress, expected in ((10, 10), (50, 50), (30, 50), (-5, 50), (200, 100)):
        write_status(file_store, 2024, 1, "R", status(progress))
        assert progress_of(file_store) == ("run-1", "progress", expected)


def test_nothing_but_an_error_follows_complete(file_store):
    write_status(file_store, 2024, 1, "R", status(100, kind="complete"))
    assert not write_status(file_store, 2024, 1, "R", status(99))
    write_status(file_store, 2024, 1, "R", status(100, kind="error", error="the index could not be written"))
    assert progress_of(file_store) == ("run-1", "error", 100)


def test_a_retry_of_a_failed_run_shows_progress_again(file_store):
    write_status(file_store, 2024, 1, "R", status(40, kind="error", error="x"))
    write_status(file_store, 2024, 1, "R", status(10, started=BEGIN + timedelta(minutes=5)))
    document = read_document(file_store, KEY, dict)
    assert (document["progress"], document["error"], document["started_at"]) == (40, None, "2024-03-02T18:00:00.000Z")


def test_later_run_replaces_and_stragglers_do_not(file_store):
    write_status(file_store, 2024, 1, "R", status(90))
    write_status(file_store, 2024, 1, "R", status(5, "run-2", started=BEGIN + timedelta(minutes=1)))
    assert progress_of(file_store) == ("run-2", "progress", 5)
    assert not write_status(file_store, 2024, 1, "R", status(95, seconds=90))
    assert progress_of(file_store) == ("run-2", "progress", 5)
