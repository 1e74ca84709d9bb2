"""Short questions to a Prefect server over HTTP, without Prefect: for probes, which must answer within seconds.

Where the server is and how to sign in is read from the variables Prefect itself reads. A profile of Prefect's is not.
"""

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from transforms.errors import ParcfermeError

_TIMEOUT_S = 5.0
_TRUE = ("1", "true", "yes", "on")


class ServerError(ParcfermeError):
    """A Prefect server does not answer, or not as it should."""


@dataclass(frozen=True)
class PrefectServer:
    """Where a Prefect server's API is, what to send along, and how to trust it."""

    api_url: str
    headers: Mapping[str, str]
    verify: bool | str = True

    @property
    def where(self) -> str:
        """The address without a user and a password that stand in it."""
        parts = urlsplit(self.api_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def check(self, *, ready: bool) -> None:
        """Ask whether the API answers, and with ``ready`` whether it reaches its database.

        :raises ServerError: it does not.
        """
        response = self._ask("GET", "/ready" if ready else "/health")
        if ready and response.status_code == httpx.codes.NOT_FOUND:
            # Prefect Cloud has none.
            response = self._ask("GET", "/health")
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and ready:
            raise self._error("does not reach its database")
        if not response.is_success:
            raise self._error(f"answers with HTTP {response.status_code}")

    def count_online_workers(self, pool: str) -> int | None:
        """Return how many workers of ``pool`` are online, None if it needs none.

        :raises ServerError: it cannot be told.
        """
        path = f"/work_pools/{quote(pool, safe='')}"
        found = self._read("GET", path, pool)
        if str(found.get("type", "")).endswith((":push", ":managed")):
            return None
        workers = self._read("POST", f"{path}/workers/filter", pool, {"limit": 200, "offset": 0})
        return sum(1 for worker in workers if worker.get("status") == "ONLINE")

    def _read(self, method: str, path: str, pool: str, body: object = None) -> Any:
        response = self._ask(method, path, body)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ServerError(f"The Prefect server at {self.where} has no work pool {pool}. Run `parcferme deploy`.")
        if not response.is_success:
            raise self._error(f"answers with HTTP {response.status_code}")
        try:
            return response.json()
        except ValueError as error:
            raise self._error("does not answer as Prefect's API does") from error

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            trusted = ssl.create_default_context(cafile=self.verify) if isinstance(self.verify, str) else self.verify
            return httpx.request(
                method,
                self.api_url.rstrip("/") + path,
                headers=dict(self.headers),
                json=body,
                timeout=_TIMEOUT_S,
                verify=trusted,
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self._error(f"does not answer ({error or type(error).__name__})") from error

    def _error(self, what: str) -> ServerError:
        return ServerError(f"The Prefect server at {self.where} {what}. See the server and its database.")


def configured_server(environment: Mapping[str, str] = os.environ) -> PrefectServer | None:
    """Return the server that ``PREFECT_API_URL`` names, or None where it is not set."""
    api_url = environment.get("PREFECT_API_URL")
    if not api_url:
        return None
    headers = {}
    if key := environment.get("PREFECT_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    elif auth := environment.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {base64.b64encode(auth.encode()).decode()}"
    insecure = environment.get("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "").lower() in _TRUE
    verify: bool | str = False if insecure else environment.get("PREFECT_API_SSL_CERT_FILE") or True
    return PrefectServer(api_url, headers, verify)
