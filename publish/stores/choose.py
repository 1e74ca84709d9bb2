"""Which store a URI means."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from publish.stores.base import ACCEPTED, S3Options, Store
from transforms.errors import InputError


def open_store(uri: str, options: S3Options | None = None) -> Store:
    """Return the store for ``uri``: ``file:///absolute/path`` or ``s3://bucket/prefix``; raises InputError for
    anything else.

    Nothing is read or written yet; ``Store.check`` says whether it can be published to.
    """
    parts = urlsplit(uri)
    if parts.query or parts.fragment or parts.username or parts.password:
        raise InputError(f"The destination must be {ACCEPTED}, with nothing else in it (no '?', '#' or '@').")
    if parts.scheme == "file" and not parts.netloc and unquote(parts.path).strip("/"):
        from publish.stores.folder import FileStore

        return FileStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        from publish.stores.s3 import S3Store

        return S3Store(parts.netloc, parts.path, options or S3Options())
    raise InputError(f"{uri!r} cannot be a destination. It must be {ACCEPTED}.")
