"""After a publication: the CDN is told, where the settings name one."""

import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from flows.settings import Settings
from publish.encode.objects import EncodedObject
from transforms.errors import ParcfermeError
from transforms.recording import SessionIdentity


def tell_cdn(
    settings: Settings,
    identity: SessionIdentity,
    objects: Iterable[EncodedObject],
    logger: logging.Logger | logging.LoggerAdapter[Any],
) -> None:
    """Have CloudFront forget what this publication replaced. A failure is a warning: the publication is complete."""
    if not settings.cloudfront_id:
        return
    # With it comes boto3, which takes 0.1 s to import and is of no use to who publishes into a folder.
    from publish.live.invalidation import invalidate, replaced_paths

    paths = replaced_paths(
        [item.path for item in objects],
        year=identity.year,
        round_number=identity.round,
        code=identity.code,
        session_key=identity.session_key,
    )
    try:
        number = invalidate(settings.cloudfront_id, paths, urlsplit(settings.public_url or "").path)
    except ParcfermeError as error:
        logger.warning("%s", error)
    else:
        logger.info("CloudFront was told about %s (invalidation %s)", identity.label, number)
