"""Which source a session is computed from where that is left to this program."""

import logging
from typing import Any

from flows.settings import Settings
from flows.upstream.archive import ARCHIVE, AUTO, UPSTREAM, Source, open_archive, settings_for
from flows.upstream.archive_index import find_session
from flows.upstream.calendar import read_schedule, resolve
from flows.upstream.client import Client
from flows.upstream.load import locate
from transforms.errors import ParcfermeError

Logger = logging.Logger | logging.LoggerAdapter[Any]


def choose_source(settings: Settings, source: Source, year: int, event: str | int, code: str, logger: Logger) -> Source:
    """Return ``source``, or for ``auto`` the archive if it has the session, else the upstream.

    :raises InputError: ``auto``, and no archive is set.
    """
    if source != AUTO:
        return source
    store = open_archive(settings)
    try:
        client = Client.of(settings_for(settings, ARCHIVE, year), logger=logger)
        wanted = resolve(read_schedule(client, year, settings.current_time()), year, event, code)
        found = find_session(store, year, locate(client, wanted.ref).api_path)
    except ParcfermeError as error:
        logger.info("The archive has nothing that tells of %s %s %s (%s)", year, event, code, error)
        return UPSTREAM
    return UPSTREAM if found is None else ARCHIVE
