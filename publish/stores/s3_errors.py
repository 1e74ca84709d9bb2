"""What S3's errors mean for the person who publishes. No message repeats a credential or a whole answer, neither does
the cause that ``--verbose`` and Prefect's log show: servers have been seen to repeat what they refuse.
"""

import re

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from urllib3.exceptions import HTTPError

from publish.stores.base import RefusedError
from transforms.errors import InputError, ParcfermeError, PublicationError

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_LOST_RACE = frozenset({"412", "409", "PreconditionFailed", "ConditionalRequestConflict"})
_BAD_CREDENTIALS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
_WRONG_REGION = frozenset(
    {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_BUSY = frozenset({"SlowDown", "503", "ServiceUnavailable", "RequestTimeout", "Throttling", "RequestLimitExceeded"})
#: What a request needs, if not just to write. Without the right to list, S3 does not say that an object is absent.
_PERMISSIONS = {
    "GetObject": "s3:GetObject (and s3:ListBucket, where there is no such object)",
    "HeadObject": "s3:GetObject (and s3:ListBucket, where there is no such object)",
    "CopyObject": "s3:PutObject (and s3:GetObject for what is copied)",
    "ListObjectsV2": "s3:ListBucket",
    "DeleteObject": "s3:DeleteObject",
}
_USER_INFO = re.compile(r"//[^/\s\"']*@")
_SET_CREDENTIALS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with a role, then run again."
)


class S3RequestError(Exception):
    """What the S3 client said, without what could be a credential."""


def safe_cause(error: Exception) -> S3RequestError:
    """Return what may be shown of ``error``: no text of the server, no user and password of the endpoint's address."""
    if isinstance(error, ClientError):
        about = error.response.get("ResponseMetadata", {})
        text = f"{error.operation_name} was answered {_code(error)} ({about.get('HTTPStatusCode')})"
        if request_id := about.get("RequestId"):
            text += f", request {request_id}"
    else:
        text = f"{type(error).__name__}: {_USER_INFO.sub('//', str(error))}"
    return S3RequestError(text)


def is_ours(error: Exception) -> bool:
    """Whether ``error`` comes from the S3 client, not from this project."""
    return isinstance(error, BotoCoreError | Boto3Error | HTTPClientError | ClientError | HTTPError)


def is_missing(error: ClientError) -> bool:
    """Whether the server said that the object (not the bucket) is not there."""
    return _code(error) in _MISSING


def is_lost_race(error: ClientError) -> bool:
    """Whether a condition of the request did not hold; 'no such key' tells of a conditional write over nothing, and of
    a copy of what is gone.
    """
    if _code(error) in _LOST_RACE:
        return True
    return _code(error) == "NoSuchKey" and error.operation_name in ("PutObject", "CopyObject")


def explained(error: Exception, action: str, key: str, uri: str) -> ParcfermeError:
    """Return the project's error for the S3 client's ``error`` in ``action`` on ``key`` (empty: the bucket)."""
    what = f"Cannot {action} {key + ' in ' if key else ''}{uri}"
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return InputError(f"{what}: there are no usable AWS credentials. {_SET_CREDENTIALS}")
    if isinstance(error, ProfileNotFound):
        return InputError(
            f"{what}: the profile that AWS_PROFILE names is not in the AWS configuration. {_SET_CREDENTIALS}"
        )
    if isinstance(error, NoRegionError):
        return InputError(f"{what}: no region is known. Set AWS_DEFAULT_REGION, then run again.")
    # The last is what botocore lets through of an answer without a body of its own that breaks off, such as a 404.
    if isinstance(error, ConnectionError | HTTPClientError | HTTPError):
        return PublicationError(
            f"{what}: the S3 server cannot be reached or stopped answering ({type(error).__name__}). "
            "Check the network and AWS_ENDPOINT_URL, then run again; what was published before is unchanged."
        )
    if isinstance(error, ClientError):
        return _explained_answer(error, what)
    cause = error.__cause__ or error.__context__
    if isinstance(error, Boto3Error) and isinstance(cause, ClientError | BotoCoreError):
        return explained(cause, action, key, uri)
    return PublicationError(
        f"{what}: {type(error).__name__}. Run again with --verbose to see the cause; what was published before is "
        "unchanged."
    )


def _explained_answer(error: ClientError, what: str) -> ParcfermeError:
    code = _code(error)
    if code == "NoSuchBucket":
        return InputError(
            f"{what}: the bucket does not exist. Create it or correct PARCFERME_DESTINATION, then run again."
        )
    if code == "InvalidBucketName":
        return InputError(
            f"{what}: that cannot be the name of a bucket. Correct PARCFERME_DESTINATION, then run again."
        )
    if code in _BAD_CREDENTIALS:
        return InputError(f"{what}: the server does not accept the AWS credentials ({code}). {_SET_CREDENTIALS}")
    if code in _WRONG_REGION:
        return InputError(
            f"{what}: the bucket is in another region ({code}). Set AWS_DEFAULT_REGION to it, then run again."
        )
    if code in ("AccessDenied", "403", "AllAccessDisabled"):
        needed = _PERMISSIONS.get(error.operation_name, "s3:PutObject")
        return RefusedError(
            f"{what}: access denied. The role needs {needed} there; grant it, then run again. What was published "
            "before is unchanged."
        )
    if code in _BUSY:
        return PublicationError(
            f"{what}: the server is too busy, also after several attempts ({code}). Run again later; what is already "
            "stored is not uploaded twice."
        )
    if code in ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"):
        return PublicationError(
            f"{what}: other bytes arrived than were announced ({code}). Run again; if it happens again, something "
            "on the way "
            "changes data, or something else writes to the temporary folder."
        )
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "no status")
    return PublicationError(
        f"{what}: the server answered {code or 'nothing'} ({status}). Run again; if it stays, look into the "
        "server's log. "
        "What was published before is unchanged."
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
