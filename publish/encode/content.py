"""The hash of what a reader gets of a stored object: what the first part of a revision's name is made of."""

import gzip
import hashlib
import io
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

from publish.encode.files import trailer_sha256
from publish.encode.parquet import ContentHash
from publish.encode.rows import FOLDER as ROWS_FOLDER
from transforms.errors import PublicationError

_BLOCK_BYTES = 8 << 20


def content_sha256(path: str, data: bytes) -> str:
    """Return the SHA-256, in hex, of what is in the object ``data`` at ``path`` of a revision, as the encoders have it.

    :raises PublicationError: it cannot be decoded.
    """
    try:
        if path.endswith(".parquet"):
            return _of_table(data)
        text_sha256 = _of_gzip(data)
        return trailer_sha256(data) if path.startswith(ROWS_FOLDER) else text_sha256
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise PublicationError(
            f"{path} cannot be decoded ({error}). Publish the session again with --force."
        ) from error


def _of_table(data: bytes) -> str:
    with pq.ParquetFile(io.BytesIO(data)) as file:
        content = ContentHash(file.schema_arrow)
        for group in range(file.num_row_groups):
            content.update(file.read_row_group(group))
    return content.hexdigest()


def _of_gzip(data: bytes) -> str:
    content = hashlib.sha256()
    with gzip.open(io.BytesIO(data)) as file:
        while block := file.read(_BLOCK_BYTES):
            content.update(block)
    return content.hexdigest()
