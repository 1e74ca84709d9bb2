from datetime import timedelta

import pytest

from publish.contract.dictionary import schema_documents
from publish.live import health
from publish.live.health import (
    DEGRADED,
    FAILING,
    GIVEN_UP,
    HEALTHY,
    STATES,
    UNWATCHED,
    WATCHED,
    Check,
    Health,
    health_document,
    merged_document,
    update_health,
    worst_state,
    write_health,
)
from publish.stores.shared_documents import read_document
from transforms.errors import PublicationError

ALL_WELL = [Check("destination", HEALTHY, "It could be read and written."), Check("awaiting", HEALTHY, "None.")]
AWAITED = [ALL_WELL[0], Check("awaiting", DEGRADED, "2024 Bahrain Grand Prix R.")]
WATCH = [Check("api", HEALTHY, "It answers."), *ALL_WELL, Check("disk", HEALTHY, "Much.")]


def states(document: Health) -> dict[str, str]:
    return {check.name: check.state for check in document.checks}


def read(store) -> Health:
    return read_document(store, "v1/health.json", Health)


@pytest.mark.parametrize(
    ("found", "worst"),
    [
        ((), HEALTHY),
        ((HEALTHY, HEALTHY), HEALTHY),
        ((HEALTHY, DEGRADED), DEGRADED),
        ((FAILING, DEGRADED, HEALTHY), FAILING),
    ],
)
def test_the_state_is_the_worst_of_the_checks(found, worst, publishing) -> None:
    assert worst_state(found) == worst
    checks = [Check(f"check_{number}", state, "") for number, state in enumerate(found)]
    assert health_document(checks, publishing.now).state == worst


def test_the_watch_holds_half_an_hour_and_texts_are_public(publishing) -> None:
    document = health_document([Check("disk", FAILING, "No room in '/var/cache/parcferme'.")], publishing.now)
    assert document.valid_until - document.checked_at == timedelta(minutes=30)
    assert document.checks[0].message == "No room in (local path)."


def test_a_run_alone_writes_a_document_for_a_day_and_renews_it_when_it_changes_or_ages(file_store, publishing) -> None:
    now = publishing.now
    assert update_health(file_store, ALL_WELL, now, may_take_over=True)
    assert read(file_store).valid_until == now + timedelta(days=1)
    assert not update_health(file_store, ALL_WELL, now + UNWATCHED / 4, may_take_over=True)
    assert update_health(file_store, ALL_WELL, now + UNWATCHED / 2 + timedelta(seconds=1), may_take_over=True)
    assert update_health(file_store, AWAITED, now + UNWATCHED / 2 + timedelta(seconds=2), may_take_over=True)
    assert read(file_store).state == DEGRADED
    assert read_document(file_store, "index.json", dict)["links"]["health"] == "v1/health.json"


def test_a_run_keeps_the_checks_and_the_age_limit_of_the_watch(file_store, publishing) -> None:
    write_health(file_store, WATCH, publishing.now)
    before = read(file_store)
    assert update_health(file_store, AWAITED, publishing.now + timedelta(minutes=5), may_take_over=True)
    after = read(file_store)
    assert list(states(after)) == [check.name for check in WATCH]
    assert after.state == states(after)["awaiting"] == DEGRADED
    assert (after.checked_at, after.valid_until) == (before.checked_at, before.valid_until)
    assert update_health(file_store, ALL_WELL, publishing.now + timedelta(minutes=6), may_take_over=True)
    assert read(file_store) == before


def test_what_the_watch_found_wrong_stays_wrong_whatever_a_run_finds(publishing) -> None:
    before = health_document([*ALL_WELL, Check("workers", FAILING, "None.")], publishing.now)
    after = merged_document(before, ALL_WELL, publishing.now, may_take_over=True)
    assert after is not None and after.state == FAILING


def test_a_run_does_not_make_a_dead_watch_look_alive(publishing) -> None:
    before = health_document(WATCH, publishing.now)
    expired = publishing.now + WATCHED + timedelta(minutes=1)
    assert merged_document(before, ALL_WELL, expired, may_take_over=True) is None
    given_up = publishing.now + WATCHED + GIVEN_UP + timedelta(minutes=1)
    assert merged_document(before, ALL_WELL, given_up, may_take_over=False) is None
    after = merged_document(before, ALL_WELL, given_up, may_take_over=True)
    assert after == health_document(ALL_WELL, given_up, UNWATCHED)


def test_a_run_leaves_what_it_does_not_know_to_the_watch(file_store, publishing) -> None:
    file_store.write("v1/health.json", b'{"schema":"parcferme/health/2"}')
    with pytest.raises(PublicationError, match="newer parcferme"):
        update_health(file_store, ALL_WELL, publishing.now, may_take_over=True)
    assert file_store.read("v1/health.json").data == b'{"schema":"parcferme/health/2"}'


def test_the_watch_replaces_anything(file_store, publishing) -> None:
    update_health(file_store, AWAITED, publishing.now, may_take_over=True)
    assert write_health(file_store, WATCH, publishing.now) == read(file_store)
    file_store.write("v1/health.json", b"{broken")
    write_health(file_store, WATCH, publishing.now)
    assert states(read(file_store))["api"] == HEALTHY


def test_the_page_beside_the_schemas_names_every_state_and_age_limit() -> None:
    page = schema_documents()["v1/schemas/health.md"].decode()
    assert all(f"`{state}`" in page for state in STATES)
    assert f"{health.WATCHED // timedelta(minutes=1)} minutes" in page
