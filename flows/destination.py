"""The store the settings name."""

from flows.settings import Settings
from publish.stores.base import S3Options, Store
from publish.stores.choose import open_store


def open_destination(settings: Settings) -> Store:
    """Open the destination without touching it.

    :raises InputError: it is no destination.
    """
    options = S3Options(settings.s3_encryption, settings.s3_kms_key_id, settings.s3_storage_class)
    return open_store(settings.destination, options)
