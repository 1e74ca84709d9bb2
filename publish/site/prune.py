"""Remove versions of the pages' parts that no page has linked for long.

A reader may still hold a page of the version before, and a cache hand it out for some minutes.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from publish import keys
from publish.site.files import PAGES
from publish.stores.base import Listed, Store
from publish.stores.parallel import in_parallel

#: However short the age asked for, so long after the pages changed nothing goes.
_GRACE = timedelta(days=1)
_LINK = re.compile(rf'"{keys.PAGE_PARTS}([0-9a-f]{{16}})/'.encode())


@dataclass(frozen=True)
class OldParts:
    """What one version of the pages loaded, which no page links any more. ``reason`` says why it may go."""

    version: str
    objects: tuple[str, ...]
    bytes: int
    reason: str

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"pages {self.version or 'without a version'}"


def prune_pages(
    store: Store,
    *,
    older_than: timedelta,
    now: datetime,
    dry_run: bool,
    on_removed: Callable[[OldParts], None] = lambda old: None,
) -> tuple[OldParts, ...]:
    """Remove the versions that no page has linked for long; return what has gone, with ``dry_run`` what would."""
    plan = plan_prune_pages(store, older_than=older_than, now=now)
    return tuple(plan) if dry_run else remove_pages(store, plan, on_removed=on_removed)


def plan_prune_pages(store: Store, *, older_than: timedelta, now: datetime) -> list[OldParts]:
    """Return the versions that may go: no page links them, and the next one was published ``older_than`` ago.

    The newest stays, linked or not, and so does everything until the linked one has been there for a day.
    """
    found = _list_versions(store)
    begun = {version: min(row.modified for row in rows) for version, rows in found.items()}
    linked = _linked(store)
    if any(begun.get(version, now) > now - _GRACE for version in linked):
        return []
    ordered = sorted(found, key=lambda version: (begun[version], version))
    return [
        OldParts(
            version,
            tuple(sorted(row.key for row in found[version])),
            sum(row.bytes for row in found[version]),
            f"no page links it, the next one is there since {begun[following]:%Y-%m-%d}",
        )
        for version, following in pairwise(ordered)
        if version not in linked and begun[following] <= now - older_than
    ]


def remove_pages(
    store: Store, planned: Iterable[OldParts], *, on_removed: Callable[[OldParts], None] = lambda old: None
) -> tuple[OldParts, ...]:
    """Remove what was planned and return what has gone; ``on_removed`` is told of each when it is done.

    What a page links again meanwhile stays, or is put back.
    """
    gone = []
    for old in planned:
        if old.version in _linked(store):
            continue
        held = {key: stored.data for key in old.objects if (stored := store.read(key)) is not None}
        in_parallel(store.delete, list(held))
        if old.version in _linked(store):
            for key, data in held.items():
                store.write(key, data)
            continue
        gone.append(old)
        on_removed(old)
    return tuple(gone)


def _list_versions(store: Store) -> dict[str, list[Listed]]:
    """Return what lies in each version's folder; "" holds what is in none."""
    found: dict[str, list[Listed]] = {}
    for row in store.list(keys.PAGE_PARTS):
        version = row.key.removeprefix(keys.PAGE_PARTS).partition("/")[0] if keys.is_immutable(row.key) else ""
        found.setdefault(version, []).append(row)
    return found


def _linked(store: Store) -> set[str]:
    """Return the versions the pages link now."""
    pages = [stored.data for page in PAGES if (stored := store.read(page)) is not None]
    return {version.decode() for data in pages for version in _LINK.findall(data)}
