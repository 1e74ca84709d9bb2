"""What one of many publishing processes does; a module of its own so that a new process can find it."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.synchronize import Barrier

from publish.encode.objects import EncodedRevision
from publish.publication import publish_revision
from publish.revisions.latest import Summary
from publish.stores.choose import open_store
from transforms.recording import SessionIdentity


@dataclass(frozen=True)
class Job:
    """One publisher: the revisions of one session it publishes, one after the other."""

    identity: SessionIdentity
    revisions: list[EncodedRevision]
    summary: Summary
    now: datetime


def publish_job(uri: str, job: Job, start: Barrier, environment: Mapping[str, str]) -> None:
    """Publish the revisions of ``job``, the first when all other processes are ready too."""
    logging.disable(logging.CRITICAL)
    os.environ.update(environment)
    store = open_store(uri)
    start.wait(60)
    store.check()
    for revision in job.revisions:
        publish_revision(store, revision, job.identity, summary=job.summary, now=job.now)
