"""JSON documents that several publishers share: read, change, write back, without ever losing somebody's change."""

from collections.abc import Callable

from publish.stores.base import Conflict, Store
from publish.stores.patience import pause_for_others
from publish.structs import Kind, decode_document, encode_document
from transforms.errors import PublicationError

_ATTEMPTS = 60
_LONGEST_PAUSE_S = 1.0


def read_document(store: Store, key: str, kind: type[Kind]) -> Kind | None:
    """Return the document at ``key``, or None if there is none.

    :raises PublicationError: it is torn, of another contract version or not as its schema says.
    """
    stored = store.read(key)
    return None if stored is None else decode_document(stored.data, kind, f"{key} in {store.uri}")


def update_document(
    store: Store,
    key: str,
    kind: type[Kind],
    change: Callable[[Kind | None], Kind | None],
    attempts: int = _ATTEMPTS,
) -> bool:
    """Compare and swap: apply ``change`` to the document at ``key`` and say whether anything was written.

    ``change`` gets the present document (None if there is none) and returns the new one, or None to leave it. It is
    called again after a lost race, so it must have no effect of its own and must accept a document it has changed
    before. An unchanged document is not written. Raises PublicationError when the race is lost ``attempts`` times, when
    the present document cannot be used (then it stays) or the new one is not as its schema says.
    """
    for attempt in range(attempts):
        stored = store.read(key)
        before = None if stored is None else decode_document(stored.data, kind, f"{key} in {store.uri}")
        after = change(before)
        if after is None:
            return False
        data = encode_document(after)
        if stored is not None and stored.data == data:
            return False
        try:
            store.write(key, data, if_match=stored.etag if stored else None, if_none_match=stored is None)
        except Conflict:
            pause_for_others(attempt, _LONGEST_PAUSE_S)
        else:
            return True
    raise PublicationError(
        f"{key} in {store.uri} was changed by somebody else each of the {attempts} times this run tried to update "
        "it. See what else writes to it, then run again: what is already stored is not uploaded twice."
    )
