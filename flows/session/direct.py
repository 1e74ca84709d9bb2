"""A session made by a command line on its own, without Prefect: the same work, the same documents, the same errors."""

import logging
from dataclasses import replace
from typing import NoReturn
from uuid import uuid4

from flows.destination import open_destination
from flows.engine.parameters import SessionName
from flows.session.reports import PublishReport
from flows.session.run import Caller, SessionRun
from flows.session.source import choose_source
from flows.session.steps import Request, Steps, carry_out
from flows.settings import read_settings
from flows.upstream.archive import settings_for
from transforms.errors import UpstreamError

_logger = logging.getLogger(__name__)
_STEPS = Steps()


def publish_directly(year: int, event: str, code: str, request: Request) -> PublishReport:
    """Publish one session, in this process and now; ``event`` is a round number or a name, ``code`` FastF1's.

    What the flow ``publish-session`` does when no deployment has made its run: data that is not out is an error.

    :raises ParcfermeError: there is no new publication; what was published before is as it was.
    """
    code = SessionName(code).code
    request = replace(request, source=choose_source(read_settings(), request.source, year, event, code, _logger))
    settings = settings_for(read_settings(), request.source, year)
    # A name of its own for each run, as Prefect's: documents tell two runs of a session apart by it.
    caller = Caller(str(uuid4()), f"{year} {event} {SessionName(code).value}", _logger)
    run = SessionRun(settings, open_destination(settings), year, event, code, caller=caller)

    def give_up(error: UpstreamError) -> NoReturn:
        run.give_up(error)
        raise error

    return carry_out(run, settings, request, _STEPS, give_up)
