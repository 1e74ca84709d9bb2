"""The project's own error types.

Every message says what happened, to which session or object, and what to do next. ``exit_code`` is what the
command line ends with: 2 for what the user typed or set, 1 for what went wrong.
"""


class ParcfermeError(Exception):
    """Something this project knows how to explain."""

    exit_code = 1


class InputError(ParcfermeError):
    """What the user typed or configured cannot be used."""

    exit_code = 2


class ChoiceError(InputError):
    """What was chosen of a season, in a form or at a command line, is not there."""


class UpstreamError(ParcfermeError):
    """Formula 1's or the results service's data is missing, late, refused or broken."""


class NotReadyError(UpstreamError):
    """The session has not happened yet, or its data is not out yet; trying again later can help."""


class IncompleteError(NotReadyError):
    """The session's stream ends before the session does: what comes later may reach its end."""


class CorruptDataError(UpstreamError):
    """What came from the upstream cannot be read; asking for the same again does not help."""


class BlockedError(UpstreamError):
    """The upstream refuses this machine's address; asking from here does not help until that changes."""


class AccountError(UpstreamError):
    """The upstream answers only to an account, and nobody is signed in to one that it accepts."""


class PublicationError(ParcfermeError):
    """The destination refused, lost or corrupted something."""


class QualityGateError(ParcfermeError):
    """A new revision is worse than the current one beyond the stated limits and was not made current."""


class AlreadyRunningError(ParcfermeError):
    """Another run is at work on the session; ``flow_run_id`` says which, this one's own where it is an earlier attempt.

    What it publishes serves both.
    """

    def __init__(self, message: str, flow_run_id: str) -> None:
        super().__init__(message)
        self.flow_run_id = flow_run_id
