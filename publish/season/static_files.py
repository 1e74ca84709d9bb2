"""What comes with the program and not from a session: pages, what they load, schemas; and the document that lists them.

``v1/site.json`` says which of them are there, with the hash of each: one question instead of one for every file. What
it lists is there with these bytes. So what is to change is taken off it first and put on it when all of it has, both
only if nobody else has changed it meanwhile. Killed in between, the next publisher finishes. A publisher of another
version that was killed after this one had finished can leave a file of its own: ``verify`` finds it, and writing
everything ``anew`` mends it.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated

from publish import keys
from publish.season.changes import LINKS as CHANGES_LINKS
from publish.season.index import RootIndex, update_root_index
from publish.stores.base import Conflict, Store, Stored
from publish.stores.parallel import in_parallel
from publish.stores.patience import pause_for_others
from publish.stores.shared_documents import read_document
from publish.structs import Document, Sha256, about, decode_document, encode_document
from transforms.errors import PublicationError

_ATTEMPTS = 20


class Site(Document, tag="parcferme/site/1"):
    """Pages, what they load, schemas: everything that comes with the program."""

    files: Annotated[dict[str, Sha256], about("SHA-256 of each, by its name relative to the base URL")]


def site_document(files: Mapping[str, bytes]) -> Site:
    """Return the document that lists ``files`` (key to bytes)."""
    return Site({key: hashlib.sha256(files[key]).hexdigest() for key in sorted(files)})


def is_site_current(store: Store, files: Mapping[str, bytes], year: int) -> bool:
    """Whether ``files`` are listed as they are and ``index.json`` links them and the season. Two requests.

    :raises PublicationError: the store does not answer, or ``index.json`` cannot be read.
    """
    if _listed(store.read(keys.SITE)) != site_document(files).files:
        return False
    root = read_document(store, keys.INDEX, RootIndex)
    if root is None or year not in {season.year for season in root.seasons}:
        return False
    wanted = _links(files) | {"health": keys.HEALTH, "runs": keys.RUNS}
    return all(root.links.get(name) == link for name, link in wanted.items())


def publish_site(store: Store, files: Mapping[str, bytes], *, anew: bool = False) -> int:
    """Write those of ``files`` (key to bytes) that are not listed as they are, list all, link them in ``index.json``.

    ``anew`` looks at every file, listed or not. A page goes up after everything else, since it may load the rest.
    Returns how many were written.

    :raises PublicationError: the store refuses, or other publishers keep changing the list.
    """
    document = site_document(files)
    written = 0
    for attempt in range(_ATTEMPTS):
        try:
            stored = _take_off(store, document)
            listed = {} if anew else _listed(stored)
            written += _write_files(store, {key: files[key] for key in files if listed.get(key) != document.files[key]})
            _write_list(store, document, stored)
            break
        except Conflict:
            pause_for_others(attempt)
    else:
        raise PublicationError(
            f"{keys.SITE} in {store.uri} was changed by other publishers each of the {_ATTEMPTS} times this one was to "
            "list the pages. Publish with one version of parcferme at a time, then run again."
        )
    links: dict[str, str | dict[str, str]] = dict(_links(files))
    root = read_document(store, keys.INDEX, RootIndex)
    for name, key in (("health", keys.HEALTH), ("runs", keys.RUNS), *CHANGES_LINKS.items()):
        if (root is None or name not in root.links) and store.head(key) is not None:
            links[name] = key
    update_root_index(store, links=links)
    return written


def _listed(stored: Stored | None) -> Mapping[str, str]:
    """Return what the list says; nothing where there is none that can be understood: then it is written anew."""
    try:
        return {} if stored is None else decode_document(stored.data, Site, keys.SITE).files
    except PublicationError:
        return {}


def _take_off(store: Store, document: Site) -> Stored | None:
    """Take off the list what is to change; returns the list as it is then."""
    stored = store.read(keys.SITE)
    listed = _listed(stored)
    kept = {key: sha256 for key, sha256 in listed.items() if document.files.get(key) == sha256}
    if stored is None or kept == listed:
        return stored
    data = encode_document(Site(kept))
    return Stored(data, store.write(keys.SITE, data, if_match=stored.etag))


def _write_list(store: Store, document: Site, stored: Stored | None) -> None:
    data = encode_document(document)
    if stored is None or stored.data != data:
        store.write(keys.SITE, data, if_match=stored.etag if stored else None, if_none_match=stored is None)


def _write_files(store: Store, files: Mapping[str, bytes]) -> int:
    def write(key: str) -> bool:
        stored = store.read(key)
        if stored is not None and stored.data == files[key]:
            return False
        store.write(key, files[key])
        return True

    pages = [key for key in sorted(files) if key.endswith(".html") or key == keys.READER_IN_JAVASCRIPT]
    others = [key for key in sorted(files) if key not in pages]
    return sum([*in_parallel(write, others), *in_parallel(write, pages)])


def _links(files: Mapping[str, bytes]) -> dict[str, str | dict[str, str]]:
    """Return what ``index.json`` links of ``files``, by its names."""
    schemas = {
        key.removeprefix(keys.SCHEMAS).removesuffix(".json"): key
        for key in sorted(files)
        if key.startswith(keys.SCHEMAS) and not key.endswith(".html")
    }
    links: dict[str, str | dict[str, str]] = {"schemas": schemas} if schemas else {}
    if keys.READER_IN_JAVASCRIPT in files:
        links["reader"] = keys.READER_IN_JAVASCRIPT
    pages = (
        ("viewer", keys.VIEWER),
        ("status_page", keys.STATUS_PAGE),
        ("truth_page", keys.TRUTH_PAGE),
        ("data_page", keys.DATA_PAGE),
        ("develop_page", keys.DEVELOP_PAGE),
        ("dictionary_page", keys.DICTIONARY_PAGE),
    )
    return links | {name: key for name, key in pages if key in files}
