from datetime import timedelta

from publish.health import VALIDITY, health_document, write_health
from publish.season import Event, ScheduledSession, SessionState, update_season
from publish.shared_documents import read_document


def season(*states: str) -> dict:
    sessions = [{"code": code, "state": state} for code, state in zip(("FP1", "Q", "R"), states, strict=False)]
    return {"year": 2024, "events": [{"name": "Bahrain Grand Prix", "sessions": sessions}]}


def test_nothing_expected_is_healthy(publishing) -> None:
    assert health_document([], publishing.now)["state"] == "healthy"
    assert health_document([season("published", "unavailable", "scheduled")], publishing.now)["state"] == "healthy"


def test_failed_and_awaited_sessions_degrade_and_are_named(publishing) -> None:
    found = health_document([season("published", "failed", "awaiting_data")], publishing.now)
    assert found["state"] == "degraded"
    messages = {check["name"]: check["message"] for check in found["checks"]}
    assert messages["failed_sessions"].startswith("2024 Bahrain Grand Prix Q. ")
    assert messages["awaited_sessions"].startswith("2024 Bahrain Grand Prix R. ")


def test_many_are_counted(publishing) -> None:
    found = health_document([season("failed", "failed", "failed")] * 3, publishing.now)
    assert "and 4 more" in found["checks"][1]["message"]


def test_it_is_written_when_it_changes_or_ages_and_linked(file_store, publishing) -> None:
    sessions = (ScheduledSession("R", "Race", None),)
    event = Event(1, "Bahrain Grand Prix", "Bahrain", "Sakhir", "2024-03-02", "conventional", False, sessions)
    update_season(file_store, 2024, [event], publishing.now)
    assert write_health(file_store, publishing.now)
    assert not write_health(file_store, publishing.now + VALIDITY / 4)
    assert write_health(file_store, publishing.now + VALIDITY / 2 + timedelta(seconds=1))
    update_season(file_store, 2024, [event], publishing.now, {(1, "R"): SessionState("failed")})
    assert write_health(file_store, publishing.now + VALIDITY / 2 + timedelta(seconds=2))
    assert read_document(file_store, "v1/health.json")["state"] == "degraded"
    assert read_document(file_store, "index.json")["links"]["health"] == "v1/health.json"
