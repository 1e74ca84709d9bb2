"""Each check by itself, on made-up facts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from flows.health.machine import (
    GB,
    SIGN_IN_MARGIN,
    WEEKEND_MARGIN,
    SignIn,
    check_disk,
    check_f1_account,
    describe_ending,
    read_free_bytes,
    read_sign_in,
)
from flows.health.runs import (
    FAR_TOO_LATE,
    LATE,
    VERIFICATION_VALIDITY,
    WORKER_SILENCE,
    DeploymentFact,
    PoolFact,
    RunFact,
    WorkerFact,
    check_deployments,
    check_failed_runs,
    check_late_runs,
    check_verification,
    check_workers,
    subject_of,
)
from flows.health.sessions import (
    FAR_OVERDUE,
    SessionFact,
    check_awaiting,
    check_failed_sessions,
    check_published_in_time,
    sessions_in,
)
from flows.session_times import publication_due_utc, session_end_utc
from flows.settings import Settings
from publish.contract.dictionary import schema_documents
from publish.live.health import DEGRADED, FAILING, HEALTHY
from publish.live.status import Status
from publish.season.document import IndexedEvent, ScheduledSession, Season, not_published

NOW = datetime(2024, 3, 3, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


# --- workers, deployments ---


def worker(name: str = "one", *, online: bool = True, silent: timedelta | None = MINUTE) -> WorkerFact:
    return WorkerFact(name, online, None if silent is None else NOW - silent)


def pool(*workers: WorkerFact, paused: bool = False, needs_workers: bool = True) -> PoolFact:
    return PoolFact("parcferme", paused, needs_workers, workers)


@pytest.mark.parametrize(
    ("given", "deployments", "state", "said"),
    [
        (None, 0, HEALTHY, "Nothing is deployed"),
        (pool(), 0, HEALTHY, "Nothing is deployed"),
        (None, 8, FAILING, "parcferme deploy"),
        (pool(), 8, FAILING, "none was ever heard of"),
        (pool(worker(online=False)), 8, FAILING, "last heard of at 2024-03-03 11:59 UTC"),
        (pool(worker(silent=None)), 8, FAILING, "prefect worker start --pool parcferme"),
        (pool(worker(silent=WORKER_SILENCE + MINUTE)), 8, FAILING, "No worker"),
        (pool(worker(), paused=True), 8, DEGRADED, "paused"),
        (pool(needs_workers=False), 8, HEALTHY, "needs no workers"),
        (pool(worker()), 8, HEALTHY, "1 worker online in the pool parcferme: one; last heard of at 2024-03-03 11:59"),
        (pool(worker("a"), worker("b"), worker("c", online=False)), 8, HEALTHY, "2 workers online"),
    ],
)
def test_workers(given, deployments, state, said) -> None:
    check = check_workers(given, "parcferme", deployments=deployments, now=NOW)
    assert (check.name, check.state) == ("workers", state)
    assert said in check.message


def test_deployments() -> None:
    one, two = DeploymentFact("plan-season", False, NOW), DeploymentFact("verify", True, NOW)
    assert check_deployments([]).state == HEALTHY
    assert check_deployments([one]).state == HEALTHY
    paused = check_deployments([one, two])
    assert paused.state == DEGRADED and "verify" in paused.message and "plan-season" not in paused.message
    unscheduled = check_deployments([one, DeploymentFact("check-health", False, NOW, lacks_runs=True)])
    assert unscheduled.state == DEGRADED and "without a run to come: check-health" in unscheduled.message


# --- runs ---


def run(subject: str = "session:2024/Bahrain Grand Prix/R", **facts) -> RunFact:
    given = {"name": subject, "deployment": "publish-session", "state": "COMPLETED", "message": ""}
    times = {"expected_at": NOW - HOUR, "created_at": NOW - HOUR}
    return RunFact(subject=subject, **{**given, **times, **facts})


def waiting(late: timedelta, *, planned: bool = True) -> RunFact:
    expected = NOW - late
    return run(state="SCHEDULED", expected_at=expected, created_at=expected - (DAY if planned else timedelta()))


@pytest.mark.parametrize(
    ("runs", "is_at_work", "state", "said"),
    [
        ([], False, HEALTHY, "None."),
        ([waiting(LATE - MINUTE)], False, HEALTHY, "None."),
        ([waiting(LATE + MINUTE)], False, DEGRADED, "1 late, the oldest by 16 min"),
        ([waiting(LATE + MINUTE)], True, DEGRADED, "session:2024/Bahrain Grand Prix/R"),
        ([waiting(FAR_TOO_LATE + MINUTE), waiting(LATE + MINUTE)], False, FAILING, "2 late, the oldest by 2 h"),
        ([waiting(FAR_TOO_LATE + MINUTE)], True, DEGRADED, "1 late"),
        ([waiting(5 * HOUR, planned=False)] * 7, True, HEALTHY, "7 more wait for a free worker"),
        ([waiting(5 * HOUR, planned=False)] * 7, False, FAILING, "and 2 more"),
        ([waiting(5 * HOUR, planned=False), waiting(HOUR)], True, DEGRADED, "1 late, the oldest by 60 min"),
    ],
)
def test_late_runs(runs, is_at_work, state, said) -> None:
    check = check_late_runs(runs, is_at_work=is_at_work, now=NOW)
    assert check.state == state
    assert said in check.message


def test_earlier_runs_of_the_watch_itself_are_not_late() -> None:
    expected = NOW - 9 * HOUR
    own = run(deployment="check-health", state="SCHEDULED", expected_at=expected, created_at=expected - DAY)
    assert check_late_runs([own], is_at_work=False, now=NOW).state == HEALTHY


def failed(subject: str, ended: timedelta, **facts) -> RunFact:
    return run(subject, **{"state": "FAILED", "ended_at": NOW - ended, **facts})


def test_a_failed_run_is_named_until_a_later_run_of_the_same_session_completes() -> None:
    bad = failed("session:2024/Bahrain Grand Prix/R", 5 * HOUR)
    check = check_failed_runs([bad], [])
    assert check.state == DEGRADED
    assert "session:2024/Bahrain Grand Prix/R (publish-session, failed at 2024-03-03 07:00 UTC)" in check.message
    earlier, later = run(ended_at=NOW - 6 * HOUR), run(ended_at=NOW - 4 * HOUR)
    other = run("session:2024/Bahrain Grand Prix/Q", ended_at=NOW - 4 * HOUR)
    assert check_failed_runs([bad], [earlier, other]).state == DEGRADED
    assert check_failed_runs([bad], [earlier, later]).state == HEALTHY
    assert check_failed_runs([], []).state == HEALTHY


def test_two_failures_of_a_session_are_one_and_a_crash_is_called_so() -> None:
    check = check_failed_runs([failed("a", 2 * HOUR), failed("a", HOUR, state="CRASHED")], [])
    assert check.message.startswith("a (publish-session, crashed at 2024-03-03 11:00 UTC). ")


def test_verification_and_the_watch_are_not_told_twice() -> None:
    others = [failed("x", HOUR, deployment="verify"), failed("y", HOUR, deployment="check-health")]
    assert check_failed_runs(others, []).state == HEALTHY


def test_a_backfill_is_named_only_if_none_of_its_sessions_is() -> None:
    times = {"deployment": "backfill", "started_at": NOW - 4 * HOUR}
    backfill, session = failed("backfill:2024", HOUR, **times), failed("session:2024/Monaco/Q", 2 * HOUR)
    assert "backfill" in check_failed_runs([backfill], []).message
    assert check_failed_runs([backfill, session], []).message.startswith("session:2024/Monaco/Q (")
    assert "backfill:2024" in check_failed_runs([backfill, failed("session:z", 9 * HOUR)], []).message
    put_right = run("session:2024/Monaco/Q", ended_at=NOW - HOUR)
    assert check_failed_runs([backfill, session], [put_right]).state == HEALTHY
    crashed = failed("backfill:2024", HOUR, **times | {"state": "CRASHED"})
    assert "backfill:2024" in check_failed_runs([crashed, session], []).message


def test_subjects() -> None:
    def resolve(*given) -> str:
        return f"resolved:{given}"

    tags = ["parcferme", "session:2024/Bahrain Grand Prix/R"]
    assert subject_of("publish-session", tags, {}, resolve) == tags[1]
    by_hand = {"year": 2024, "event": "Bahrain", "session": "Race"}
    assert subject_of("publish-session", ["parcferme"], by_hand, resolve) == "resolved:(2024, 'Bahrain', 'Race')"
    assert subject_of("backfill", [], {"year": 2024}, resolve) == "backfill:2024"
    assert subject_of("prune", [], {}, resolve) == "prune:"


@pytest.mark.parametrize(
    ("last", "deployed", "state", "said"),
    [
        (None, None, HEALTHY, "No verification"),
        (None, NOW - DAY, HEALTHY, "has not run yet"),
        (None, NOW - VERIFICATION_VALIDITY - DAY, DEGRADED, "never run"),
        (run(ended_at=NOW - 2 * DAY, message="9 sessions."), NOW, HEALTHY, "Passed at 2024-03-01 12:00 UTC: 9 sess"),
        (run(ended_at=NOW - VERIFICATION_VALIDITY - DAY), NOW, DEGRADED, "9 days ago"),
        (failed("verify:", HOUR, message="2 wrong."), NOW, FAILING, "2 wrong."),
        (failed("verify:", HOUR, state="CRASHED"), NOW, DEGRADED, "broken off"),
    ],
)
def test_verification(last, deployed, state, said) -> None:
    check = check_verification(last, deployed, NOW)
    assert check.state == state
    assert said in check.message


# --- sessions ---


def session(code: str = "R", state: str = "awaiting_data", *, ended: timedelta = HOUR) -> SessionFact:
    """A session that typically ended ``ended`` ago."""
    length = session_end_utc(NOW, code) - NOW
    return SessionFact(2024, 1, "Bahrain Grand Prix", code, state, NOW - ended - length)


def said(kind: str, **more: datetime) -> Status:
    """What the last run of a session says of itself."""
    status = Status(
        type=kind,
        state="",
        progress=0,
        message="",
        flow_run_id="run",
        flow_run_name="fox",
        started_at=NOW,
        updated_at=NOW,
        error=None,
    )
    return replace(status, **more)


def test_typical_ends() -> None:
    lengths = {code: session_end_utc(NOW, code) - NOW for code in ("R", "S", "Q", "SQ", "FP1", "FP2", "FP3", "?")}
    assert lengths == {"R": 2 * HOUR, "SQ": 45 * MINUTE, "?": 2 * HOUR} | dict.fromkeys(
        ("S", "Q", "FP1", "FP2", "FP3"), HOUR
    )
    assert publication_due_utc(NOW, "Q") == NOW + 3 * HOUR


def test_failed_sessions_are_named_and_many_counted() -> None:
    assert check_failed_sessions([session("Q", "published"), session("R", "no_data")]).state == HEALTHY
    check = check_failed_sessions([session("Q", "failed")] * 7)
    assert check.state == DEGRADED
    assert check.message.startswith("2024 Bahrain Grand Prix Q, ") and "and 2 more" in check.message


def test_awaiting() -> None:
    assert check_awaiting([], {}, NOW).state == HEALTHY
    under_way = session("R", ended=-HOUR)
    assert check_awaiting([under_way, session("Q", "published")], {}, NOW).message == "No session's data is awaited."
    fresh, old = session("R", ended=HOUR), session("Q", ended=5 * HOUR)
    status = said("awaiting_data", next_attempt_at=NOW + 20 * MINUTE)
    check = check_awaiting([fresh], {fresh: status}, NOW)
    assert check.state == HEALTHY
    assert "R is awaited since 2024-03-03 11:00 UTC; the next attempt is at 2024-03-03 12:20 UTC." in check.message
    check = check_awaiting([fresh, old], {}, NOW)
    assert check.state == DEGRADED
    assert "Q is awaited since 2024-03-03 07:00 UTC; nothing has asked for it yet. 1 more is awaited." in check.message
    assert "a run is at it" in check_awaiting([old], {old: said("progress")}, NOW).message
    given_up = said("error", updated_at=NOW - 3 * HOUR)
    assert "last attempt was at 2024-03-03 09:00 UTC" in check_awaiting([old], {old: given_up}, NOW).message


@pytest.mark.parametrize("state", ["awaiting_data", "failed", "unpublished", "scheduled"])
@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (HOUR, HEALTHY),
        (3 * HOUR, DEGRADED),
        (FAR_OVERDUE + HOUR, DEGRADED),
        (FAR_OVERDUE + 3 * HOUR, FAILING),
        (13 * DAY, FAILING),
        (15 * DAY, HEALTHY),
    ],
)
def test_published_in_time(state, ended, expected) -> None:
    check = check_published_in_time([session("R", state, ended=ended)], NOW, deployed_at=None)
    assert check.state == expected
    assert ("2024 Bahrain Grand Prix R (" in check.message) == (expected != HEALTHY)


def test_what_is_published_cancelled_or_known_to_have_no_data_is_not_overdue() -> None:
    known = [session("R", "published", ended=DAY), session("Q", "cancelled", ended=DAY)]
    looked_for = session("FP1", "no_data", ended=2 * DAY)
    assert check_published_in_time([*known, looked_for], NOW, deployed_at=None).state == HEALTHY


def test_only_what_came_due_after_the_deployment_is_expected() -> None:
    late = session("R", ended=3 * HOUR)
    assert check_published_in_time([late], NOW, deployed_at=NOW - 30 * MINUTE).state == HEALTHY
    assert check_published_in_time([late], NOW, deployed_at=NOW - 2 * HOUR).state == DEGRADED


def test_the_most_overdue_is_named_first() -> None:
    message = check_published_in_time(
        [session("Q", ended=3 * HOUR), session("R", ended=9 * HOUR)], NOW, deployed_at=None
    ).message
    assert message.startswith("2024 Bahrain Grand Prix R (7 h past its target), 2024 Bahrain Grand Prix Q (60 min")


def test_sessions_of_tests_and_without_a_start_are_left_alone() -> None:
    def event(testing: bool, start: datetime | None) -> IndexedEvent:
        session = not_published(ScheduledSession("FP1", "Practice 1", start), "awaiting_data")
        return IndexedEvent(0 if testing else 1, "E", None, None, None, None, testing, (session,))

    facts = sessions_in([Season(2024, (event(True, NOW - DAY), event(False, None)))])
    assert [(fact.round, fact.start_utc) for fact in facts] == [(1, None)]
    assert check_published_in_time(facts, NOW, deployed_at=None).state == HEALTHY
    assert check_awaiting(facts, {}, NOW).state == HEALTHY


# --- the machine ---


@pytest.mark.parametrize(
    ("free", "state"),
    [
        ({"cache": 6 * GB}, HEALTHY),
        ({"cache": 6 * GB, "destination": 5 * GB - 1}, DEGRADED),
        ({"cache": GB - 1, "destination": 9 * GB}, FAILING),
    ],
)
def test_disk(free, state) -> None:
    check = check_disk(free)
    assert check.state == state
    assert check.message.startswith("Free on the worker that checks: ") and "GB (cache)" in check.message


def test_free_bytes_of_folders_that_are_not_made_yet(tmp_path: Path) -> None:
    settings = Settings(destination=(tmp_path / "a" / "site").as_uri(), cache_dir=tmp_path / "b" / "cache")
    assert set(read_free_bytes(settings)) == {"cache", "working files", "destination"}
    assert set(read_free_bytes(Settings(destination="s3://bucket/x", cache_dir=tmp_path))) == {"cache", "working files"}


@pytest.mark.parametrize(
    ("sign_in", "state", "said"),
    [
        (SignIn(False, False, None), HEALTHY, "is not downloaded"),
        (SignIn(True, True, None), HEALTHY, "Not signed in on the worker that checks yet"),
        (SignIn(True, False, None), DEGRADED, "F1_USERNAME is set and F1_PASSWORD is not"),
        (SignIn(False, True, None), DEGRADED, "F1_PASSWORD is set and F1_USERNAME is not"),
        (SignIn(True, True, NOW + HOUR), HEALTHY, "until 2024-03-03 13:00 UTC; it renews itself"),
        (SignIn(True, True, NOW - HOUR), HEALTHY, "the next download renews it"),
        (SignIn(True, True, NOW - 2 * DAY), DEGRADED, "though 2024 Bahrain Grand Prix R came due since"),
        (SignIn(False, False, NOW + SIGN_IN_MARGIN + HOUR), HEALTHY, "Signed in on the worker that checks until"),
        (SignIn(False, False, NOW + SIGN_IN_MARGIN - HOUR), DEGRADED, "ends 2024-03-05 11:00 UTC"),
        (SignIn(False, False, NOW - HOUR), DEGRADED, "ended 2024-03-03 11:00 UTC"),
        (SignIn(False, False, None), HEALTHY, "is not downloaded"),
    ],
)
def test_f1_account(sign_in, state, said) -> None:
    check = check_f1_account(sign_in, [session("R", ended=DAY)], NOW)
    assert check.state == state
    assert said in check.message


def test_a_sign_in_that_does_not_outlast_the_weekend_is_told_before_it() -> None:
    weekend = session("R", ended=-2 * DAY - 4 * HOUR)
    assert weekend.start_utc is not None and NOW < weekend.start_utc < NOW + WEEKEND_MARGIN
    short = SignIn(False, False, weekend.start_utc + HOUR)
    assert short.expires_at is not None and short.expires_at - NOW > SIGN_IN_MARGIN
    ending = describe_ending(short, [weekend], NOW)
    assert ending is not None and f"before the data of {weekend.label} is out" in ending
    assert check_f1_account(short, [weekend], NOW).message == ending
    assert describe_ending(SignIn(False, False, weekend.start_utc + DAY), [weekend], NOW) is None
    assert describe_ending(SignIn(True, True, weekend.start_utc + HOUR), [weekend], NOW) is None
    assert describe_ending(short, [], NOW) is None


def test_the_stored_sign_in_is_read_where_fastf1_keeps_it(tmp_path, monkeypatch) -> None:
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name: str(tmp_path / name))
    assert read_sign_in({}) == SignIn(False, False, None)
    (tmp_path / "fastf1").mkdir()
    stored = {"version": 1, "value": "secret", "expires_at": NOW.timestamp()}
    (tmp_path / "fastf1" / "f1auth_token.json").write_text(json.dumps(stored))
    assert read_sign_in({"F1_USERNAME": "u", "F1_PASSWORD": "p"}) == SignIn(True, True, NOW)


def test_the_page_says_what_the_constants_say() -> None:
    from flows.health import machine, runs, sessions
    from flows.session_times import PUBLICATION_TARGET

    page = schema_documents()["v1/schemas/health.md"].decode()
    for said in (
        f"within {runs.WORKER_SILENCE // MINUTE} minutes",
        f"{runs.LATE // MINUTE} minutes after it was to",
        f"{runs.FAR_TOO_LATE // HOUR} hours, and nobody works",
        f"within {'a day' if runs.FAILURES_WITHIN == DAY else '?'}",
        f"the last {sessions.WINDOW // DAY} days",
        f"published {PUBLICATION_TARGET // HOUR} hours after its end",
        f"{sessions.FAR_OVERDUE // HOUR} hours later",
        f"within {runs.VERIFICATION_VALIDITY // DAY} days",
        f"from {machine.SIGN_IN_MARGIN // DAY} days before",
        f"from {machine.WEEKEND_MARGIN // DAY} days before",
        f"less than {machine.LITTLE_DISK_BYTES // GB} GB",
        f"less than {machine.NO_DISK_BYTES // GB} GB",
    ):
        assert said in page, said
