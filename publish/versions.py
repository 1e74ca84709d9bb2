"""Folders that are named by what is in them, so that no browser and no cache ever mixes two versions."""

import hashlib
from collections.abc import Mapping

_DIGITS = 16


def version_of(parts: Mapping[str, bytes]) -> str:
    """Return the name of a folder that holds ``parts`` (name to bytes): hexadecimal digits of their hash."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(f"{name} {len(parts[name])}\n".encode() + parts[name])
    return digest.hexdigest()[:_DIGITS]
