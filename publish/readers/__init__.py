"""Readers of what is published: files that are published themselves.

They import nothing of this package: whoever copies one has all of it.

- ``fastf1_frames``: a session as pandas frames with FastF1's own names.
- ``javascript``: an ES module for browsers and Node, from the modules that the pages are made of, with their types and
  what makes a package of it.
"""

from importlib.resources import files

from publish import keys
from publish.versions import version_of

#: What the reader in JavaScript consists of, all in one folder: the pages' modules that know no page.
_MODULES = (
    "parcferme.js",
    "documents.js",
    "decode.js",
    "happenings.js",
    "samples.js",
    "shapes.js",
    "types.d.ts",
)


def reader_files() -> dict[str, bytes]:
    """Return the readers as files to publish, key to bytes."""
    return {keys.READER_OF_FRAMES: (files("publish") / "readers" / "fastf1_frames.py").read_bytes()} | _javascript()


def package_files() -> dict[str, bytes]:
    """Return what a package of the reader in JavaScript consists of, by name: modules, types, ``package.json``."""
    site, own = files("publish") / "site", files("publish") / "readers" / "javascript"
    found = {part.name: part.read_bytes() for part in own.iterdir() if part.name.endswith((".ts", ".json"))}
    return {name: (site / name).read_bytes() for name in _MODULES} | found


def _javascript() -> dict[str, bytes]:
    parts = package_files()
    folder = keys.reader_parts(version_of(parts))
    entry = f'export * from "./{folder.removeprefix(keys.READERS)}parcferme.js";\n'
    return {folder + name: parts[name] for name in sorted(parts)} | {keys.READER_IN_JAVASCRIPT: entry.encode()}
