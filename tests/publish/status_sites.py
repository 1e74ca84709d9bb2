"""Sites in every condition the status page must show, made with the product's own functions."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from publish import keys
from publish.live.health import Check, Health
from publish.live.plan import PlanStep, write_plan
from publish.live.runs import PlannedEntry, RunEntry, replace_planned, run_ended, run_started
from publish.live.status import Status
from publish.publication import publish_site
from publish.season.changes import Change, Changes
from publish.season.document import Event, IndexedSession, Published, ScheduledSession, season_document
from publish.season.index import read_season, update_root_index
from publish.site.files import site_files
from publish.stores.base import Store
from publish.stores.folder import FileStore
from publish.structs import encode_document

NOW = datetime(2024, 5, 8, 14, 0, tzinfo=UTC)
#: The status page with a clock that begins at ``NOW`` when it is opened, and goes on from there.
PAGE = "status_now.html"
_CLOCK = f"""const real = Date.now, opened = real();
Date.now = () => {round(NOW.timestamp() * 1000)} + real() - opened;
"""
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
BAHRAIN = "Bahrain Grand Prix"
PREFECT = "http://127.0.0.1:4200/runs/flow-run/"
HOSTILE = "<img src=x onerror=\"top.hacked='yes'\"><svg onload=\"top.hacked='yes'\">"

NAMES = {
    "FP1": "Practice 1",
    "FP2": "Practice 2",
    "FP3": "Practice 3",
    "SQ": "Sprint Qualifying",
    "S": "Sprint",
    "Q": "Qualifying",
    "R": "Race",
}
CONVENTIONAL, SPRINT = ("FP1", "FP2", "FP3", "Q", "R"), ("FP1", "SQ", "S", "Q", "R")
CIRCUITS = (
    (BAHRAIN, "Sakhir"),
    ("Saudi Arabian Grand Prix", "Jeddah"),
    ("Australian Grand Prix", "Melbourne"),
    ("Japanese Grand Prix", "Suzuka"),
    ("Chinese Grand Prix", "Shanghai"),
    ("Miami Grand Prix", "Miami Gardens"),
    ("Emilia Romagna Grand Prix", "Imola"),
    ("Monaco Grand Prix", "Monte Carlo"),
    ("São Paulo Grand Prix", "São Paulo"),
)
GOOD_CHECKS = {
    "api": "The API answers.",
    "workers": "2 of 2 are online.",
    "late_runs": "None.",
    "failed_runs": "None in the last day.",
    "published_in_time": "Every session that has ended is published.",
    "awaited_sessions": "None.",
    "verification": "The last one found nothing, 3 h ago.",
    "destination": "It could be read and written.",
}


def run(
    number: int,
    session: str = "R",
    *,
    year: int = NOW.year,
    event: str = BAHRAIN,
    started: timedelta = 4 * MINUTE,
    url: str | None = PREFECT,
) -> RunEntry:
    """A run that started ``started`` ago."""
    rounds = {name: number for number, (name, _) in enumerate(CIRCUITS, start=1)}
    flow_run_id = f"0190c0de-{number:04d}"
    name = ("clever-fox", "quiet-otter", "brave-heron", "amber-lynx")[number % 4]
    address = None if url is None else url + (flow_run_id if url == PREFECT else "")
    return RunEntry(year, rounds.get(event, 1), event, session, flow_run_id, name, address, NOW - started)


def end(store: Store, entry: RunEntry, state: str, message: str, ago: timedelta, grade: str | None = None) -> None:
    """Say that a run ended ``ago`` ago."""
    moment, revision = NOW - ago, "0123456789abcdef" if grade else None
    run_ended(store, entry, ended_at=moment, state=state, message=message, grade=grade, revision=revision, now=moment)


def write_status(store: Store, entry: RunEntry, progress: int, message: str, **more: object) -> None:
    """Write a run's status document; ``more`` are other fields than those of a run that goes on well."""
    status = Status(
        type="progress",
        state="Running",
        progress=progress,
        message=message,
        flow_run_id=entry.flow_run_id,
        flow_run_name=entry.flow_run_name,
        flow_run_url=entry.flow_run_url,
        started_at=entry.started_at,
        updated_at=NOW,
        error=None,
    )
    document = encode_document(replace(status, **more))
    store.write(keys.status(entry.year, entry.round, entry.session), document)


def write_health(
    store: Store, state: str = "healthy", checks: Mapping[str, tuple[str, str]] | None = None, age: timedelta = MINUTE
) -> None:
    """Write a health document looked at ``age`` ago and valid for half an hour; ``checks`` differ from good ones."""
    said = {name: ("healthy", message) for name, message in GOOD_CHECKS.items()} | dict(checks or {})
    made = tuple(Check(name, one, text) for name, (one, text) in said.items())
    store.write(keys.HEALTH, encode_document(Health(state, NOW - age, NOW - age + 30 * MINUTE, made)))


def write_season(
    store: Store,
    year: int,
    published_rounds: int,
    *,
    states: Mapping[tuple[int, str], str] | None = None,
    names: Mapping[int, str] | None = None,
) -> None:
    """Write a season whose first rounds are published with mixed grades; ``states`` says what differs."""
    events = []
    published = []
    for number, (name, place) in enumerate(CIRCUITS, start=1):
        event_name = (names or {}).get(number, name)
        day = NOW + (number - published_rounds - 0.2) * 7 * DAY
        codes = SPRINT if number in (5, 6, 9) else CONVENTIONAL
        sessions = tuple(ScheduledSession(code, NAMES[code], day + i * DAY / 3) for i, code in enumerate(codes))
        date = day.date().isoformat()
        events.append(Event(number, event_name, "Country", place, date, "conventional", False, sessions))
        for i, code in enumerate(codes):
            if number <= published_rounds and (number, code) not in (states or {}):
                grade = "CDF"[number % 3] if (number + i) % 7 == 0 else "BA"[(number * 3 + i) % 4 > 0]
                key = 9000 + number * 10 + i
                session = IndexedSession(
                    code, code, None, "published", key, "a" * 16, "m.json", grade, {"telemetry": True}
                )
                published.append(Published(event_name, number, session))
    document = season_document(year, events, None, published, states or {}, NOW)
    store.write(keys.season(year), encode_document(document))
    update_root_index(store, years=(year,))


def write_changes(store: Store, year: int, after: timedelta) -> None:
    """Let the feed tell that every published session of a season was published ``after`` its start."""
    season = read_season(store, year)
    made = [
        Change(
            session.start_utc + after, session.session_key, year, event.round, event.name, session.code, "a" * 16, "A",
            "first", (), 0, keys.latest(session.session_key),
        )
        for event in (season.events if season else ())
        for session in event.sessions
        if session.start_utc is not None and session.session_key is not None
    ]  # fmt: skip
    made.sort(key=lambda change: change.published_at, reverse=True)
    store.write(keys.CHANGES, encode_document(Changes(tuple(made))))


def plan(store: Store, count: int = 9) -> None:
    """Plan runs: a re-check soon, then the sessions of coming weekends."""
    planned = [
        PlannedEntry(NOW.year, 3, CIRCUITS[2][0], "R", "plan-0", "plan-0", PREFECT, "recheck", NOW + 25 * MINUTE)
    ]
    for n in range(count - 1):
        event, code = CIRCUITS[5 + n // 5][0], SPRINT[n % 5]
        moment = NOW + 2 * DAY + n * DAY / 3 + 7 * MINUTE
        planned.append(PlannedEntry(NOW.year, 6 + n // 5, event, code, f"plan-{n + 1}", None, None, "publish", moment))
    replace_planned(store, planned, NOW)


def ahead(store: Store, event: str = "Miami Grand Prix") -> None:
    """Tell what the next look at the calendar would do: a run to make, one to move, one to take back."""
    first, moved = NOW + 3 * DAY, NOW + 4 * DAY
    steps = (
        PlanStep(NOW.year, 6, event, "R", "publish", moved + DAY / 8, "moved", moved),
        PlanStep(NOW.year, 6, event, "FP1", "recheck-24h", first, "planned"),
        PlanStep(NOW.year, None, event, "Q", "publish", first + DAY / 2, "taken_back"),
    )
    write_plan(store, steps, NOW - 4 * MINUTE)


def publish_pages(store: Store) -> None:
    """Publish the pages, and the status page once more with the clock of these sites."""
    files = site_files()
    publish_site(store, files)
    text = files["status.html"].decode()
    store.write("clock.js", _CLOCK.encode())
    store.write(PAGE, text.replace("<script", '<script src="clock.js"></script>\n<script', 1).encode())


def healthy(store: Store) -> None:
    """A quiet day in the season: nothing runs, all is well."""
    publish_pages(store)
    write_season(store, NOW.year - 1, 9)
    write_season(store, NOW.year, 5)
    write_changes(store, NOW.year, 2 * 60 * MINUTE + 35 * MINUTE)
    write_health(store)
    for n, code in enumerate(("FP1", "SQ", "S", "Q", "R")):
        entry = run(n, code, event="Chinese Grand Prix", started=(50 - 9 * n) * 60 * MINUTE)
        end(store, entry, "published", "6 tables, 300 objects.", (50 - 9 * n) * 60 * MINUTE - 3.4 * MINUTE, "A")
    end(store, run(9, "Q", event="Japanese Grand Prix", started=95 * MINUTE), "unchanged", "Up to date.", 94.8 * MINUTE)
    plan(store)
    ahead(store)


def running(store: Store) -> None:
    """A busy moment: two runs on their way, one silent, one waiting for its data, one just failed."""
    healthy(store)
    states = {(5, "R"): "awaiting_data", (5, "Q"): "failed", (2, "FP3"): "no_data", (7, "R"): "cancelled"}
    write_season(store, NOW.year, 5, states={**states, (5, "S"): "no_data"})
    for number, code, progress, message in (
        (21, "R", 63, "Encoding frames at 25 a second: 41 of 118 chunks"),
        (22, "Q", 8, "Loading from the live timing archive"),
    ):
        entry = run(number, code)
        run_started(store, entry, NOW)
        write_status(store, entry, progress, message)
    silent = run(23, "FP2", event="Saudi Arabian Grand Prix", started=21 * MINUTE)
    run_started(store, silent, NOW)
    write_status(store, silent, 38, "Interpolating car 44", updated_at=NOW - 7 * MINUTE)
    waiting = run(24, "R", event="Chinese Grand Prix", started=80 * MINUTE)
    said = "The timing data is not out yet."
    end(store, waiting, "awaiting_data", said, 12 * MINUTE)
    attempt = NOW + 28 * MINUTE
    write_status(store, waiting, 4, said, type="awaiting_data", state="AwaitingRetry", next_attempt_at=attempt)
    blocked = run(26, "S", event="Chinese Grand Prix", started=50 * MINUTE)
    end(store, blocked, "awaiting_data", said, 11 * MINUTE)
    write_status(
        store, blocked, 4, said, type="awaiting_data", state="AwaitingAccess", next_attempt_at=attempt, cause="blocked"
    )
    failed = run(25, "Q", event="Chinese Grand Prix", started=34 * MINUTE)
    error = "The results service answered 500 five times. Run the session again in an hour."
    end(store, failed, "failed", error, 31 * MINUTE)
    write_status(store, failed, 12, "Loading", type="error", state="Failed", error=error)
    write_health(store, "degraded", {"failed_runs": ("degraded", f"1: {NOW.year} Chinese Grand Prix Q.")})


def degraded(store: Store) -> None:
    """One session failed, one is overdue."""
    running(store)
    checks = {
        "failed_runs": ("degraded", f"1 in the last day: {NOW.year} Chinese Grand Prix Q."),
        "published_in_time": ("degraded", f"{NOW.year} Chinese Grand Prix R ended 3 h ago and is not published."),
    }
    write_health(store, "degraded", checks)


def failing(store: Store) -> None:
    """No worker is online, runs are late."""
    healthy(store)
    checks = {
        "workers": ("failing", "None is online; the last one was heard of 41 min ago. Start one."),
        "late_runs": ("failing", "3 are late, the oldest by 38 min."),
        "disk": ("degraded", "6 % free where sessions are computed."),
    }
    write_health(store, "failing", checks)


def stale(store: Store) -> None:
    """All was well when somebody last looked, which is long ago."""
    healthy(store)
    write_health(store, age=7 * 60 * MINUTE)


def empty(store: Store) -> None:
    """Only the pages are there."""
    publish_pages(store)


def off_season(store: Store) -> None:
    """The season is over and the next one has no calendar yet."""
    publish_pages(store)
    write_season(store, NOW.year, 9)
    write_health(store)
    write_plan(store, (), NOW - MINUTE)
    end(store, run(1, event="São Paulo Grand Prix", started=21 * DAY), "published", "Done.", 21 * DAY - 4 * MINUTE, "A")


def hostile(store: Store) -> None:
    """Every text somebody from outside could have a say in is an attack."""
    publish_pages(store)
    write_season(store, NOW.year, 1, states={(1, "Q"): "failed"}, names={1: HOSTILE})
    write_health(store, "degraded", {HOSTILE: ("degraded", HOSTILE)})
    live = run(1, event=HOSTILE)
    run_started(store, live, NOW)
    write_status(store, live, 30, HOSTILE)
    failed = run(2, "Q", event=HOSTILE)
    end(store, failed, "failed", HOSTILE, MINUTE)
    write_status(store, failed, 30, HOSTILE, type="error", error=HOSTILE, flow_run_url="javascript:top.hacked='yes'")
    replace_planned(store, [PlannedEntry(NOW.year, 1, HOSTILE, "R", None, None, None, "publish", NOW + DAY)], NOW)
    ahead(store, HOSTILE)
    # Past the writer, as another program could: an address that is a script.
    text = store.root.joinpath(keys.RUNS).read_bytes() if isinstance(store, FileStore) else b""
    store.write(keys.RUNS, text.replace(PREFECT.encode(), b"javascript:top.hacked='yes'//"))


SITES: dict[str, Callable[[Store], None]] = {
    "healthy": healthy,
    "running": running,
    "degraded": degraded,
    "failing": failing,
    "stale": stale,
    "empty": empty,
    "off_season": off_season,
    "hostile": hostile,
}
