"""JSON documents that several publishers share: read, change, write back, without ever losing somebody's change."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from publish.stores.base import Conflict, Store
from transforms.errors import PublicationError

Document = dict[str, Any]

_ATTEMPTS = 60
_LONGEST_PAUSE_S = 1.0
_REPAIR = "Restore an earlier version of it or delete it, then publish that session or rewrite that index again."


def encode_document(document: Document) -> bytes:
    """Return the bytes of a document: compact JSON, keys in the order given, a newline at the end."""
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def parse_document(data: bytes, where: str) -> Document:
    """Return the JSON object in ``data``; raises PublicationError naming ``where`` if there is none."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise PublicationError(f"{where} is not readable JSON ({error}). {_REPAIR}") from error
    if not isinstance(document, dict):
        raise PublicationError(f"{where} is not a JSON object. {_REPAIR}")
    return document


def read_document(store: Store, key: str) -> Document | None:
    """Return the document at ``key``, or None if there is none."""
    stored = store.read(key)
    return None if stored is None else parse_document(stored.data, f"{key} in {store.uri}")


def update_document(
    store: Store,
    key: str,
    change: Callable[[Document | None], Document | None],
    attempts: int = _ATTEMPTS,
) -> bool:
    """Compare and swap: apply ``change`` to the document at ``key`` and say whether anything was written.

    ``change`` gets the present document (None if there is none) and returns the new one, or None to leave it. It is
    called again after a lost race, so it must have no effect of its own and must accept a document it has changed
    before. An unchanged document is not written. Raises PublicationError when the race is lost ``attempts`` times.
    """
    for attempt in range(attempts):
        stored = store.read(key)
        before = None if stored is None else parse_document(stored.data, f"{key} in {store.uri}")
        after = change(before)
        if after is None:
            return False
        data = encode_document(after)
        if stored is not None and stored.data == data:
            return False
        try:
            store.write(key, data, if_match=stored.etag if stored else None, if_none_match=stored is None)
        except Conflict:
            # Random pauses keep many publishers from meeting again at every attempt.
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, 0.005 * 1.3**attempt)))
        else:
            return True
    raise PublicationError(
        f"{key} in {store.uri} was changed by somebody else each of the {attempts} times this run tried to update "
        "it. See what else writes to it, then run again: what is already stored is not uploaded twice."
    )


def utc_text(moment: datetime) -> str:
    """Return an aware time as ISO 8601 in UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_utc(text: str) -> datetime:
    """Return the aware time of an ISO 8601 text; one without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
