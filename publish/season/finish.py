"""The last steps of a publication: stable copies, indexes, list of files and change feed follow ``latest.json``.

Also what repairs a destination: whoever finds a session up to date takes these steps, which do nothing where nothing is
left to do.
"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from publish import keys
from publish.revisions.copies import remove_objects, settle_copies
from publish.revisions.latest import Latest, read_latest
from publish.season.changes import note_changes
from publish.season.document import home_in, published_in
from publish.season.files import list_files
from publish.season.index import agrees, all_latest, read_season, update_season
from publish.season.rebuild import follow_all
from publish.stores.base import Conflict, Store
from publish.stores.shared_documents import update_document
from transforms.errors import PublicationError

_ATTEMPTS = 20
#: Longer than any publisher lives. One that is slow may make copies of what was current before, until it looks at
#: ``latest.json`` again; after this long there is none left.
_OUTLIVED = timedelta(hours=6)


def finish_publication(
    store: Store,
    session_key: int,
    now: datetime,
    *,
    touch: bool = False,
    former_round: int | None = None,
    with_tables: bool = True,
) -> bool:
    """Let copies, indexes, list and feed say what ``latest.json`` says of a session; return if an index was written.

    Looks at ``latest.json`` and at the season index again when it is done, until both have stayed what they were:
    whoever changes one of them last also ends last, or somebody who ends later sees it. ``touch`` as in
    :func:`~publish.season.index.update_season`: for whoever has just made another revision current. ``former_round`` is
    a number its rows may still lie under. Without ``with_tables`` somebody else brings the season's tables up to date,
    once for many sessions (:func:`~publish.season.rebuild.follow_all`).

    Costs some forty requests for a race when there is nothing to do, most of them questions for the copies' hashes.
    Once that has been found out long after the revision became current, ``latest.json`` says so (:func:`is_settled`).

    :raises PublicationError: the session was never published, or its current revision is gone.
    """
    written = False
    rounds = set() if former_round is None else {former_round}
    done: tuple[object, ...] | None = None
    for _ in range(_ATTEMPTS):
        latest = _read_published(store, session_key)
        home = home_in(read_season(store, latest.year), session_key, latest.event, latest.round)
        if home != (latest.event, latest.round):
            rounds |= _move(store, latest, *home)
        elif done == _alias(latest):
            if latest.session == "R":
                rounds |= _numbers_of_nobody(store, latest.year)
            for number in sorted(rounds - {latest.round}):
                settle_rows(store, latest.year, number)
            list_files(store, latest.year, [session_key])
            if with_tables:
                follow_all(store, latest.year)
            note_changes(store, [session_key])
            if with_tables:
                _note_settled(store, latest, now)
            return written
        elif _settle(store, latest):
            written |= update_season(store, latest.year, None, now, session_keys=(session_key,), touch=touch)
            touch = False
            done = _alias(latest)
    raise PublicationError(
        f"Session {session_key} in {store.uri} keeps being published or renumbered by other runs. See what starts "
        "them, then run again."
    )


def is_settled(store: Store, latest: Latest) -> bool:
    """Whether nothing is left to finish of a session, as ``latest.json`` and the season index say: one request.

    What somebody else has done to a copy since is not seen; ``verify`` is for that.
    """
    if latest.settled_at is None:
        return False
    season = read_season(store, latest.year)
    home = home_in(season, latest.session_key, latest.event, latest.round)
    indexed = any(agrees(entry.session, latest) for entry in published_in(season))
    return indexed and home == (latest.event, latest.round)


def _note_settled(store: Store, latest: Latest, now: datetime) -> None:
    """Let ``latest.json`` say that all follows it, if no publisher can be left who makes copies of something else."""
    if latest.settled_at is not None or now - latest.history[0].published_at < _OUTLIVED:
        return

    def change(present: Latest | None) -> Latest | None:
        return replace(latest, settled_at=now) if present == latest else None

    update_document(store, keys.latest(latest.session_key), Latest, change)


def settle_rows(store: Store, year: int, round_number: int) -> None:
    """Let what lies under a round's number be the rows of the race that has it, or nothing if none has."""
    owner = _owner(store, year, round_number)
    for _ in range(_ATTEMPTS):
        if owner is None:
            remove_objects(store, [row.key for row in store.list(keys.rows_folder(year, round_number))])
        elif not _settle(store, replace(owner, round=round_number)):
            owner = _owner(store, year, round_number)
            continue
        before, owner = owner, _owner(store, year, round_number)
        if (before and _alias(before)) == (owner and _alias(owner)):
            return
    raise PublicationError(
        f"Round {round_number} of {year} in {store.uri} keeps being published or renumbered by other runs. See what "
        "starts them, then run again."
    )


def _settle(store: Store, latest: Latest) -> bool:
    """Make the copies of ``latest``; False if another revision has become current meanwhile."""
    try:
        settle_copies(store, latest)
    except Conflict as error:
        if _read_published(store, latest.session_key).revision == latest.revision:
            raise PublicationError(
                f"{error} is not in {store.uri} although {keys.latest(latest.session_key)} links its revision. Publish "
                "the session again with --force."
            ) from error
        return False
    return True


def _move(store: Store, latest: Latest, event: str, round_number: int | None) -> set[int]:
    """Take a session to another event and round; returns the number it had.

    Its rows go first and are away from the old number before ``latest.json`` says so: until then it can be seen that
    there is something left to do.
    """
    moved = replace(latest, event=event, round=round_number, settled_at=None)
    if not _settle(store, moved):
        return set()
    old = set() if latest.round in (None, round_number) else {latest.round}
    for number in old:
        settle_rows(store, latest.year, number)

    def change(present: Latest | None) -> Latest | None:
        return None if present is None else replace(present, event=event, round=round_number, settled_at=None)

    update_document(store, keys.latest(latest.session_key), Latest, change)
    return old


def _numbers_of_nobody(store: Store, year: int) -> set[int]:
    """Return the round numbers under which rows lie that the season index gives to no published race.

    Who followed a calendar that was taken back meanwhile, and was stopped there, has left them.
    """
    owned = {entry.round for entry in published_in(read_season(store, year)) if entry.session.code == "R"}
    names = store.list_folders(f"{keys.ROWS_COPIES}{year:d}/")
    return {int(name) for name in names if name.isdecimal()} - owned


def settle_unowned_rows(store: Store, year: int) -> None:
    """Take away what lies under round numbers of ``year`` that no published race has."""
    owners = _owners(store, year)
    for name in list(store.list_folders(f"{keys.ROWS_COPIES}{year:d}/")):
        if name.isdecimal() and int(name) not in owners:
            settle_rows(store, year, int(name))


def _owner(store: Store, year: int, round_number: int) -> Latest | None:
    return _owners(store, year).get(round_number)


def _owners(store: Store, year: int) -> dict[int, Latest]:
    """Return the published race that has a round's number, by that number, as the season index has it."""
    season = read_season(store, year)
    owners: dict[int, Latest] = {}
    for latest in all_latest(store):
        if (latest.year, latest.session) == (year, "R"):
            _, number = home_in(season, latest.session_key, latest.event, latest.round)
            if number is not None:
                owners.setdefault(number, latest)
    return owners


def _alias(latest: Latest) -> tuple[object, ...]:
    """Return what copies and index depend on."""
    return latest.session_key, latest.revision, latest.event, latest.round


def _read_published(store: Store, session_key: int) -> Latest:
    latest = read_latest(store, session_key)
    if latest is None:
        raise PublicationError(f"Session {session_key} is not published in {store.uri}. Publish it first.")
    return latest
