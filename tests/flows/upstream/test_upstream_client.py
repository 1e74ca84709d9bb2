"""FastF1 behind one client at a time: whose cache it works on, and what its ways of failing become."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest
from sample_sessions import load_sample, sample_session

from flows.sample import SAMPLE_NOW_UTC, SAMPLE_YEAR
from flows.upstream import client as client_module
from flows.upstream import patches
from flows.upstream.account import Account
from flows.upstream.calendar import read_schedule
from flows.upstream.client import Client, check_version
from flows.upstream.load import load_recording, locate
from transforms.errors import InputError, UpstreamError


def at_present() -> tuple[str, bool]:
    """FastF1's cache, and whether it is offline."""
    from fastf1.req import Cache

    return str(Cache._CACHE_DIR), bool(Cache._requests_session_cached.settings.only_if_cached)


@pytest.fixture
def clients(tmp_path: Path) -> tuple[Client, Client]:
    return Client(tmp_path / "one"), Client(tmp_path / "two", offline=True)


def test_clients_take_turns(clients: tuple[Client, Client]) -> None:
    one, two = clients
    for _ in range(2):
        with one.at_work():
            assert at_present() == (str(one.cache_dir), False)
        with two.at_work():
            assert at_present() == (str(two.cache_dir), True)
            with Client(two.cache_dir, offline=True).at_work():
                assert at_present() == (str(two.cache_dir), True)
            assert at_present() == (str(two.cache_dir), True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: read_schedule(client, SAMPLE_YEAR, SAMPLE_NOW_UTC),
        lambda client: locate(client, sample_session(1, "R")),
        lambda client: load_recording(client, sample_session(1, "R")),
        lambda client: client.refresh("https://api.jolpi.ca/x", "x"),
    ],
)
def test_no_client_takes_fastf1_from_under_another(
    clients: tuple[Client, Client], ask: Callable[[Client], object]
) -> None:
    one, two = clients
    with one.at_work():
        with pytest.raises(RuntimeError, match=f"{one.cache_dir} for another client; one on {two.cache_dir}"):
            ask(two)
        assert at_present() == (str(one.cache_dir), False)
    with two.at_work():
        assert at_present() == (str(two.cache_dir), True)


def test_the_same_cache_with_other_rules_is_another_client(clients: tuple[Client, Client]) -> None:
    one, _ = clients
    with one.at_work(), pytest.raises(RuntimeError), Client(one.cache_dir, offline=True).at_work():
        pytest.fail("went online although offline was asked for")


def test_a_thread_waits_until_the_client_of_another_is_done(clients: tuple[Client, Client]) -> None:
    one, two = clients
    begun, found = Event(), []

    def _other() -> None:
        begun.set()
        with two.at_work():
            found.append(at_present())

    thread = Thread(target=_other)
    with one.at_work():
        thread.start()
        assert begun.wait(60)
        assert at_present() == (str(one.cache_dir), False) and found == []
    thread.join(60)
    assert found == [(str(two.cache_dir), True)]


def test_a_block_that_fails_makes_room_for_the_next(clients: tuple[Client, Client]) -> None:
    one, two = clients
    with pytest.raises(ZeroDivisionError), one.at_work():
        raise ZeroDivisionError
    with two.at_work():
        assert at_present() == (str(two.cache_dir), True)


def test_a_recording_comes_from_the_cache_it_was_asked_of(sample_cache: Path, clients: tuple[Client, Client]) -> None:
    one, _ = clients
    here = Client(sample_cache, offline=True)
    assert load_recording(here, sample_session(1, "FP1")).identity.year == SAMPLE_YEAR
    empty = Client(one.cache_dir, offline=True)
    with pytest.raises(UpstreamError, match="schedule must be in the cache folder"):
        load_recording(empty, sample_session(1, "FP1"))
    assert load_sample(sample_cache, 1, "FP1").missing == load_recording(here, sample_session(1, "FP1")).missing


def test_what_fastf1_does_when_it_gives_up_is_an_error(
    clients: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fastf1
    import requests
    from fastf1.exceptions import RateLimitExceededError

    def _fails_with(error: BaseException) -> Callable[..., None]:
        def _fail(*_args: object, **_options: object) -> None:
            raise error

        return _fail

    for error, said in (
        (SystemExit(), "FastF1 gave up downloading the schedule of 2024"),
        (RateLimitExceededError("any API: 500 calls/h"), "call limit is reached while loading the schedule of 2024"),
        (requests.ConnectTimeout(), r"could not be reached .* \(ConnectTimeout\)"),
    ):
        monkeypatch.setattr(fastf1, "get_event_schedule", _fails_with(error))
        with pytest.raises(UpstreamError, match=said):
            read_schedule(clients[0], 2024, SAMPLE_NOW_UTC)


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="Set PARCFERME_CACHE_DIR"), Client(tmp_path / "file" / "cache").at_work():
        pytest.fail("there is no such cache")


def test_the_sign_in_remembers_while_the_account_is_the_same(
    clients: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module._process, "sign_in", None)
    seen = []
    for account in (Account("a", "1"), Account("a", "1"), Account("a", "2")):
        with Client(clients[0].cache_dir, account=account).at_work():
            seen.append(client_module._process.sign_in)
    assert seen[0] is seen[1] is not seen[2]


def test_an_account_is_what_the_environment_names() -> None:
    assert Account.from_environment({"F1_USERNAME": "a", "F1_PASSWORD": ""}) == Account("a")
    assert Account.from_environment({}).missing == ("F1_USERNAME", "F1_PASSWORD")
    assert Account("a", "secret").missing == ()
    assert "secret" not in repr(Client(Path(os.devnull), account=Account("a", "secret")))


def test_another_fastf1_is_refused_before_it_is_asked(
    clients: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "find_moved", lambda: ["fastf1.req.Cache._cached_request is gone"])
    check_version.cache_clear()
    with pytest.raises(InputError, match=r"FastF1 3\.\S+ is not .*_cached_request is gone"), clients[0].at_work():
        pytest.fail("FastF1 was asked without the hooks")
    assert not clients[0].cache_dir.exists()
    check_version.cache_clear()
