"""Signing in to a Formula 1 account for FastF1: rarely, and never by a question at the terminal.

FastF1 signs in before every request to live timing for which it has no token good for another five minutes. With a
wrong password that is one refused sign-in a request, until Formula 1 locks the account; without credentials it asks at
the terminal, if there is one, and waits. Here the first failure in a process is the last attempt, and says so once;
other processes of this machine, such as the next session's run, leave the same credentials alone for some hours.
"""

import hashlib
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

USERNAME, PASSWORD = "F1_USERNAME", "F1_PASSWORD"
#: FastF1's loggers of this subject have it in their names.
LOGGER_PART = "f1account"
#: Between two sign-ins of a process: the account gives tokens for days, so asking sooner will not help.
_PAUSE_S = 3600.0
#: Beside FastF1's token: which credentials were refused last. Its age is that of the refusal.
_REFUSED_FILE = "parcferme-refused.txt"
_REFUSED_FOR_S = 6 * 3600.0
#: How FastF1 begins what it says of a sign-in that did not come so far as to be refused.
_NOT_THE_CREDENTIALS = "Sign-in failed"


def missing_credentials(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the variables of the account that are not set."""
    return [name for name in (USERNAME, PASSWORD) if not environment.get(name)]


def install_sign_in() -> None:
    """Let FastF1 sign in through :class:`SignInOnce` in this process. Doing it again changes nothing."""
    from fastf1.internals.f1account import token_manager

    # Its adapters hold this object; which method it signs in with is decided by this attribute alone.
    if not isinstance(token_manager._default_auth_func, SignInOnce):
        token_manager._default_auth_func = SignInOnce(token_manager)


class SignInOnce:
    """What FastF1 calls to sign in: when it holds no token, a rejected one, or one that ends within five minutes."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._token: Any = None
        self._signed_in_s = 0.0
        self._ended: str | None = None

    def __call__(self) -> Any:
        """Return a token to ask live timing with.

        :raises F1AuthError: there is none and none is sought; FastF1 goes on without.
        """
        from fastf1.exceptions import F1AuthError

        if self._ended is not None:
            raise F1AuthError(self._ended)
        if self._token is not None:
            if self._manager.get_stored() is None:
                self._end("live timing rejects the token that was given for the account", "Check its subscription.")
            if self._token.expires_at > time.time():
                return self._token
            if time.monotonic() - self._signed_in_s < _PAUSE_S:
                raise F1AuthError("the last sign-in did not last")
        self._token = self._sign_in()
        self._signed_in_s = time.monotonic()
        return self._token

    def _sign_in(self) -> Any:
        from fastf1.exceptions import F1AuthError
        from fastf1.internals.f1account.login import login

        missing = missing_credentials()
        if missing:
            self._end(f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not set", "Set both.")
        refused = Refused(Path(self._manager._token_path).parent)
        if refused.is_known():
            advice = f"Check {USERNAME} and {PASSWORD}. To try the same ones again before, delete {refused.path}."
            self._end("this machine was refused with the same credentials less than six hours ago", advice)
        try:
            return login(os.environ[USERNAME], os.environ[PASSWORD])
        except F1AuthError as error:
            if not str(error).startswith(_NOT_THE_CREDENTIALS):
                refused.remember()
            self._end(str(error).rstrip("."), f"Check {USERNAME} and {PASSWORD}, then run it again.", error)

    def _end(self, reason: str, advice: str, error: BaseException | None = None) -> None:
        from fastf1.exceptions import F1AuthError

        self._ended = reason
        _logger().warning(
            "Not signed in to a Formula 1 account: %s. What live timing gives only to accounts, mostly recent "
            "sessions, comes from FastF1's mirror or not at all. This process does not try to sign in again. %s",
            reason,
            advice,
        )
        raise F1AuthError(reason) from error


class Refused:
    """Remembers in ``folder`` that the credentials of this environment were refused."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _REFUSED_FILE

    def is_known(self) -> bool:
        """Whether these credentials were refused lately."""
        try:
            age_s = time.time() - self.path.stat().st_mtime
            return age_s < _REFUSED_FOR_S and self.path.read_text() == self._mark()
        except OSError:
            return False

    def remember(self) -> None:
        """Write it down; where that cannot be done the next process tries once more."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self._mark())

    def _mark(self) -> str:
        """Return enough to tell other credentials from these, and too little to find out what they are."""
        text = f"{os.environ.get(USERNAME)}\0{os.environ.get(PASSWORD)}"
        return hashlib.sha256(text.encode()).hexdigest()[:4]


def _logger() -> Any:
    """Return the log of the flow run that asks, else this module's."""
    from prefect import get_run_logger
    from prefect.exceptions import MissingContextError

    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)
