"""Short questions to a Prefect server over HTTP, without Prefect: for probes, which must answer within seconds.

Where the server is and how to sign in is read from the variables Prefect itself reads. A profile of Prefect's is not.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

_TIMEOUT_S = 5.0
_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class PrefectServer:
    """Where a Prefect server's API is, what to send along, and how to trust it."""

    api_url: str
    headers: Mapping[str, str]
    verify: bool | str = True

    def problem(self, *, ready: bool) -> str | None:
        """Return why the API does not answer, or with ``ready`` does not reach its database; None if all is well."""
        response = self._ask("GET", "/ready" if ready else "/health")
        if ready and isinstance(response, httpx.Response) and response.status_code == httpx.codes.NOT_FOUND:
            # Prefect Cloud has none.
            response = self._ask("GET", "/health")
        if isinstance(response, str):
            return response
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and ready:
            return "it does not reach its database"
        return None if response.is_success else f"it answers with HTTP {response.status_code}"

    def count_online_workers(self, pool: str) -> int | str | None:
        """Return how many workers of ``pool`` are online, None if it needs none, or a text: why it cannot be told."""
        path = f"/work_pools/{quote(pool, safe='')}"
        found = self._json("GET", path)
        if isinstance(found, str):
            return found
        if str(found.get("type", "")).endswith((":push", ":managed")):
            return None
        workers = self._json("POST", f"{path}/workers/filter", {"limit": 200, "offset": 0})
        if isinstance(workers, str):
            return workers
        return sum(worker.get("status") == "ONLINE" for worker in workers)

    def _json(self, method: str, path: str, body: object = None) -> Any:
        response = self._ask(method, path, body)
        if isinstance(response, str):
            return response
        if response.status_code == httpx.codes.NOT_FOUND:
            return "there is no such work pool; run `parcferme deploy`"
        if not response.is_success:
            return f"the Prefect API answers with HTTP {response.status_code}"
        try:
            return response.json()
        except ValueError:
            return "what answers is not a Prefect API"

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response | str:
        """Return the response, or a text: why there is none."""
        try:
            return httpx.request(
                method,
                self.api_url.rstrip("/") + path,
                headers=dict(self.headers),
                json=body,
                timeout=_TIMEOUT_S,
                verify=self.verify,
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return f"it does not answer ({error or type(error).__name__})"


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
