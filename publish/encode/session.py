"""The one entry point of the encoders: a computed session in, the files of a revision on local disk out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from publish.encode.chunks import encode_chunks
from publish.encode.documents import session_documents
from publish.encode.files import BoundedPool, dump_json, write_json_gz
from publish.encode.manifest import build_manifest
from publish.encode.objects import EncodedObject, EncodedRevision
from publish.encode.parquet import write_frames_table, write_parts, write_table
from publish.encode.rows import encode_rows
from publish.encode.samples import encode_samples
from publish.memory import return_freed
from transforms.frames import Frames
from transforms.native import CarTables
from transforms.recording import CircuitMarks, SessionIdentity
from transforms.session import SessionData

#: Seconds a race's samples, frames and rows take, measured; only their ratio matters, for the progress.
_SAMPLES_S, _FRAMES_S, _ROWS_S = 2.0, 2.5, 11.0


def encode_session(
    identity: SessionIdentity,
    circuit: CircuitMarks | None,
    data: SessionData,
    spool: Path,
    *,
    made_with: dict[str, str],
    on_progress: Callable[[float, str], None] | None = None,
) -> EncodedRevision:
    """Encode everything of a session below ``spool``, with the paths it has in the revision.

    The same arguments give the same bytes; ``made_with`` goes into the manifest but not into the first part of
    the revision's name, which is that of its content. Tables and native samples are let go of once they are written:
    whoever passes on the only reference to ``data`` needs less memory.
    ``on_progress`` is told the part done (0 to 1) and what is being done, from the calling thread. Files already at
    these paths are overwritten. Raises PublicationError when the disk refuses or a table is not as declared; what is
    then left below ``spool`` is incomplete.
    """

    def progress(part: float, message: str) -> None:
        if on_progress:
            on_progress(part, message)

    whole_s = _SAMPLES_S + _FRAMES_S + (_ROWS_S if data.rows is not None else 0.0)
    first, share = _SAMPLES_S / whole_s, (_SAMPLES_S + _FRAMES_S) / whole_s
    progress(0.0, "Encoding samples")
    # Tables are one long job that leaves the interpreter's lock alone most of the time, so they go beside the rest.
    with ThreadPoolExecutor(1, thread_name_prefix="tables") as beside, BoundedPool() as pool:
        objects = _write_documents(identity, circuit, data, spool)
        tables = beside.submit(_write_tables, identity, dict(data.tables), dict(data.native), data.frames, spool)
        data = replace(data, tables={}, native={})
        samples, sampled = encode_samples(
            data.frames,
            data.replay,
            identity.session_key,
            spool,
            pool,
            lambda part: progress(part * first, "Encoding samples"),
        )
        objects += samples
        data = replace(data, replay=replace(data.replay, cars={}))
        return_freed()
        chunks, channels = encode_chunks(
            data.frames,
            identity.session_key,
            spool,
            pool,
            lambda part: progress(first + part * (share - first), "Encoding frames"),
        )
        objects += chunks
        return_freed()
        if data.rows is not None:
            objects += encode_rows(
                data.rows,
                spool,
                pool,
                lambda part: progress(share + part * (1 - share), "Encoding rows"),
            )
        objects += tables.result()
    objects.sort(key=lambda entry: entry.path)
    revision, manifest = build_manifest(identity, data, objects, channels, sampled, made_with)
    progress(1.0, "Encoded")
    return EncodedRevision(identity.session_key, revision, manifest, tuple(objects))


def _write_documents(
    identity: SessionIdentity, circuit: CircuitMarks | None, data: SessionData, spool: Path
) -> list[EncodedObject]:
    """Write the small documents."""
    objects = []
    for name, document in session_documents(identity, circuit, data).items():
        rows = document.get("rows")
        count = len(rows) if name != "quality" and isinstance(rows, list) else None
        objects.append(write_json_gz(spool, f"{name}.json.gz", name, dump_json(document), rows=count))
    return objects


def _write_tables(
    identity: SessionIdentity,
    tables: dict[str, pa.Table],
    native: dict[str, CarTables],
    frames: Frames,
    spool: Path,
) -> list[EncodedObject]:
    """Write every Parquet table and empty ``tables`` and ``native``; the frames table only where there are frames."""
    objects = [write_table(name, tables.pop(name), identity, spool) for name in sorted(tables)]
    objects += [write_parts(name, native.pop(name)(), identity, spool) for name in sorted(native)]
    if frames.cars and frames.clock.ticks:
        objects.append(write_frames_table(frames, identity, spool))
    return objects
