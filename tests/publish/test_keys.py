"""Every key that a function makes can be one, is no other function's, and has headers that follow from it."""

import inspect
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish import keys
from publish.headers import IMMUTABLE, PRIVATE, headers_for
from transforms.columns import TABLES
from transforms.errors import PublicationError
from transforms.session_types import SESSION_CODES


def _digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=count, max_size=count)


_NUMBER = st.integers(0, 12) | st.integers(0, 10**9)
_PATH = st.sampled_from(("overview.json.gz", "frames/25/0003.json.gz", "parquet/laps.parquet", "rows/skip_7.json.gz"))
#: What each parameter of the functions in ``keys`` can be.
_ARGUMENTS: dict[str, st.SearchStrategy] = {
    "code": st.sampled_from(SESSION_CODES),
    "name": st.sampled_from(("manifest", "latest", "columns")),
    "path": _PATH,
    "revision": _digits(16) | st.builds("{}-{}".format, _digits(16), _digits(8)),
    "round_number": _NUMBER,
    "session_key": _NUMBER,
    "skip": _NUMBER,
    "table": st.sampled_from(sorted(TABLES)),
    "version": _digits(16),
    "year": _NUMBER,
}
#: They judge a key, or a part of one, that they are given.
_JUDGES = (
    "checked_key",
    "checked_prefix",
    "content_of",
    "is_immutable",
    "is_key",
    "is_of_seasons",
    "is_revision",
    "is_status",
    "session_of_table_copy",
    "year_of_csv",
)
_MAKERS: dict[str, Callable[..., str | None]] = {
    name: made
    for name, made in vars(keys).items()
    if inspect.isfunction(made) and made.__module__ == keys.__name__ and not name.startswith("_")
    if name not in _JUDGES
}


def _arguments(maker: Callable[..., str | None]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({name: _ARGUMENTS[name] for name in inspect.signature(maker).parameters})


def test_what_makes_keys_is_known() -> None:
    unknown = {name for maker in _MAKERS.values() for name in inspect.signature(maker).parameters} - set(_ARGUMENTS)
    assert not unknown, f"say above what these parameters can be: {unknown}"
    assert {"latest", "season", "status", "stable_copy", "revision_object"} <= set(_MAKERS)


@pytest.mark.parametrize("name", sorted(_MAKERS))
@given(data=st.data())
def test_a_key_is_safe_and_says_what_it_is_of(name: str, data: st.DataObject) -> None:
    arguments = data.draw(_arguments(_MAKERS[name]))
    key = _MAKERS[name](**arguments)
    if key is None:
        return
    if key.endswith("/"):
        assert keys.checked_prefix(key) == key and keys.is_key(key + "a")
        return
    assert keys.checked_key(key) == key
    headers = headers_for(key)
    assert headers.content_type != "application/octet-stream"
    assert (headers.content_encoding == "gzip") == key.endswith(".gz")
    assert (headers.cache_control == IMMUTABLE) == keys.is_immutable(key) == ("revision" in arguments)
    assert headers.cache_control != PRIVATE


@pytest.mark.parametrize("name", sorted(set(_MAKERS) - {"stable_copy"}))
@given(data=st.data())
def test_no_two_things_have_one_key(name: str, data: st.DataObject) -> None:
    one, other = data.draw(_arguments(_MAKERS[name])), data.draw(_arguments(_MAKERS[name]))
    # Digits run into each other if nothing stands between them: 1 and 23, 12 and 3.
    assert (_MAKERS[name](**one) == _MAKERS[name](**other)) == (one == other)


@given(st.data())
def test_a_stable_copy_is_of_a_race_or_a_table(data: st.DataObject) -> None:
    arguments = data.draw(_arguments(keys.stable_copy))
    key = keys.stable_copy(**arguments)
    kind = str(arguments["path"]).split("/")[0]
    assert (key is not None) == (kind == "parquet" or (kind == "rows" and arguments["code"] == "R"))
    if key is not None:
        # Made anew by every publication: never to be kept for ever.
        assert not keys.is_immutable(key)


_PLAIN = string.ascii_letters + string.digits + "._=-/"


@given(st.text(max_size=40) | st.text(_PLAIN, max_size=40))
def test_nothing_that_leads_elsewhere_is_a_key(text: str) -> None:
    parts = text.split("/")
    safe = set(text) <= set(_PLAIN) and all(part and part[0] not in ".=-" for part in parts)
    assert keys.is_key(text) == safe
    if not safe:
        with pytest.raises(PublicationError, match="cannot be the name"):
            keys.checked_key(text)
