"""Fetching where the data can be had, computing somewhere else: two caches, one archive, and what can go wrong."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sample_sessions import sample_session
from upstream_double import UpstreamDouble

from flows.sample import SAMPLE_YEAR
from flows.session.direct import publish_directly
from flows.session.source import choose_source
from flows.session.steps import Request
from flows.session_ref import SessionRef
from flows.settings import Settings, read_settings
from flows.upstream.archive import take_from_cache
from flows.upstream.archive_index import OFFICIAL, RECORDING, RawIndex, RawSession, RawSource, index_key, read_index
from flows.upstream.archive_keep import Raw, keep
from flows.upstream.client import Client
from flows.upstream.fetch import Fetched, due_sessions, fetch_session
from flows.upstream.load import locate
from flows.upstream.raw_streams import find_key, missing_end, read_info, urls_of
from publish.stores.base import Store
from publish.stores.choose import open_store
from publish.structs import encode_document
from transforms.errors import BlockedError, InputError, NotReadyError, PublicationError, UpstreamError

CODE = "Q"
SESSION = sample_session(1, CODE)
_LOGGER = logging.getLogger("test")
OLD = "2020-01-01T00:00:00Z"
_NOW = datetime(2099, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def home(double: UpstreamDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A place that reaches the upstream, with an archive."""
    (tmp_path / "archive").mkdir()
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("PARCFERME_DESTINATION", (tmp_path / "site").as_uri())
    monkeypatch.setenv("PARCFERME_ARCHIVE", (tmp_path / "archive").as_uri())
    monkeypatch.setenv("PARCFERME_NOW", _NOW.isoformat())
    return read_settings()


@pytest.fixture
def archive(home: Settings) -> Store:
    return open_store(str(home.archive))


def fetch(home: Settings) -> Fetched:
    return fetch_session(home, Client.of(home), SESSION, _LOGGER)


def source(archive: Store) -> RawSource:
    (entry,) = (read_index(archive, SAMPLE_YEAR) or pytest.fail("the archive has no index")).sessions.values()
    return entry.sources[entry.best]


def stored(archive: Store) -> dict[str, bytes]:
    found = {listed.key: archive.read(listed.key) for listed in archive.list("raw/")}
    return {key: one.data for key, one in found.items() if one is not None and not key.endswith("/index.json")}


def test_what_one_place_has_fetched_another_that_is_refused_publishes(
    double: UpstreamDouble, home: Settings, archive: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = fetch(home)
    assert done.kept and done.entry.is_complete and done.entry.absent == []
    assert "is kept in the archive" in done.sentence
    assert not (tmp_path / "site").exists()
    before = stored(archive)
    assert fetch(home).kept is False
    assert stored(archive) == before
    assert not list((tmp_path / "home").rglob("*.ff1pkl"))
    practice = sample_session(1, "FP1")
    fetch_session(home, Client.of(home), practice, _LOGGER)

    double.block("firewall")
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(tmp_path / "cloud"))
    for _ in range(2):
        assert choose_source(read_settings(), "auto", SAMPLE_YEAR, "1", CODE, _LOGGER) == "archive"
        report = publish_directly(SAMPLE_YEAR, "1", CODE, Request(source="auto"))
        # What it was kept with of the weekend is not to become part of the other session.
        publish_directly(SAMPLE_YEAR, "1", practice.code, Request(source="auto"))
    assert report.unchanged is True
    # The session is not there: the upstream is asked, and refuses.
    assert choose_source(read_settings(), "auto", SAMPLE_YEAR, "1", "R", _LOGGER) == "upstream"
    with pytest.raises(BlockedError):
        publish_directly(SAMPLE_YEAR, "1", "R", Request(source="auto"))
    # Straight from the upstream the same comes out.
    double.up()
    monkeypatch.setenv("PARCFERME_CACHE_DIR", str(tmp_path / "direct"))
    monkeypatch.setenv("PARCFERME_DESTINATION", (tmp_path / "other-site").as_uri())
    assert publish_directly(SAMPLE_YEAR, "1", CODE, Request()).revision == report.revision


def test_a_stream_that_is_not_whole_is_kept_until_it_is_and_never_replaces_one_that_is(
    double: UpstreamDouble, home: Settings, archive: Store
) -> None:
    double.season.cut(1, CODE, "00:15:00.000")
    half = fetch(home)
    assert half.kept and half.entry.missing_end is not None and "not whole yet" in half.sentence
    assert due_sessions(archive, [SESSION], {SESSION: [_NOW - timedelta(hours=1)]}) == [SESSION]

    double.season.mend(1, CODE)
    whole = fetch(home)
    assert whole.kept and whole.entry.is_complete
    before = stored(archive)
    double.season.cut(1, CODE, "00:15:00.000")
    assert fetch(home).kept is False
    assert stored(archive) == before

    # A look that brings nothing new is a look all the same: it is not due again before its next time.
    double.season.mend(1, CODE)
    looked_at = datetime.fromisoformat(str(source(archive).fetched_at))
    assert looked_at > datetime.now(UTC) - timedelta(minutes=2)
    long_ago = replace(source(archive), fetched_at=OLD)
    index = read_index(archive, SAMPLE_YEAR)
    assert index is not None
    ((key, entry),) = index.sessions.items()
    archive.write(
        index_key(SAMPLE_YEAR),
        encode_document(replace(index, sessions={key: replace(entry, sources={OFFICIAL: long_ago})})),
    )
    times = {SESSION: [datetime.now(UTC) - timedelta(hours=1)]}
    assert due_sessions(archive, [SESSION], times) == [SESSION]
    assert fetch(home).kept is False
    assert due_sessions(archive, [SESSION], times) == []

    # What was there and is not any more is taken along.
    double.season.mend(1, CODE)
    double.season.hide(1, CODE, "WeatherData")
    double.season.swap_results(1, CODE, 3)
    again = fetch(home)
    assert again.kept and "stream-weather_data" in again.entry.responses and again.entry.absent == []
    assert fetch(home).kept is False


@pytest.mark.parametrize("how", ["firewall", "s3", "challenge"])
def test_nothing_is_kept_of_what_is_refused(double: UpstreamDouble, home: Settings, archive: Store, how: str) -> None:
    double.block(how, paths=r".*/(CarData|Position)\.z.*")
    with pytest.raises(BlockedError):
        fetch(home)
    assert stored(archive) == {}
    double.up()
    double.season.hide(1, CODE)
    with pytest.raises(NotReadyError, match="nothing on 2099 round 1"):
        fetch(home)
    assert stored(archive) == {}


def test_a_cache_of_another_tool_gives_what_it_holds_raw(
    double: UpstreamDouble, home: Settings, archive: Store, sample_cache: Path, tmp_path: Path
) -> None:
    located = locate(Client(sample_cache, offline=True), SESSION)
    assert take_from_cache(home, sample_cache, located, _LOGGER) is True
    assert source(archive).is_complete
    assert take_from_cache(home, sample_cache, located, _LOGGER) is False
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds nothing of 2099 round 1"):
        take_from_cache(home, tmp_path / "empty", located, _LOGGER)


def test_two_places_that_keep_one_session_at_once_do_not_leave_an_index_of_another_object(
    home: Settings, archive: Store, sample_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    located = locate(Client(sample_cache, offline=True), SESSION)
    put = "flows.upstream.archive_keep.put_object"

    def and_then_the_other(store: Store, key: str, *_: object) -> int:
        store.write(key, b"what the other place has put there meanwhile")
        return 12345

    monkeypatch.setattr(put, and_then_the_other)
    with pytest.raises(PublicationError, match="another place that fetches 2099 round 1"):
        take_from_cache(home, sample_cache, located, _LOGGER)
    monkeypatch.undo()
    raw = Raw(located, 99014, None, OFFICIAL, {})
    assert keep(archive, raw, _LOGGER) is True
    assert keep(archive, raw, _LOGGER) is False


def _source(fetched_at: datetime | None, *, end: str | None = None, responses: int = 3) -> RawSource:
    names = ["stream-extended_timing_data", *(f"stream-{number}" for number in range(responses))]
    return RawSource(
        bytes=1,
        responses_sha256="0" * 64,
        inputs_sha256=None,
        responses=names,
        absent=[],
        missing_end=end,
        fetched_at=None if fetched_at is None else fetched_at.isoformat().replace("+00:00", "Z"),
    )


def _entry(session: SessionRef, **sources: RawSource) -> RawSession:
    names = {"official": OFFICIAL, "recording": RECORDING}
    return RawSession(
        api_path="/static/x/",
        round=session.round,
        event=session.event,
        code=session.code,
        sources={names[name]: one for name, one in sources.items()},
    )


def test_what_is_due(tmp_path: Path) -> None:
    store = open_store((tmp_path / "archive").as_uri())
    (tmp_path / "archive").mkdir()
    hour = timedelta(hours=1)
    looks = [_NOW - 30 * hour, _NOW - 6 * hour]
    sessions = {name: SessionRef(2099, 1, "Somewhere", name) for name in ("FP1", "FP2", "FP3", "Q", "R")}
    fetched = {
        "FP1": _source(_NOW - hour),
        "FP2": _source(_NOW - 20 * hour),
        "FP3": _source(_NOW - hour, end="it stops"),
        "Q": _source(None),
    }
    entries = {str(n): _entry(sessions[name], official=one) for n, (name, one) in enumerate(fetched.items(), 1)}
    entries["9"] = _entry(sessions["R"], recording=_source(_NOW - hour))
    store.write(index_key(2099), encode_document(RawIndex(year=2099, sessions=entries)))
    times = dict.fromkeys(sessions.values(), looks) | {SessionRef(2099, 2, "Elsewhere", "R"): []}
    assert [one.code for one in due_sessions(store, list(times), times)] == ["FP2", "FP3", "Q", "R"]


def test_which_source_is_the_better_one() -> None:
    whole, half = _source(_NOW), _source(_NOW, end="it stops")
    assert _entry(SESSION, official=whole, recording=whole).best == OFFICIAL
    assert _entry(SESSION, official=half, recording=whole).best == RECORDING
    assert _entry(SESSION, official=half, recording=_source(_NOW, end="too", responses=1)).best == OFFICIAL


def test_the_end_and_the_owner_of_raw_streams(tmp_path: Path) -> None:
    info = '\ufeff00:00:01.000{"Key":9,"Meeting":{"Circuit":{"Key":3}}}\r\nbroken\r\n'
    info += '00:00:02.000{"Name":"Race","Key":""}\r\n'
    assert read_info(info.encode()) == {"Key": 9, "Meeting": {"Circuit": {"Key": 3}}, "Name": "Race"}
    assert read_info(b"\x00 nothing") is None
    located = SessionRef(2099, 1, "Somewhere", "R", "/static/2099/a/b/")
    listed = b'{"Meetings":[{"Sessions":[{"Key":7,"Path":"2099/a/b/"}]}]}'
    assert find_key({"Key": 9}, listed, located) == 9
    assert find_key({"Key": ""}, listed, located) == 7
    assert find_key(None, b"<html>", located) is None
    status, timing = tmp_path / "status", tmp_path / "timing"
    streams = {"stream-session_status_data": status, "stream-extended_timing_data": timing}
    status.write_text(
        '00:01:00.000{"Status":"Started"}\r\n01:30:00.000{"Status":"Finished"}\r\n01:40:00.000{"Status":"Ends"}\r\n'
    )
    timing.write_text("00:00:01.000{}\r\n01:31:00.000{}\r\n")
    assert missing_end(streams, "R") is None
    timing.write_text("00:00:01.000{}\r\n01:20:00.000{}\r\n")
    assert missing_end(streams, "R") == "extended_timing_data stops 10 minutes before its end"
    status.write_text('00:01:00.000{"Status":"Started"}\r\n')
    assert missing_end(streams, "R") == "its last session status is Started"
    assert missing_end({}, "R") is None
    assert set(urls_of(located)) > {"stream-car_data", "stream-lap_count"}


def test_what_went_wrong_on_the_way_is_said(double: UpstreamDouble, home: Settings, archive: Store) -> None:
    double.down("livetiming.*", "error")
    with pytest.raises(UpstreamError, match="HTTP 503"):
        fetch(home)
    assert stored(archive) == {}


def test_offline_nobody_is_asked(double: UpstreamDouble, home: Settings) -> None:
    with pytest.raises(InputError, match=r"PARCFERME_OFFLINE=1.*--from-cache"):
        fetch(home.model_copy(update={"offline": True}))
    assert double.requests() == []
