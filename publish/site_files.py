"""The viewer page as files to publish."""

from importlib.resources import files

_PAGE = "index.html"
_FOLDER = "viewer/"
_SUFFIXES = (".js", ".css", ".svg")


def site_files() -> dict[str, bytes]:
    """Return the page and what it loads, key to bytes, for :func:`publish.publication.publish_site`."""
    folder = files("publish") / "site"
    parts = sorted((part for part in folder.iterdir() if part.name.endswith(_SUFFIXES)), key=lambda part: part.name)
    return {_PAGE: (folder / _PAGE).read_bytes(), **{_FOLDER + part.name: part.read_bytes() for part in parts}}
