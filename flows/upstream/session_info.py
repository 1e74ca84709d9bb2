"""Who a session is where its own SessionInfo does not say: from live timing's index of the season, by the same path."""

from typing import TYPE_CHECKING, Any

import orjson

from flows.session_ref import SessionRef
from flows.upstream.topics import INFO_FILE, INFO_TOPIC, key_of, topic_folder
from transforms.errors import CorruptDataError

if TYPE_CHECKING:
    from flows.upstream.client import Client

Info = dict[str, Any]


def complete_info(client: "Client", session: SessionRef, info: Info | None, *, found: str) -> Info:
    """Return the SessionInfo of a located session with its number in it; to be called while ``client`` is asking.

    What its own topic (``info``, None where it cannot be read) lacks is taken from the index of the season and kept
    beside FastF1's topics. A topic without the number is forgotten, so that it is asked for again. ``found`` says what
    else was read of the session.

    :raises CorruptDataError: nothing tells the number.
    """
    if info is not None and key_of(info) is not None:
        return info
    folder = topic_folder(client.cache_dir, session)
    if info is not None:
        (folder / f"{INFO_TOPIC}.ff1pkl").unlink(missing_ok=True)
    indexed = info_from_index(client.read_season_index(session.year), session)
    if indexed is None:
        what = "cannot be read" if info is None else "has no Key"
        raise CorruptDataError(
            f"SessionInfo of {session.label} {what}: the number of the session, which its files are named by, is not "
            f"known, and live timing's index of the season does not tell it either. {found} Run it again when the "
            "upstream has mended its SessionInfo."
        )
    whole = indexed | {name: value for name, value in (info or {}).items() if value not in (None, "") and name != "Key"}
    whole["Meeting"] = indexed["Meeting"] | _mapping((info or {}).get("Meeting"))
    kept = {"Key": whole["Key"], "Meeting": whole["Meeting"]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INFO_FILE).write_bytes(orjson.dumps(kept))
    return whole


def info_from_index(meetings: list[Any], session: SessionRef) -> Info | None:
    """Return what the index of the season says of a located session, in the shape of its SessionInfo; None: nothing."""
    path = session.located_path.removeprefix("/static/").strip("/")
    for meeting in meetings:
        for listed in _mapping(meeting).get("Sessions") or ():
            if str(_mapping(listed).get("Path") or "").strip("/") == path and key_of(listed) is not None:
                return {"Key": listed["Key"], "Meeting": {k: v for k, v in meeting.items() if k != "Sessions"}}
    return None


def _mapping(value: Any) -> Info:
    return value if isinstance(value, dict) else {}
