"""The pages, the viewer and the status page, as files to publish."""

from importlib.resources import files

_PAGES = ("index.html", "status.html")
_FOLDER = "viewer/"
_SUFFIXES = (".js", ".css", ".svg")


def site_files() -> dict[str, bytes]:
    """Return the pages and what they load, key to bytes, for :func:`publish.publication.publish_site`."""
    folder = files("publish") / "site"
    parts = sorted((part for part in folder.iterdir() if part.name.endswith(_SUFFIXES)), key=lambda part: part.name)
    pages = {page: (folder / page).read_bytes() for page in _PAGES}
    return pages | {_FOLDER + part.name: part.read_bytes() for part in parts}
