"""A tiny site, and moto as the S3 server that holds it, which can be stopped."""

import gzip
import json
import uuid
from dataclasses import dataclass

import boto3
import pytest
from moto.server import ThreadedMotoServer

from publish.publication import publish_site
from publish.site.files import site_files
from publish.stores.base import Store
from publish.stores.choose import open_store

REVISION = "v1/sessions/9472/0123456789abcdef"
MANIFEST = f"{REVISION}/manifest.json"
OVERVIEW = f"{REVISION}/overview.json.gz"
TABLE = f"{REVISION}/parquet/laps.parquet"
LATEST = "v1/sessions/9472/latest.json"
STATUS = "v1/status/2024/1/R.json"
ROWS = "telemetry/2024/1/skip_1.json.gz"
COPY = "v1/parquet/laps/2024/9472.parquet"
PARQUET = b"PAR1" + bytes(range(256)) * 40_000 + b"PAR1"  # above 10 MB: three pieces
DOCUMENT = {"numbers": list(range(1000))}

OBJECTS = {
    MANIFEST: json.dumps(DOCUMENT).encode(),
    OVERVIEW: gzip.compress(json.dumps(DOCUMENT).encode()),
    TABLE: PARQUET,
    LATEST: json.dumps({"revision": "0123456789abcdef"}).encode(),
    "v1/seasons/2024.json": json.dumps(DOCUMENT).encode(),
    COPY: PARQUET,
    ROWS: gzip.compress(json.dumps({"frames": []}).encode()),
    STATUS: json.dumps({"progress": 10}).encode(),
}


def fill(store: Store) -> None:
    """Put the tiny site and the viewer page into a store; the store gives every object its headers."""
    for key, data in OBJECTS.items():
        store.write(key, data)
    store.write("raw/9472.json", b"{}")
    publish_site(store, site_files())


@dataclass
class S3Origin:
    """A bucket anybody may read objects of, on a server of its own."""

    server: ThreadedMotoServer
    endpoint: str
    bucket: str
    store: Store

    @property
    def settings(self) -> dict[str, str]:
        """The settings of nginx that lead to it, but for the cache."""
        return {"ENDPOINT": self.endpoint, "BUCKET": f"/{self.bucket}/some/prefix"}

    def put(self, key: str, data: bytes, cache_control: str) -> None:
        """Put an object with another Cache-Control than the product gives it."""
        client = boto3.session.Session().client("s3")
        client.put_object(
            Bucket=self.bucket,
            Key=f"some/prefix/{key}",
            Body=data,
            CacheControl=cache_control,
            ContentType="application/json",
        )


def start_origin(patch: pytest.MonkeyPatch) -> S3Origin:
    """Start an S3 server on loopback, make it the one AWS settings name, and fill a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    patch.setenv("AWS_ENDPOINT_URL", endpoint)
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"f1-{uuid.uuid4().hex[:12]}"
    client = boto3.session.Session().client("s3")
    client.create_bucket(Bucket=bucket)
    readable = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [readable]}))
    store = open_store(f"s3://{bucket}/some/prefix")
    fill(store)
    return S3Origin(server, endpoint, bucket, store)
