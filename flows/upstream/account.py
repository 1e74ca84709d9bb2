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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from flows.upstream import patches

Logger = logging.Logger | logging.LoggerAdapter[Any]

USERNAME, PASSWORD = "F1_USERNAME", "F1_PASSWORD"
#: Between two sign-ins of a process: the account gives tokens for days, so asking sooner will not help.
_PAUSE_S = 3600.0
#: Beside FastF1's token: which credentials were refused last. Its age is that of the refusal.
_REFUSED_FILE = "parcferme-refused.txt"
_REFUSED_FOR_S = 6 * 3600.0
#: How FastF1 begins what it says of a sign-in that did not come so far as to be refused.
_NOT_THE_CREDENTIALS = "Sign-in failed"


@dataclass(frozen=True)
class Account:
    """Whom FastF1 signs in as at Formula 1; None is what is not set. The password is in no text made of this."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Account":
        """Return the account that the environment names, whole or not."""
        return cls(environment.get(USERNAME) or None, environment.get(PASSWORD) or None)

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the variables of the account that are not set."""
        return tuple(name for name, value in ((USERNAME, self.username), (PASSWORD, self.password)) if value is None)


class SignInOnce:
    """What FastF1 calls to sign in: when it holds no token, a rejected one, or one that ends within five minutes.

    ``logger`` is told why there is no sign-in; it may be replaced, the memory of what has failed stays: ``ended`` says
    why nothing is tried any more.
    """

    def __init__(self, account: Account, logger: Logger) -> None:
        self.account = account
        self.logger = logger
        self._token: patches.Token | None = None
        self._signed_in_s = 0.0
        self.ended: str | None = None

    def __call__(self) -> patches.Token:
        """Return a token to ask live timing with.

        :raises patches.NotSignedInError: there is none and none is sought; FastF1 goes on without.
        """
        if self.ended is not None:
            raise patches.NotSignedInError(self.ended)
        if self._token is not None:
            if not patches.holds_token():
                self._end("live timing rejects the token that was given for the account", "Check its subscription.")
            if self._token.expires_at > time.time():
                return self._token
            if time.monotonic() - self._signed_in_s < _PAUSE_S:
                raise patches.NotSignedInError("the last sign-in did not last")
        self._token = self._sign_in()
        self._signed_in_s = time.monotonic()
        return self._token

    def _sign_in(self) -> patches.Token:
        username, password = self.account.username, self.account.password
        if username is None or password is None:
            missing = self.account.missing
            self._end(f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not set", "Set both.")
        refused = Refused(patches.token_folder(), self.account)
        if refused.is_known():
            advice = f"Check {USERNAME} and {PASSWORD}. To try the same ones again before, delete {refused.path}."
            self._end("this machine was refused with the same credentials less than six hours ago", advice)
        try:
            return patches.request_token(username, password)
        except patches.NotSignedInError as error:
            if not str(error).startswith(_NOT_THE_CREDENTIALS):
                refused.remember()
            self._end(str(error).rstrip("."), f"Check {USERNAME} and {PASSWORD}, then run it again.", error)

    def _end(self, reason: str, advice: str, error: BaseException | None = None) -> NoReturn:
        self.ended = reason
        self.logger.warning(
            "Not signed in to a Formula 1 account: %s. What live timing gives only to accounts, mostly recent "
            "sessions, comes from FastF1's mirror or not at all. This process does not try to sign in again. %s",
            reason,
            advice,
        )
        raise patches.NotSignedInError(reason) from error


class Refused:
    """Remembers in ``folder`` that the credentials of ``account`` were refused."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.path = folder / _REFUSED_FILE
        self._account = account

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
        text = f"{self._account.username}\0{self._account.password}"
        return hashlib.sha256(text.encode()).hexdigest()[:4]
