"""What a session is made of, as one hash."""

import hashlib
from pathlib import Path
from typing import Any

from flows.session_ref import SessionRef
from flows.upstream.http_cache import read_bodies
from flows.upstream.recorded_live import notes_of
from flows.upstream.results import without_round
from flows.upstream.services import services_used
from flows.upstream.topics import topic_folder


def inputs_fingerprint(cache_dir: Path, session: SessionRef) -> str | None:
    """Return the sha256 over everything a session is made of, or None while the cache holds no topic of it.

    That is FastF1's parsed topics of the (located) session, what is said of a recording that they come from, and, by
    their bodies alone, the answers of :func:`services_used`: what the cache holds of other sessions does not count. The
    round is no input: an answer that
    differs in nothing else is the same one. FastF1 writes a topic once and then reads it, so a fingerprint taken after
    a load equals the one before the next load. Sources: ``fastf1.req.Cache``.
    """
    topics = sorted(topic_folder(cache_dir, session).glob("*.ff1pkl"))
    if not topics:
        return None
    digest = hashlib.sha256()
    for topic in topics:
        add_content(digest, topic.name, topic.read_bytes())
    for note in notes_of(cache_dir, session):
        add_content(digest, note.kind, repr(note).encode())
    urls = services_used(cache_dir, session)
    bodies = read_bodies(cache_dir, urls.values())
    for name, url in urls.items():
        if url in bodies:
            add_content(digest, name, without_round(bodies[url]))
    return digest.hexdigest()


def add_content(digest: Any, name: str, content: bytes) -> None:
    """Add a named content so that no two different lists of them read the same."""
    digest.update(f"{name}\0{len(content)}\0".encode())
    digest.update(content)
