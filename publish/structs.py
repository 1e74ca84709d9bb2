"""What published JSON documents are made of: closed structs, types of fields, and the way to bytes and back.

A document is declared once, as a struct beside the code that owns it. Its type in Python, the check of what is read and
of what is written, and the published JSON Schema are that declaration; docstrings are published as descriptions.

Documents are closed: a field that is not declared is refused, in documents of every kind and wherever they are read.
Nothing is dropped in silence, so an older installation that shares a destination with a newer one cannot lose what the
newer one has written; it stops and says so. A field that is added therefore asks for all writers of a destination to be
updated, and must have a default if documents without it are still to be read. A field that goes away or changes its
meaning raises the number in the document's ``schema``.
"""

import gzip
import re
import threading
import zlib
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgspec
import orjson
from msgspec import Meta, Struct, field

from publish import keys
from transforms.declare import NAME_LENGTH, SENTENCE_LENGTH
from transforms.errors import PublicationError
from transforms.grades import GRADES
from transforms.session_types import SESSION_CODES

#: Digits a version may have; characters of a wrong one that a message shows.
_VERSION_DIGITS, _SHOWN = 9, 100
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_REPAIR = "Restore an earlier version of it or delete it, then publish that session or rewrite that index again."
_UPDATE_OR_REPAIR = f"If a newer parcferme writes there too, update this one. Otherwise it is damaged. {_REPAIR}"

Kind = TypeVar("Kind")


def about(description: str) -> Meta:
    """Describe a field or a type to readers of the schema."""
    return Meta(description=description)


def one_of(*values: str) -> Meta:
    """Allow these texts alone.

    Not ``Literal``, which would make every ``str`` that comes from elsewhere an error of types. (A lone ``$`` would let
    a newline pass behind the text.)
    """
    names = "|".join(map(re.escape, values))
    return Meta(pattern=rf"^(?:{names})(?!\n)$", extra_json_schema={"enum": list(values)})


def text_of(longest: int) -> Meta:
    """Allow texts of at most ``longest`` characters without control characters, as ``transforms.texts`` leaves them."""
    return Meta(max_length=longest, pattern=r"^[^\x00-\x1f\x7f-\x9f]*(?!\n)$")


Name = Annotated[str, text_of(NAME_LENGTH)]
Sentence = Annotated[str, text_of(SENTENCE_LENGTH)]
Count = Annotated[int, Meta(ge=0)]
Year = Annotated[int, Meta(ge=1950)]
Grade = Annotated[str, one_of(*GRADES)]
SessionCode = Annotated[str, one_of(*SESSION_CODES)]
Revision = Annotated[str, Meta(pattern=f"^{keys.REVISION_PATTERN}$")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Date = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d")]
#: A time with a zone, published in UTC with milliseconds.
Utc = Annotated[datetime, Meta(tz=True, extra_json_schema={"pattern": _MOMENT + r".*(Z|[+-]\d\d:\d\d)$"})]
#: The same where it stays the text it is.
UtcText = Annotated[str, Meta(pattern=_MOMENT, extra_json_schema={"format": "date-time"})]
Capabilities = dict[str, bool]


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object with exactly the declared fields; those with a default may be missing."""


class Document(Part, tag_field="schema"):
    """A JSON object that says in ``schema`` what it is; subclasses name it: ``tag="parcferme/latest/1"``."""


def _plain_time(value: object) -> datetime:
    """Return a time of a class of its own (Prefect's are pendulum's) as a plain one."""
    if isinstance(value, datetime):
        return datetime.fromisoformat(value.isoformat())
    raise TypeError(f"a {type(value).__name__} is no value of a document")


def plain_values(document: object) -> Any:
    """Return a struct as dicts, tuples and plain values, times as they are.

    :raises PublicationError: it is not what it is declared to be, so nobody could read it.
    """
    plain = msgspec.to_builtins(document, builtin_types=(datetime,), enc_hook=_plain_time)
    try:
        decoder_of(type(document))
        msgspec.convert(plain, type(document), builtin_types=(datetime,))
    except msgspec.ValidationError as error:
        raise PublicationError(
            f"A {type(document).__name__} was to be published that is not as its schema says: {error}. It was not "
            "written. This is a fault of parcferme or of what it was called with: report it with this message."
        ) from error
    return plain


def encode_document(document: object) -> bytes:
    """Return compact JSON, fields in the order declared, times in UTC with milliseconds, a newline at the end.

    :raises PublicationError: the document is not what it is declared to be, or holds a text that is none.
    """
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME
    try:
        return orjson.dumps(plain_values(document), default=utc_text, option=options)
    except orjson.JSONEncodeError as error:
        raise PublicationError(
            f"A {type(document).__name__} was to be published that holds a text that is none: {error}. It was not "
            "written. This is a fault of parcferme: report it with this message."
        ) from error


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
_decoders_lock = threading.Lock()


def decoder_of(kind: type[Kind]) -> msgspec.json.Decoder[Kind]:
    """Return what decodes ``kind``, for any number of threads.

    One thread at a time looks at a type for the first time: two that do crash the process (msgspec 0.22).
    """
    made = _decoders.get(kind)
    if made is None:
        with _decoders_lock:
            made = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    return made


def decode_document(data: bytes, kind: type[Kind], where: str) -> Kind:
    """Return the document in ``data``, checked; ``kind`` is a struct or a type of plain values.

    :raises PublicationError: it is torn, of another contract version or not as its schema says; names ``where``.
    """
    try:
        if (problem := _version_problem(data, kind)) is None:
            return decoder_of(kind).decode(data)
    except msgspec.ValidationError as error:
        raise PublicationError(f"{where} is not as its schema says: {error}. {_UPDATE_OR_REPAIR}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PublicationError(f"{where} is not readable JSON ({error}). {_REPAIR}") from error
    raise PublicationError(f"{where} {problem}")


def decode_packed(data: bytes, kind: type[Kind], where: str) -> Kind:
    """Return the document in the gzip file ``data``, as :func:`decode_document` does."""
    try:
        json = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise PublicationError(f"{where} cannot be read as gzip ({error}). {_REPAIR}") from error
    return decode_document(json, kind, where)


class _Head(Struct):
    schema: str = ""


def _version_problem(data: bytes, kind: Any) -> str | None:
    """Return what is wrong with the ``schema`` a document says it has, and what to do."""
    if not (isinstance(kind, type) and issubclass(kind, Document)):
        return None
    wanted = str(kind.__struct_config__.tag)
    if data.startswith(b'{"schema":"%s"' % wanted.encode()):
        return None  # as it is written here: the rest need not be looked through for it
    said = decoder_of(_Head).decode(data).schema
    if said == wanted:
        return None
    (name, _, version), (said_name, _, said_version) = wanted.rpartition("/"), said.rpartition("/")
    if said_name != name or not said_version.isdecimal() or len(said_version) > _VERSION_DIGITS:
        return f"is not a {wanted}: its schema is {said[:_SHOWN]!r}. {_REPAIR}"
    if int(said_version) > int(version):
        return f"is a {said}, written by a newer parcferme. Update this one, which knows {wanted} and changed nothing."
    return (
        f"is a {said}, written by an older parcferme; this one knows {wanted}. Delete it, then publish that session or "
        "rewrite that index again."
    )


def utc_text(moment: datetime) -> str:
    """Return an aware time as ISO 8601 in UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
