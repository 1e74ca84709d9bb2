"""Makes the buckets of PARCFERME_DESTINATION and PARCFERME_ARCHIVE where they are missing. For S3 servers you run."""

import os
import sys
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError


def main() -> int:
    """Make them and say so."""
    addresses = [urlsplit(os.environ.get(name, "")) for name in ("PARCFERME_DESTINATION", "PARCFERME_ARCHIVE")]
    client = boto3.client("s3")
    for bucket in dict.fromkeys(address.netloc for address in addresses if address.scheme == "s3"):
        try:
            client.head_bucket(Bucket=bucket)
            done = "is there"
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise
            client.create_bucket(Bucket=bucket)
            done = "made"
        sys.stdout.write(f"Bucket {bucket}: {done}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
