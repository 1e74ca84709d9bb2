"""The sample season stands for any: FastF1 reads its schedule as it reads a real one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sample_sessions import sample_session

from flows.sample import MEETINGS, SAMPLE_NOW_UTC, SAMPLE_YEAR
from flows.upstream.calendar import check_has_happened, find_event, read_schedule, resolve
from flows.upstream.client import Client
from publish.season.document import Event, ScheduledSession
from transforms.errors import InputError, UpstreamError


@pytest.fixture
def events(sample_cache: Path) -> tuple[Event, ...]:
    return read_schedule(Client(sample_cache, offline=True), SAMPLE_YEAR, SAMPLE_NOW_UTC)


def _event(round_number: int, name: str, country: str, location: str, *, testing: bool = False) -> Event:
    sessions = (ScheduledSession("R", "Race", datetime(2024, 3, round_number + 1, 15, tzinfo=UTC)),)
    return Event(round_number, name, country, location, "2024-03-02", "conventional", testing, sessions)


SEASON = (
    _event(0, "Pre-Season Testing", "Bahrain", "Sakhir", testing=True),
    _event(1, "Bahrain Grand Prix", "Bahrain", "Sakhir"),
    _event(2, "Emilia Romagna Grand Prix", "Italy", "Imola"),
    _event(3, "Italian Grand Prix", "Italy", "Monza"),
    _event(4, "United States Grand Prix", "United States", "Austin"),
    _event(5, "Miami Grand Prix", "United States", "Miami"),
)


def test_the_schedule_has_every_round_with_starts_in_utc(events: tuple[Event, ...]) -> None:
    races = [event for event in events if not event.testing]
    assert [event.round for event in races] == [meeting.round for meeting in MEETINGS]
    for event in races:
        assert {"R", "Q"} <= {session.code for session in event.sessions}
        for session in event.sessions:
            assert session.start_utc is not None
            assert session.start_utc.utcoffset() is not None


def test_a_sprint_weekend_has_its_codes(events: tuple[Event, ...]) -> None:
    codes = [[session.code for session in event.sessions] for event in events if not event.testing]
    assert ["FP1", "SQ", "S", "Q", "R"] in codes
    assert ["FP1", "FP2", "FP3", "Q", "R"] in codes


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (1, 1),
        ("1", 1),
        ("Bahrain", 1),
        ("bahrain grand prix", 1),
        ("Monza", 3),
        ("italian", 3),
        ("United States", 4),
        ("Miami", 5),
        ("Emilia", 2),
        ("Bahrein", 1),
    ],
)
def test_an_event_is_found_by_round_or_name(typed: str | int, found: int) -> None:
    assert find_event(SEASON, 2024, typed).round == found


#: Names, countries and places as FastF1's schedules of several seasons have them.
MIXED = (
    _event(1, "Bahrain Grand Prix", "Bahrain", "Sakhir"),
    _event(2, "Sakhir Grand Prix", "Bahrain", "Sakhir"),
    _event(3, "Australian Grand Prix", "Australia", "Melbourne"),
    _event(4, "Austrian Grand Prix", "Austria", "Spielberg"),
    _event(5, "Styrian Grand Prix", "Austria", "Spielberg"),
    _event(6, "Spanish Grand Prix", "Spain", "Barcelona"),
    _event(7, "Monaco Grand Prix", "Monaco", "Monte Carlo"),
    _event(8, "Canadian Grand Prix", "Canada", "Montréal"),
    _event(9, "British Grand Prix", "Great Britain", "Silverstone"),
    _event(10, "Belgian Grand Prix", "Belgium", "Spa-Francorchamps"),
    _event(11, "Dutch Grand Prix", "Netherlands", "Zandvoort"),
    _event(12, "Eifel Grand Prix", "Germany", "Nürburgring"),
    _event(13, "Portuguese Grand Prix", "Portugal", "Portimão"),
    _event(14, "Miami Grand Prix", "United States", "Miami Gardens"),
    _event(15, "United States Grand Prix", "United States", "Austin"),
    _event(16, "Las Vegas Grand Prix", "United States", "Las Vegas"),
    _event(17, "Mexico City Grand Prix", "Mexico", "Mexico City"),
    _event(18, "São Paulo Grand Prix", "Brazil", "São Paulo"),
    _event(19, "Saudi Arabian Grand Prix", "Saudi Arabia", "Jeddah"),
    _event(20, "Abu Dhabi Grand Prix", "United Arab Emirates", "Yas Island"),
    _event(21, "Singapore Grand Prix", "Singapore", "Marina Bay"),
    _event(22, "Emilia Romagna Grand Prix", "Italy", "Imola"),
    _event(23, "Hungarian Grand Prix", "Hungary", "Budapest"),
)


@pytest.mark.parametrize(
    ("found", "typed"),
    [
        (10, "Spa|SPA|spa francorchamps|Francorchamps|Belgium|Grand Prix of Belgium"),
        (15, "USA|US|U.S.A.|United States|america|COTA|Circuit of the Americas|Austin|Texas"),
        (14, "Miami|Miami International Autodrome|Hard Rock"),
        (16, "Vegas|las vegas|Las Vegas Strip"),
        (18, "Sao Paulo|São Paulo|Sao Paolo|Interlagos|Brazil|Brasil|Brazilian GP"),
        (9, "UK|Great Britain|United Kingdom|England|Silverstone|Silverston|British"),
        (20, "UAE|Abu Dhabi|Yas Marina|Yas Island|United Arab Emirates"),
        (7, "Monaco|Monte Carlo|monte-carlo|Monacco"),
        (8, "Montreal|Montréal|Circuit Gilles Villeneuve|Canada|Canda"),
        (12, "Nurburgring|Nürburgring|nuerburgring|Germany|Eifel"),
        (13, "Portimao|Algarve|Portugal"),
        (2, "Sakhir"),
        (1, "Bahrain|Bahrein"),
        (3, "Albert Park|Melbourne|Australia"),
        (5, "Styria|Styrian"),
        (11, "Holland|Netherlands|Zandvort|Dutch"),
        (17, "Mexico|Mexican Grand Prix|Hermanos Rodriguez|Mexico City"),
        (19, "Saudi|Jeddah|Jedda|Saudi Arabia|Jeddah Corniche Circuit"),
        (21, "Singapore|Marina Bay"),
        (22, "Emilia-Romagna|Imola|Italy|San Marino"),
        (23, "Hungaroring|Hungary|Budapest"),
        (6, "Catalunya|Circuit de Barcelona-Catalunya|Barcelona|Spain"),
    ],
)
def test_an_event_is_found_by_country_place_circuit_and_common_names(found: int, typed: str) -> None:
    assert {name: find_event(MIXED, 2023, name).round for name in typed.split("|")} == dict.fromkeys(
        typed.split("|"), found
    )


@pytest.mark.parametrize(
    ("typed", "hints"),
    [
        ("Red Bull Ring", ("more than one event", "4 Austrian", "5 Styrian")),
        ("Austr", ("more than one event", "3 Australian", "4 Austrian")),
        ("Monza", ("no event 'Monza'", "Did you mean")),
        ("Sebring", ("no event 'Sebring'",)),
        ("S", ("no event 'S'",)),
        ("xyz", ("no event 'xyz'", "There are", "1 Bahrain")),
    ],
)
def test_what_is_unsure_is_refused_with_the_nearest(typed: str, hints: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        find_event(MIXED, 2023, typed)
    assert all(hint in str(caught.value) for hint in hints), caught.value


@pytest.mark.parametrize(
    ("typed", "hints"),
    [
        (99, ("no round 99", "1-5", "3 Italian Grand Prix")),
        (0, ("Testing is not published", "1-5")),
        ("-1", ("no round -1",)),
        ("Atlantis", ("no event 'Atlantis'", "Grand Prix")),
        ("Italy", ("more than one event", "2 Emilia Romagna", "3 Italian")),
        ("Pre-Season Testing", ("testing",)),
        ("", ("Which event",)),
        ("GP", ("no event 'GP'",)),
    ],
)
def test_what_is_not_there_is_said_with_what_is(typed: str | int, hints: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        find_event(SEASON, 2024, typed)
    for hint in hints:
        assert hint in str(caught.value)


def test_sessions_by_code_or_name(events: tuple[Event, ...]) -> None:
    for typed in ("R", "r", "Race", "race"):
        assert resolve(events, SAMPLE_YEAR, 1, typed).ref == sample_session(1, "R")
    with pytest.raises(InputError, match=r"no session 'FP9'.*R \(Race\)"):
        resolve(events, SAMPLE_YEAR, 1, "FP9")


def test_a_session_that_has_not_happened_says_when_it_starts() -> None:
    race = resolve(SEASON, 2024, 1, "R")
    with pytest.raises(InputError, match=r"2024 round 1 Bahrain Grand Prix R .* 2024-03-02 at 15:00 UTC"):
        check_has_happened(race, datetime(2024, 3, 2, 14, 59, tzinfo=UTC))
    check_has_happened(race, datetime(2024, 3, 2, 15, tzinfo=UTC))


@pytest.mark.parametrize("year", [1949, 2017, SAMPLE_YEAR + 2])
def test_years_without_timing_are_refused(sample_cache: Path, year: int) -> None:
    with pytest.raises(InputError, match=f"no season {year}"):
        read_schedule(Client(sample_cache, offline=True), year, SAMPLE_NOW_UTC)


def test_offline_without_the_schedule_names_the_cache(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    with pytest.raises(UpstreamError, match="PARCFERME_OFFLINE") as caught:
        read_schedule(Client(empty, offline=True), 2024, SAMPLE_NOW_UTC)
    assert str(empty) in str(caught.value)
