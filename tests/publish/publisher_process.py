"""What one of many publishing processes does; a module of its own so that a new process can find it."""

import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from multiprocessing.synchronize import Barrier

from fault_store import WRITING, WatchedStore

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
    #: Without them as in a backfill, which makes them at its end.
    with_tables: bool = True


def publish_job(uri: str, job: Job, start: Barrier, environment: Mapping[str, str]) -> None:
    """Publish the revisions of ``job``, the first when all other processes are ready too."""
    logging.disable(logging.CRITICAL)
    os.environ.update(environment)
    store = open_store(uri)
    start.wait(60)
    store.check()
    for revision in job.revisions:
        publish_revision(store, revision, job.identity, summary=job.summary, now=job.now, with_tables=job.with_tables)


def publish_until_signalled(uri: str, job: Job, pattern: str, number: int) -> None:
    """Publish the first revision of ``job``; the signal comes once a key is written that fits ``pattern``."""
    logging.disable(logging.CRITICAL)
    # As the command has it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sent: list[str] = []

    def send(request: str, key: str) -> None:
        if request in WRITING and fnmatch(key, pattern) and not sent:
            sent.append(key)
            os.kill(os.getpid(), number)

    store = WatchedStore(open_store(uri), after=send)
    try:
        publish_revision(store, job.revisions[0], job.identity, summary=job.summary, now=job.now)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
