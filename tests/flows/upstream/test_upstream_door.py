"""The door to FastF1 with an upstream that is late, refuses, fails or wants an account: FastF1 itself, over HTTPS."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict
from sample_sessions import sample_session
from upstream_account import SIGN_IN_HOST
from upstream_double import REFUSALS, UpstreamDouble
from upstream_here import need_account, new_process
from upstream_season import CIRCUIT_HOST, MIRROR_HOST, RESULTS_HOST, SCHEDULE_HOST, TIMING_HOST

from flows.health.machine import read_sign_in
from flows.sample import SAMPLE_YEAR
from flows.upstream.answers import Answer, Meaning, answer_of
from flows.upstream.client import Client
from flows.upstream.http_cache import read_bodies
from flows.upstream.limits import SharedLimits
from flows.upstream.load import load_recording, locate
from flows.upstream.outcomes import Outcomes
from flows.upstream.results import refresh_results_answer, results_answer
from flows.upstream.services import service_urls
from flows.upstream.topics import missing_topics
from transforms.errors import AccountError, BlockedError, NotReadyError, UpstreamError

LIVE = r"livetiming.*"
PATH = "/static/2099/somewhere/"
QUALIFYING, RACE = sample_session(1, "Q"), sample_session(1, "R")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where FastF1's cache is to be; there is none yet."""
    return tmp_path / "cache"


def ask_live_timing(cache: Path, count: int) -> list[int]:
    """Ask for what is nowhere, so that every request leaves the cache; the statuses of the answers."""
    import fastf1

    url = f"https://{TIMING_HOST}/static/{SAMPLE_YEAR}/nothing.json"
    with Client(cache).at_work():
        return [fastf1.Cache.requests_get(url).status_code for _ in range(count)]


def sign_ins(double: UpstreamDouble) -> int:
    return sum(request.path == "/davinci/submit" for request in double.requests(SIGN_IN_HOST))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "flows.upstream.client"]


def calls(double: UpstreamDouble) -> dict[str, int]:
    return dict(Counter(request.host for request in double.requests()))


# What is not out, and what cannot be reached.


@pytest.mark.parametrize("hidden", [(), ("SessionInfo",)])
def test_a_session_that_is_not_out_costs_two_requests(
    double: UpstreamDouble, cache: Path, hidden: tuple[str, ...]
) -> None:
    double.season.hide(1, "Q", *hidden)
    with pytest.raises(NotReadyError, match=r"nothing on 2099 round 1 .* Q, not even its SessionInfo"):
        load_recording(Client(cache), QUALIFYING)
    # And one that shows that it would be given what is there.
    assert calls(double) == {SCHEDULE_HOST: 1, TIMING_HOST: 2, MIRROR_HOST: 1}
    assert [request.path for request in double.requests(TIMING_HOST)][1] == f"/static/{SAMPLE_YEAR}/Index.json"


def test_what_may_be_out_but_cannot_be_reached_is_no_session_without_data(double: UpstreamDouble, cache: Path) -> None:
    double.season.hide(1, "Q")
    double.down(MIRROR_HOST, "error")
    with pytest.raises(UpstreamError, match=r"SessionInfo.jsonStream from livetiming-mirror.* \(HTTP 503\)") as failed:
        load_recording(Client(cache), QUALIFYING)
    assert not isinstance(failed.value, NotReadyError)


def test_with_everything_down_and_nothing_cached_the_message_says_what_to_do(
    double: UpstreamDouble, cache: Path
) -> None:
    double.down()
    for ask in (locate, load_recording):
        with pytest.raises(UpstreamError, match=rf"{RACE.label} .*Check the network"):
            ask(Client(cache), RACE)


def test_a_session_that_the_weekend_does_not_have(double: UpstreamDouble, cache: Path) -> None:
    for code in ("SQ", "S"):
        session = sample_session(1, code)
        with pytest.raises(UpstreamError, match=f"{session.label} could not be found"):
            locate(Client(cache), session)


# A load that is cut short.


def test_what_was_refused_is_asked_for_again_and_not_published_as_absent(double: UpstreamDouble, cache: Path) -> None:
    double.limit(LIVE, calls=6, window_s=3600)
    with pytest.raises(UpstreamError, match=r"could not be fetched completely: .*HTTP 429.* and \d+ more"):
        load_recording(Client(cache), QUALIFYING)
    kept = 10 - len(missing_topics(cache, locate(Client(cache), QUALIFYING)))
    assert 0 < kept < 10
    double.no_limits()
    double.forget()
    assert load_recording(Client(cache), QUALIFYING).missing == ()
    assert calls(double)[TIMING_HOST] == 10 - kept


def test_what_both_hosts_do_not_have_is_absent(double: UpstreamDouble, cache: Path) -> None:
    double.season.hide(1, "Q", "CarData.z", "Position.z")
    assert {"car_data", "position_data"} <= set(load_recording(Client(cache), QUALIFYING).missing)


@pytest.mark.parametrize("host", [RESULTS_HOST, CIRCUIT_HOST])
def test_a_service_that_fails_is_asked_again(double: UpstreamDouble, cache: Path, host: str) -> None:
    double.season.hide(1, "Q", "CarData.z", "Position.z")
    double.down(host, "error")
    with pytest.raises(UpstreamError, match=rf"completely: .* from {host} \(HTTP 503\)"):
        load_recording(Client(cache), QUALIFYING)


def test_a_refused_call_ends_a_limited_load(double: UpstreamDouble, cache: Path, prefect_server: str) -> None:
    double.limit(LIVE, calls=3, window_s=3600)
    with pytest.raises(UpstreamError, match="refuses calls"):
        load_recording(Client(cache, limits=SharedLimits(lambda _: None)), QUALIFYING)


_XML = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"
_S3 = {"server": "AmazonS3"}


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ((200, {}, b'{"a": 1}'), Meaning.GIVEN),
        ((200, {}, b""), Meaning.GIVEN),
        ((200, {"Content-Type": "text/html"}, b"\xef\xbb\xbf \n<!DOCTYPE html><html>"), Meaning.REFUSED),
        ((403, CaseInsensitiveDict(_S3), _XML), Meaning.ABSENT),
        ((403, CaseInsensitiveDict(_S3), b"<html>403</html>"), Meaning.REFUSED),
        ((403, {"Server": "CloudFront"}, _XML), Meaning.REFUSED),
        ((403, {}, b""), Meaning.REFUSED),
        ((404, {}, b"<html>not found</html>"), Meaning.ABSENT),
        ((401, {}, b""), Meaning.NEEDS_ACCOUNT),
        ((429, {}, b""), Meaning.REFUSED),
        ((429, {"Retry-After": "60"}, b""), Meaning.FAILED),
        ((451, {}, b""), Meaning.REFUSED),
        ((500, {}, b""), Meaning.FAILED),
    ],
)
def test_what_an_answer_means(answer: tuple[int, dict[str, str], bytes], meaning: Meaning) -> None:
    assert answer_of(*answer).meaning is meaning


def test_an_excerpt_is_one_short_line() -> None:
    answer = answer_of(403, {}, b"<html>\n  blocked\x00 \x1b[31m" + b"x" * 5000)
    assert answer.excerpt.startswith("<html> blocked [31mxxx") and len(answer.excerpt) == 300


_GIVEN, _ABSENT = Answer(Meaning.GIVEN, "HTTP 200"), Answer(Meaning.ABSENT, "HTTP 403")
_REFUSED, _FAILED = Answer(Meaning.REFUSED, "HTTP 403"), Answer(Meaning.FAILED, "HTTP 503")
_ACCOUNT = Answer(Meaning.NEEDS_ACCOUNT, "HTTP 401")


@pytest.mark.parametrize(
    ("live", "mirror", "error"),
    [
        (_GIVEN, None, None),
        (_FAILED, _GIVEN, None),
        (_REFUSED, _GIVEN, None),
        (_ACCOUNT, _GIVEN, None),
        (_ABSENT, _ABSENT, None),
        (_ABSENT, _FAILED, UpstreamError),
        (_ABSENT, _REFUSED, BlockedError),
        (_REFUSED, _FAILED, BlockedError),
        (_ACCOUNT, _ABSENT, AccountError),
        (_ACCOUNT, _REFUSED, AccountError),
    ],
)
def test_how_a_topic_ended(live: Answer, mirror: Answer | None, error: type[UpstreamError] | None) -> None:
    outcomes = Outcomes()
    outcomes.note(f"https://{TIMING_HOST}{PATH}CarData.z.jsonStream", live)
    if mirror is not None:
        outcomes.note(f"https://{MIRROR_HOST}{PATH}CarData.z.jsonStream", mirror)
    assert outcomes.absent(PATH) == (["CarData.z.jsonStream"] if live == mirror == _ABSENT else [])
    outcomes.check("2099", "/static/2099/elsewhere/", (), sign_in_problem=None)
    if error is None:
        outcomes.check("2099", PATH, (), sign_in_problem=None)
        return
    with pytest.raises(error, match=r"2099.*CarData\.z\.jsonStream from livetiming") as raised:
        outcomes.check("2099", PATH, (), sign_in_problem=None)
    assert type(raised.value) is error


# An address that is refused.


@pytest.mark.parametrize("how", sorted(REFUSALS))
def test_an_address_that_is_refused_everything_is_told_so(
    double: UpstreamDouble, cache: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    double.block(how)
    with pytest.raises(BlockedError, match=r"2099 round 1 .* Q.*parcferme fetch"):
        load_recording(Client(cache), QUALIFYING)
    if how in ("firewall", "challenge"):
        assert any("<!DOCTYPE html>" in text for text in said(caplog))
    double.up()
    assert load_recording(Client(cache), QUALIFYING).missing == ()


@pytest.mark.parametrize("how", sorted(REFUSALS))
def test_telemetry_that_is_refused_is_not_absent(double: UpstreamDouble, cache: Path, how: str) -> None:
    double.block(how, paths=r".*/(CarData|Position)\.z.*")
    with pytest.raises(BlockedError, match=r"CarData\.z.*Nothing is published"):
        load_recording(Client(cache), QUALIFYING)
    double.up()
    double.forget()
    assert load_recording(Client(cache), QUALIFYING).missing == ()
    assert {request.what for request in double.requests(TIMING_HOST)} >= {"CarData.z", "Position.z"}
    assert calls(double)[TIMING_HOST] <= 4


def test_what_the_session_lists_is_not_absent_unless_somebody_says_so(double: UpstreamDouble, cache: Path) -> None:
    double.season.hide(1, "Q", "CarData.z", "Position.z")
    double.season.lists(1, "Q", "CarData.z")
    with pytest.raises(BlockedError, match=r"lists CarData\.z\.jsonStream of .*--force"):
        load_recording(Client(cache), QUALIFYING)
    recording = load_recording(Client(cache), QUALIFYING, takes_its_word=True)
    assert {"car_data", "position_data"} <= set(recording.missing)


def test_before_a_season_has_an_index_the_year_before_shows_that_nobody_is_refused(
    double: UpstreamDouble, cache: Path
) -> None:
    double.season.hide(1, "Q")
    double.block("s3", paths=rf"/static/{SAMPLE_YEAR}/Index\.json")
    with pytest.raises(BlockedError, match="of everything that it is not there"):
        load_recording(Client(cache), QUALIFYING)
    double.season.replace(f"https://{TIMING_HOST}/static/{SAMPLE_YEAR - 1}/Index.json", b'{"Meetings": []}')
    with pytest.raises(NotReadyError):
        load_recording(Client(cache), QUALIFYING)


# Results that come later.


def test_answers_without_results_are_asked_for_again(double: UpstreamDouble, cache: Path) -> None:
    client = Client(cache)
    first_laps = service_urls(RACE, None)["first-laps"]
    double.season.hide(1, "R", "results", "first-laps")
    client.refresh(first_laps, "first laps")
    refresh_results_answer(client, RACE)
    empty = results_answer(cache, RACE)
    assert empty is not None and b'"Races": []' in empty
    double.season.show(1, "R")
    refresh_results_answer(client, RACE)
    full = results_answer(cache, RACE)
    assert full is not None and b'"position"' in full
    assert read_bodies(cache, [first_laps]) == {}
    double.forget()
    client.refresh(first_laps, "first laps")
    for _ in range(2):
        refresh_results_answer(client, RACE)
    assert [request.what for request in double.requests()] == ["first-laps"]
    assert read_bodies(cache, [first_laps]) != {}


# The account.


def test_without_an_account_the_log_says_so_once_and_the_recording_does_not(
    double: UpstreamDouble, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    downloaded = load_recording(Client(cache), QUALIFYING)
    assert not [text for text in downloaded.warnings if "account" in text]
    assert load_recording(Client(cache), QUALIFYING).warnings == downloaded.warnings
    (once,) = said(caplog)
    assert "F1_USERNAME and F1_PASSWORD are not set" in once and "Set both" in once


def test_a_session_that_only_accounts_get_says_so(
    account: UpstreamDouble, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("F1_PASSWORD")
    account.block("s3", hosts=MIRROR_HOST)
    with pytest.raises(AccountError, match=r"only to who is signed in.*F1_PASSWORD is not set.*F1 TV subscription"):
        load_recording(Client(cache), QUALIFYING)


def test_an_account_without_a_subscription_is_told_so(
    account: UpstreamDouble, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.cancel_subscription()
    account.block("s3", hosts=MIRROR_HOST)
    for _ in range(2):
        with pytest.raises(AccountError, match=r"active F1TV subscription is required"):
            load_recording(Client(cache), QUALIFYING)
        assert sign_ins(account) == 1


def test_a_wrong_password_is_given_once(
    account: UpstreamDouble, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("F1_PASSWORD", "wrong")
    assert ask_live_timing(cache, 3) == [401, 401, 401]
    assert sign_ins(account) == 1 and not account.token_path.exists()
    (once,) = said(caplog)
    assert "Incorrect username or password" in once and "wrong" not in once

    # Nor by the next run, which is another process; other credentials are another matter.
    new_process(monkeypatch)
    assert ask_live_timing(cache, 2) == [401, 401]
    assert sign_ins(account) == 1 and "refused with the same credentials" in said(caplog)[-1]
    new_process(monkeypatch)
    monkeypatch.setenv("F1_PASSWORD", "wrong too")
    assert ask_live_timing(cache, 1) == [401]
    assert sign_ins(account) == 2


def test_a_token_that_ends_soon_is_used_until_it_does(
    double: UpstreamDouble, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    need_account(double, monkeypatch, valid_for_s=250)
    assert ask_live_timing(cache, 3) == [403, 403, 403]
    assert sign_ins(double) == 1 and said(caplog) == []
    # The next process signs in once too: the token that is stored is not good enough for FastF1.
    new_process(monkeypatch)
    assert ask_live_timing(cache, 2) == [403, 403]
    assert sign_ins(double) == 2


def test_a_token_taken_back_is_replaced_once(
    account: UpstreamDouble, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask_live_timing(cache, 1)
    new_process(monkeypatch)
    account.revoke_tokens()
    assert ask_live_timing(cache, 2) == [403, 403]
    assert sign_ins(account) == 2 and said(caplog) == []
    account.revoke_tokens()
    assert ask_live_timing(cache, 3) == [401, 401, 401]
    assert sign_ins(account) == 2
    (once,) = said(caplog)
    assert "rejects the token" in once


def test_nobody_is_asked_at_the_terminal(
    account: UpstreamDouble, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def _ask(*_: Any) -> str:
        pytest.fail("asked at the terminal")

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", _ask)
    monkeypatch.setattr("getpass.getpass", _ask)
    monkeypatch.delenv("F1_PASSWORD")
    assert ask_live_timing(cache, 2) == [401, 401]
    assert sign_ins(account) == 0
    (once,) = said(caplog)
    assert "F1_PASSWORD is not set" in once


def test_the_health_check_looks_where_the_sign_in_is_kept(account: UpstreamDouble, cache: Path) -> None:
    assert read_sign_in().expires_at is None
    ask_live_timing(cache, 1)
    assert account.token_path.exists() and read_sign_in().expires_at is not None
