"""What an answer of an upstream's host means: given, absent, refused to this machine, wanting a sign-in, or failed.

Formula 1's live timing keeps its files in S3 and may not list them: what is not there is answered with 403 and S3's own
XML. A firewall that refuses an address answers with 403 too, in other words; some send a page with status 200.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Meaning(Enum):
    """What became of a request."""

    GIVEN = "given"
    ABSENT = "absent"
    REFUSED = "refused"
    NEEDS_ACCOUNT = "needs account"
    FAILED = "failed"


@dataclass(frozen=True)
class Answer:
    """What became of a request: ``words`` for messages, ``excerpt`` the beginning of a refusal's body for the log."""

    meaning: Meaning
    words: str
    excerpt: str = ""


_NOT_FOUND = (404, 410)
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_TOO_MANY = 429
#: 451: refused for legal reasons.
_REFUSALS = (_FORBIDDEN, _TOO_MANY, 451)
_S3 = "amazons3"
_S3_ABSENT = re.compile(rb"<Code>(?:AccessDenied|NoSuchKey)</Code>")
#: How a page begins, where JSON or a stream was asked for.
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_LOOKED_AT_BYTES = 2048
_EXCERPT_CHARACTERS = 300


def answer_of(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Return what an answer means; ``headers`` finds names in any case, of ``body`` the beginning is looked at."""
    head, words = body[:_LOOKED_AT_BYTES], f"HTTP {status}"
    if status < 400:
        if _PAGE.match(head):
            return Answer(Meaning.REFUSED, f"{words} with a web page", _excerpt(head))
        return Answer(Meaning.GIVEN, words)
    if status == _UNAUTHORIZED:
        return Answer(Meaning.NEEDS_ACCOUNT, words, _excerpt(head))
    if status in _NOT_FOUND or (status == _FORBIDDEN and _is_absent_in_s3(headers, head)):
        return Answer(Meaning.ABSENT, words)
    # A limit says when it ends, a firewall does not.
    if status in _REFUSALS and not (status == _TOO_MANY and headers.get("Retry-After")):
        return Answer(Meaning.REFUSED, words, _excerpt(head))
    return Answer(Meaning.FAILED, words, _excerpt(head))


def no_answer(error: BaseException) -> Answer:
    """Return what it means that ``error`` came instead of an answer."""
    return Answer(Meaning.FAILED, type(error).__name__)


def _is_absent_in_s3(headers: Mapping[str, str], head: bytes) -> bool:
    return _S3 in (headers.get("Server") or "").lower() and _S3_ABSENT.search(head) is not None


def _excerpt(head: bytes) -> str:
    text = " ".join(head.decode("utf-8", errors="replace").split())
    return "".join(c for c in text if c.isprintable())[:_EXCERPT_CHARACTERS]
