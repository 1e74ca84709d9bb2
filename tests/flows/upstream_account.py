"""The double of Formula 1's sign-in, which FastF1 goes through before it asks live timing."""

import json
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import jwt
from upstream_season import Answer

ACCOUNT_HOST, SIGN_IN_HOST, AGENTS_HOST = "account.formula1.com", "id.formula1.com", "jnrbsn.github.io"
#: A token of the real account is good for four days.
TOKEN_LIFE_S = 4 * 86400.0


@dataclass
class Account:
    """The sign-in of Formula 1: a form, a code for it, a token for the code that carries the token for live timing."""

    username: str = ""
    password: str = ""
    valid_for_s: float = TOKEN_LIFE_S
    required: bool = False
    subscribed: bool = True
    tokens: set[str] = field(default_factory=set)
    _key: str = field(default_factory=lambda: secrets.token_hex(32))

    def admits(self, token: str) -> bool:
        """Whether live timing answers to this token."""
        if not self.required:
            return True
        if token not in self.tokens:
            return False
        claims = jwt.decode(token, self._key, algorithms=["HS256"], options={"verify_exp": False})
        return float(claims["exp"]) > time.time()

    def answer(self, host: str, method: str, target: str, body: bytes) -> Answer:
        """Return an answer of the three hosts that take part."""
        url = urlsplit(target)
        match host, method, url.path:
            case "jnrbsn.github.io", "GET", "/user-agents/user-agents.json":
                return _json(["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"])
            case "account.formula1.com", "GET", "/scripts/main.min.js":
                return Answer(200, b'x={davinci:{clientId:"double-client",acrValues:"double-policy"}}')
            case "id.formula1.com", "GET", "/as/authorize":
                state = parse_qs(url.query)["state"][0]
                submit = {"href": f"https://{SIGN_IN_HOST}/davinci/submit"}
                form = {"id": "flow", "eventName": "continue", "interactionId": state, "_links": {"next": submit}}
                return _json(form)
            case "id.formula1.com", "POST", "/davinci/submit":
                return self._submit(json.loads(body))
            case "id.formula1.com", "POST", "/as/token":
                return self._token()
        return Answer(404, b"Not Found")

    def _submit(self, form: dict) -> Answer:
        given = form["parameters"]["data"]["formData"]
        if not self.username or (given["username"], given["password"]) != (self.username, self.password):
            return _json({"status": "FAILED", "message": "Incorrect username or password."}, 400)
        return _json(
            {"status": "COMPLETED", "authorizeResponse": {"state": form["interactionId"], "code": "double-code"}}
        )

    def _token(self) -> Answer:
        if not self.subscribed:
            return _json({"access_token": jwt.encode({"sub": "somebody"}, self._key, algorithm="HS256")})
        expires = time.time() + self.valid_for_s
        claims = {"exp": int(expires), "SubscriptionStatus": "active", "jti": secrets.token_hex(8)}
        token = jwt.encode(claims, self._key, algorithm="HS256")
        self.tokens.add(token)
        return _json({"access_token": jwt.encode({"subscriptionToken": token}, self._key, algorithm="HS256")})


def _json(document: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode())
