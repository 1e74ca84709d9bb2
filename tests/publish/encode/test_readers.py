"""Analysts' tools on published tables in a bucket, over HTTP: what they see is what was put there."""

import hashlib

import polars as pl
import pyarrow.parquet as pq
import s3fs
from session_data import IDENTITY_OF_SESSION, table

from publish.encode.parquet import write_table


def test_a_glob_through_s3fs_sees_every_session_once(moto_store, tmp_path) -> None:
    rows = 0
    for key in (9472, 9480):
        encoded = write_table("laps", table("laps", 12), IDENTITY_OF_SESSION, tmp_path / str(key))
        rows += encoded.rows or 0
        data = encoded.file.read_bytes()
        target = f"v1/parquet/laps/2024/{key}.parquet"
        moto_store.upload_file(target, encoded.file, hashlib.sha256(data).hexdigest())

    files = s3fs.S3FileSystem(anon=False)
    found = sorted(files.glob(f"{moto_store.bucket}/{moto_store.prefix}v1/parquet/laps/2024/*.parquet"))
    assert [name.rsplit("/", 1)[1] for name in found] == ["9472.parquet", "9480.parquet"]
    whole = [pq.read_table(name, filesystem=files) for name in found]
    assert sum(part.num_rows for part in whole) == rows
    assert whole[0].schema.field("lap").metadata[b"unit"] == b"lap"
    with files.open(found[0]) as file:
        assert pl.read_parquet(file, columns=["session_key", "car"]).height == whole[0].num_rows
