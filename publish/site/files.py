"""The pages as files to publish; the dictionary is made from its declaration, the others are as written.

What a page loads lies in a folder named by the hash of all of it, so that no browser and no cache ever mixes two
versions.
"""

from collections.abc import Mapping
from importlib.resources import files

from publish import keys
from publish.contract.page import dictionary_page
from publish.versions import version_of

#: The pages themselves, whose names never change.
PAGES = ("index.html", "status.html", "truth.html", "data.html", "develop.html")
_SUFFIXES = (".js", ".css", ".svg")


def site_files() -> dict[str, bytes]:
    """Return the pages and what they load, key to bytes, for :func:`publish.publication.publish_site`."""
    folder = files("publish") / "site"
    loaded = (part for part in folder.iterdir() if part.name.endswith(_SUFFIXES))
    parts = {part.name: part.read_bytes() for part in loaded}
    pages = {page: (folder / page).read_bytes() for page in PAGES} | dictionary_page()
    return versioned(pages, parts)


def versioned(pages: Mapping[str, bytes], parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return ``pages`` and the ``parts`` they load (name to bytes), as they are published.

    Pages name a part ``viewer/<name>``; published they name it ``viewer/<version>/<name>``.
    """
    home = keys.page_parts(version_of(parts))
    plain, moved = (f'"{prefix}'.encode() for prefix in (keys.PAGE_PARTS, home))
    published = {home + name: parts[name] for name in sorted(parts)}
    return published | {page: data.replace(plain, moved) for page, data in pages.items()}
