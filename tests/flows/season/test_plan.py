"""What the calendar asks for, decided without Prefect: every case of a season that moves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flows.season.plan import PUBLISH, Known, Plan, Wanted, make_plan
from publish.season.document import Event, ScheduledSession

RACE_START = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
#: A race takes two hours, its first run comes half an hour later.
FIRST_RUN = datetime(2026, 6, 7, 15, 30, tzinfo=UTC)
LONG_BEFORE = datetime(2026, 3, 1, tzinfo=UTC)
DELAY = timedelta(minutes=30)


def _event(
    name: str = "Monaco Grand Prix",
    round_number: int | None = 8,
    start: datetime | None = RACE_START,
    *,
    testing: bool = False,
) -> Event:
    session = ScheduledSession("R", "Race", start)
    return Event(round_number, name, "Monaco", "Monte Carlo", "2026-06-07", "conventional", testing, (session,))


def _plan(
    *events: Event,
    known: tuple[Known, ...] = (),
    published: tuple[tuple[str, str], ...] = (),
    now: datetime = LONG_BEFORE,
) -> Plan:
    return make_plan(events, known, published, now=now, delay=DELAY, catch_up=timedelta(days=14))


def _known(wanted: Wanted, *, waiting: bool = True, open_: bool = True, taken_back: bool = False) -> Known:
    return Known(
        f"run-{wanted.kind}",
        wanted.event,
        wanted.code,
        wanted.kind,
        wanted.at,
        waiting=waiting,
        open=open_,
        taken_back=taken_back,
    )


def _all_known(plan: Plan) -> tuple[Known, ...]:
    return tuple(_known(wanted) for wanted, _ in plan.create)


def _what(plan: Plan) -> list[tuple[str, datetime]]:
    return [(wanted.kind, wanted.at) for wanted, _ in sorted(plan.create, key=lambda one: one[0].at)]


def test_a_coming_session_gets_one_run_at_its_end_plus_the_delay() -> None:
    plan = _plan(_event())
    assert _what(plan) == [(PUBLISH, FIRST_RUN)]
    assert plan.create[0][1] == 0
    assert plan.move == plan.cancel == ()


def test_what_is_planned_is_not_planned_again() -> None:
    first = _plan(_event())
    assert _plan(_event(), known=_all_known(first)) == Plan((), (), ())


def test_near_a_session_its_re_checks_are_planned_too() -> None:
    plan = _plan(_event(), now=RACE_START - timedelta(days=1))
    assert _what(plan) == [
        (PUBLISH, FIRST_RUN),
        ("recheck-1h", FIRST_RUN + timedelta(hours=1)),
        ("recheck-24h", FIRST_RUN + timedelta(hours=24)),
        ("recheck-7d", FIRST_RUN + timedelta(days=7)),
    ]


def test_testing_and_sessions_without_a_time_get_none() -> None:
    assert _plan(_event(testing=True), _event("Later Grand Prix", start=None)).create == ()


def test_a_moved_session_moves_its_runs_and_makes_none() -> None:
    known = _all_known(_plan(_event(), now=RACE_START - timedelta(days=1)))
    later = timedelta(hours=2)
    plan = _plan(_event(start=RACE_START + later), known=known, now=RACE_START - timedelta(days=1))
    assert plan.create == plan.cancel == ()
    assert [(run.kind, at - run.at) for run, at in plan.move] == [(run.kind, later) for run in known]


def test_a_cancelled_event_loses_its_runs() -> None:
    known = _all_known(_plan(_event()))
    assert _plan(_event(round_number=None), known=known).cancel == known
    assert _plan(_event("Other Grand Prix"), known=known).cancel == known


def test_a_postponed_session_loses_the_runs_of_its_old_date() -> None:
    known = _all_known(_plan(_event(), now=RACE_START - timedelta(days=1)))
    assert len(known) == 4
    plan = _plan(_event(start=None), known=known, now=RACE_START - timedelta(days=1))
    assert plan.cancel == known
    in_autumn = _plan(_event(start=RACE_START + timedelta(days=90)), known=known, now=RACE_START - timedelta(days=1))
    assert {run.kind for run in in_autumn.cancel} == {"recheck-1h", "recheck-24h", "recheck-7d"}
    assert [run.kind for run, _ in in_autumn.move] == [PUBLISH]


def test_a_renamed_event_gets_new_runs_under_its_new_name() -> None:
    known = _all_known(_plan(_event()))
    plan = _plan(_event("Grand Prix of Monaco"), known=known)
    assert plan.cancel == known
    assert [(wanted.event, earlier) for wanted, earlier in plan.create] == [("Grand Prix of Monaco", 0)]


def test_a_renumbered_event_changes_nothing() -> None:
    known = _all_known(_plan(_event()))
    assert _plan(_event(round_number=6), known=known) == Plan((), (), ())


def test_a_cancelled_event_that_comes_back_gets_a_run_with_another_key() -> None:
    (wanted, _), *_ = _plan(_event()).create
    gone = _known(wanted, waiting=False, open_=False, taken_back=True)
    plan = _plan(_event(), known=(gone,))
    assert [(one.kind, earlier) for one, earlier in plan.create] == [(PUBLISH, 1)]


def test_what_an_operator_cancelled_stays_cancelled() -> None:
    (wanted, _), *_ = _plan(_event()).create
    assert _plan(_event(), known=(_known(wanted, waiting=False, open_=False),)).create == ()


def test_a_missed_session_is_caught_up_now_and_only_once() -> None:
    now = FIRST_RUN + timedelta(days=2)
    plan = _plan(_event(), now=now)
    assert _what(plan) == [(PUBLISH, now), ("recheck-7d", FIRST_RUN + timedelta(days=7))]
    assert _plan(_event(), known=_all_known(plan), now=now + timedelta(hours=1)) == Plan((), (), ())
    failed = tuple(replace(run, waiting=False, open=False) for run in _all_known(plan))
    assert _plan(_event(), known=failed, now=now + timedelta(hours=1)).create == ()


def test_a_session_missed_too_long_ago_is_left_to_a_backfill() -> None:
    assert _plan(_event(), now=FIRST_RUN + timedelta(days=15)).create == ()


def test_a_published_session_is_not_caught_up_but_its_missed_re_check_is() -> None:
    now = FIRST_RUN + timedelta(hours=30)
    plan = _plan(_event(), published=(("Monaco Grand Prix", "R"),), now=now)
    assert _what(plan) == [("recheck-24h", now), ("recheck-7d", FIRST_RUN + timedelta(days=7))]


def test_a_run_that_is_late_or_waits_for_its_data_is_left_alone() -> None:
    (wanted, _), *_ = _plan(_event()).create
    now = FIRST_RUN + timedelta(hours=3)
    late = _known(wanted)
    awaiting = replace(late, waiting=False, at=now + timedelta(minutes=20))
    for run in (late, awaiting):
        plan = _plan(_event(), known=(run,), now=now)
        assert PUBLISH not in [wanted.kind for wanted, _ in plan.create]
        assert plan.move == plan.cancel == ()


def test_a_session_that_ran_before_it_was_postponed_is_run_again() -> None:
    (wanted, _), *_ = _plan(_event()).create
    done = _known(wanted, waiting=False, open_=False)
    plan = _plan(_event(start=RACE_START + timedelta(days=1)), known=(done,), now=FIRST_RUN + timedelta(hours=1))
    assert (PUBLISH, FIRST_RUN + timedelta(days=1)) in _what(plan)
    assert {wanted.kind: earlier for wanted, earlier in plan.create}[PUBLISH] == 1
