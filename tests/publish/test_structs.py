"""Documents are read as what they say they are, or refused in one sentence that helps; nothing of them is lost."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from publish import keys
from publish.contract.schemas import DOCUMENTS, document_schemas
from publish.live.status import Status, read_status, write_status
from publish.publication import publish_revision
from publish.revisions.latest import read_latest
from publish.season.aliases import StatusMoves
from publish.season.index import read_season, update_season
from publish.stores.shared_documents import read_document, update_document
from publish.structs import Document, Grade, Part, decode_document, encode_document
from transforms.errors import PublicationError

NOW = datetime(2024, 3, 3, 12, 0, tzinfo=UTC)
STATUS = "v1/status/2024/1/R.json"


class Thing(Document, tag="parcferme/thing/2"):
    """Something that is published."""

    name: str
    parts: tuple[int, ...] = ()


def read(data: bytes) -> Thing:
    return decode_document(data, Thing, "v1/thing.json in file:///site")


@pytest.mark.parametrize(
    ("data", "problem", "advice"),
    [
        (b'{"schema":"parcferme/thing/3","name":"x"}', "a parcferme/thing/3, written by a newer", "Update this one"),
        (b'{"schema":"parcferme/thing/10"}', "a parcferme/thing/10, written by a newer", "Update this one"),
        (b'{"schema":"parcferme/thing/1","names":[]}', "a parcferme/thing/1, written by an older", "Delete it"),
        (b'{"schema":"parcferme/latest/2","name":"x"}', "not a parcferme/thing/2: its schema is 'parcf", "Restore"),
        (b'{"schema":"parcferme/thing/new","name":"x"}', "not a parcferme/thing/2", "Restore"),
        (b'{"name":"x"}', "not a parcferme/thing/2: its schema is ''", "Restore"),
        (b'{"schema":2,"name":"x"}', "not as its schema says: Expected `str`, got `int` - at `$.schema`", "Restore"),
        (b'{"schema":"parcferme/thing/2","name":"x', "not readable JSON", "Restore"),
        (b'{"schema":"parcferme/thing/2","name":"\xff"}', "not readable JSON", "Restore"),
        (b"", "not readable JSON", "Restore"),
        (b"[]", "not as its schema says: Expected `object`, got `array`", "Restore"),
        (b'{"schema":"parcferme/thing/2"}', "missing required field `name`", "Restore"),
        (b'{"schema":"parcferme/thing/2","name":null}', "Expected `str`, got `null` - at `$.name`", "Restore"),
        (b'{"schema":"parcferme/thing/2","name":"x","more":1}', "unknown field `more`", "newer parcferme writes there"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_is_wrong_and_what_to_do(data, problem, advice) -> None:
    with pytest.raises(PublicationError) as caught:
        read(data)
    message = str(caught.value)
    assert message.startswith("v1/thing.json in file:///site is not") or message.startswith(
        "v1/thing.json in file:///site is a parcferme/thing/"
    )
    assert problem in message and advice in message


def test_what_may_be_missing_may_be_missing() -> None:
    assert read(b'{"name":"x","schema":"parcferme/thing/2"}') == Thing("x")


def test_nothing_is_written_that_could_not_be_read(file_store) -> None:
    with pytest.raises(PublicationError, match=r"Thing was to be published.*`\$\.name`.*not written"):
        update_document(file_store, "v1/thing.json", Thing, lambda _: Thing(1))  # type: ignore[arg-type]
    assert list(file_store.list("")) == []


def _newer(data: bytes) -> bytes:
    return re.sub(rb'("schema":"parcferme/\w+)/1"', rb'\1/2"', data)


def _with_a_field_more(data: bytes) -> bytes:
    return data.replace(b"{", b'{"what_comes_next_year":1,', 1)


def _torn(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("change", [_newer, _with_a_field_more, _torn])
def test_documents_of_other_writers_stay_as_they_are(file_store, publishing, change) -> None:
    """Whoever cannot understand a document neither changes nor replaces it."""
    encoded = publishing.revision()
    publish_revision(file_store, encoded, publishing.identity(), summary=publishing.summary, now=NOW)
    write_status(file_store, 2024, 1, "R", _status())
    shared = (keys.latest(9472), keys.season(2024), STATUS)
    for key in shared:
        file_store.write(key, change(file_store.read(key).data))
    before = {key: file_store.read(key).data for key in shared}

    def publish() -> None:
        publish_revision(
            file_store, publishing.revision("two"), publishing.identity(), summary=publishing.summary, now=NOW
        )

    for key, action in (
        (keys.latest(9472), lambda: read_latest(file_store, 9472)),
        (keys.latest(9472), publish),
        (keys.season(2024), lambda: read_season(file_store, 2024)),
        (keys.season(2024), lambda: update_season(file_store, 2024, [], NOW)),
        (STATUS, lambda: read_status(file_store, 2024, 1, "R")),
        (STATUS, lambda: write_status(file_store, 2024, 1, "R", _status(NOW + timedelta(hours=1)))),
    ):
        with pytest.raises(PublicationError, match=re.escape(f"{key} in {file_store.uri} is")):
            action()
    assert {key: file_store.read(key).data for key in shared} == before


def _status(at: datetime = NOW) -> Status:
    return Status(
        type="progress",
        state="Running",
        progress=10,
        message="",
        flow_run_id="run",
        flow_run_name="fox",
        started_at=at,
        updated_at=at,
        error=None,
    )


def test_a_list_of_texts_is_exact() -> None:
    class Verdict(Part):
        grade: Grade

    assert decode_document(b'{"grade":"F"}', Verdict, "it").grade == "F"
    for wrong in ("E", "", "AB", "A\\n", "a"):
        with pytest.raises(PublicationError, match="grade"):
            decode_document(f'{{"grade":"{wrong}"}}'.encode(), Verdict, "it")


def test_times_are_published_in_utc_with_milliseconds(file_store) -> None:
    status = _status(datetime.fromisoformat("2024-03-03T13:00:00.123987+01:00"))
    write_status(file_store, 2024, 1, "R", status)
    assert read_document(file_store, STATUS, dict)["started_at"] == "2024-03-03T12:00:00.123Z"
    assert read_status(file_store, 2024, 1, "R").started_at == datetime(2024, 3, 3, 12, 0, 0, 123000, tzinfo=UTC)


# --- every document there can be ---

_MOMENTS = st.datetimes(min_value=datetime(1950, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


def documents_of(kind: Any) -> st.SearchStrategy:
    """Return a strategy for everything that a type of a field or a struct declares."""
    return _of(msgspec.inspect.type_info(kind))


def _of(info: msgspec.inspect.Type) -> st.SearchStrategy:
    match info:
        case msgspec.inspect.Metadata():
            return _of(info.type)
        case msgspec.inspect.StructType():
            fields = {field.name: _of(field.type) for field in info.fields}
            return st.fixed_dictionaries(fields).map(lambda values: info.cls(**values))
        case msgspec.inspect.UnionType():
            return st.one_of([_of(one) for one in info.types])
        case msgspec.inspect.IntType():
            return st.integers(-(2**53) if info.ge is None else info.ge, 2**53 if info.le is None else info.le)
        case msgspec.inspect.StrType():
            return st.text(max_size=12) if info.pattern is None else st.from_regex(info.pattern)
        case msgspec.inspect.ListType() | msgspec.inspect.VarTupleType():
            items = st.lists(_of(info.item_type), min_size=info.min_length or 0, max_size=info.max_length or 3)
            return items if isinstance(info, msgspec.inspect.ListType) else items.map(tuple)
        case msgspec.inspect.TupleType():
            return st.tuples(*(_of(item) for item in info.item_types))
        case msgspec.inspect.DictType():
            return st.dictionaries(_of(info.key_type), _of(info.value_type), max_size=3)
    return {
        msgspec.inspect.LiteralType: lambda: st.sampled_from(info.values),  # type: ignore[attr-defined]
        msgspec.inspect.FloatType: lambda: st.floats(allow_nan=False, allow_infinity=False),
        msgspec.inspect.DateTimeType: lambda: _MOMENTS,
        msgspec.inspect.BoolType: st.booleans,
        msgspec.inspect.NoneType: st.none,
        msgspec.inspect.AnyType: lambda: st.none() | st.integers(0, 9) | st.text(max_size=3),
    }[type(info)]()


KINDS = {**DOCUMENTS, "moves": StatusMoves}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in document_schemas().items()}


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=30)
@given(data=st.data())
def test_a_document_is_read_as_what_was_written_and_fits_its_schema(name, data) -> None:
    document = data.draw(documents_of(KINDS[name]))
    text = encode_document(document)
    again = decode_document(text, KINDS[name], "it")
    assert again == document
    assert encode_document(again) == text
    if name in VALIDATORS:
        VALIDATORS[name].validate(json.loads(text))


#: What a field is not, as a rule.
VALUES = [None, True, 0, -1, 300, 1.5, "", "A", "2024-03-02T15:00:00.000Z", [], [1], [[0, 1]], {}, {"x": 1}]


@st.composite
def damaged(draw: st.DrawFn, document: Any) -> Any:
    """Return a JSON document with one value another one, one field gone or one more."""
    if isinstance(document, dict) and document and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(document)))
        return {**document, name: draw(damaged(document[name]))}
    if isinstance(document, list) and document and draw(st.integers(0, 3)):
        return [draw(damaged(document[0])), *document[1:]]
    if isinstance(document, dict) and document and draw(st.booleans()):
        gone = draw(st.sampled_from(sorted(document)))
        return {name: value for name, value in document.items() if name != gone}
    if isinstance(document, dict) and draw(st.booleans()):
        return {**document, "more": 1}
    return draw(st.sampled_from(VALUES))


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=30)
@given(data=st.data())
def test_reading_is_as_strict_as_the_published_schema(name, data) -> None:
    whole = json.loads(encode_document(data.draw(documents_of(KINDS[name]))))
    for _ in range(5):
        document = data.draw(damaged(whole))
        try:
            decode_document(json.dumps(document).encode(), KINDS[name], "it")
        except PublicationError:
            assert not VALIDATORS[name].is_valid(document), document
        else:
            assert VALIDATORS[name].is_valid(document), document


def test_times_of_a_class_of_their_own_are_written_like_plain_ones():
    class Moment(datetime):
        """What Prefect's client gives: a subclass."""

    at = datetime(2024, 3, 2, 15, 0, tzinfo=UTC)
    moment = Moment(2024, 3, 2, 15, 0, tzinfo=UTC)
    assert encode_document({"at": moment}) == encode_document({"at": at})


def test_only_one_thread_at_a_time_looks_at_a_type_for_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = msgspec.defstruct("NeverDecodedBefore", [("name", str)])
    begun, together, made = threading.Barrier(4), threading.Lock(), []

    def decoder(wanted: type) -> msgspec.json.Decoder[Any]:
        assert together.acquire(blocking=False)
        made.append(real(wanted))
        together.release()
        return made[-1]

    real = msgspec.json.Decoder
    monkeypatch.setattr(msgspec.json, "Decoder", decoder)

    def decode(_: int) -> Any:
        begun.wait(60)
        return decode_document(b'{"name":"x"}', kind, "here")

    with ThreadPoolExecutor(4) as pool:
        assert [one.name for one in pool.map(decode, range(4))] == ["x"] * 4
    # One for the type, one at most for the head that says the version.
    assert len(made) <= 2
