"""Tell CloudFront to forget documents that have just been replaced, so that readers see them before they expire.

Only names that change are ever named: what lies below a revision is immutable, and status and health are asked for
anew each time anyway. Nothing depends on this; without it everything short-lived is current a minute later.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from publish import keys
from publish.headers import SHORT, headers_for
from transforms.errors import InputError, PublicationError

_CONFIG = Config(
    connect_timeout=10,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent_appid="parcferme",
)
_REGION = "us-east-1"  # CloudFront is global and signed for here
_STALE = "What was published is complete; readers see it once the short-lived documents expire, within a minute."


def replaced_paths(objects: Iterable[str], *, year: int, round_number: int, code: str, session_key: int) -> list[str]:
    """Return what the publication of a session replaces, as paths with a leading slash, sorted.

    ``objects`` are the paths of the revision's objects: tables and rows have copies under stable names.
    """
    stable = (
        keys.stable_copy(path, year=year, round_number=round_number, code=code, session_key=session_key)
        for path in objects
    )
    targets = {target for target in stable if target is not None}
    rows = keys.rows_copy(year, round_number, 0).rpartition("skip_")[0]
    tables = {target for target in targets if not target.startswith(rows)}
    # Each path is charged for beyond 1000 a month, and one that ends with * counts once.
    copies = tables | ({f"{rows}*"} if tables != targets else set())
    feeds = keys.CHANGES.removesuffix("json") + "*"
    documents = {keys.INDEX, keys.season(year), keys.table_files(year), keys.latest(session_key), feeds}
    documents |= {keys.circuits(year)} if "track.json.gz" in objects else set()
    if tables:
        documents |= {f"{keys.SEASON_TABLES}*", f"{keys.ALL_SEASONS_TABLES}*", f"{keys.CSV_COPIES}*", "v1/catalog.*"}
        documents |= {keys.DATA_PACKAGE, keys.CROISSANT}
    return [f"/{key}" for key in sorted(copies | documents)]


def invalidate(distribution_id: str, paths: Sequence[str], base_path: str = "") -> str:
    """Ask CloudFront to forget ``paths`` (as from :func:`replaced_paths`) and return the invalidation's id.

    ``base_path`` is the path of the public base URL (``/f1``), empty if the site is at the root. Credentials come from
    the usual AWS settings. CloudFront takes some seconds to do it; this does not wait.

    :raises PublicationError: CloudFront cannot be asked or does not agree, or a path is not short-lived.
    :raises InputError: there is no such distribution.
    """
    for path in paths:
        if headers_for(path.removeprefix("/")).cache_control != SHORT:
            raise PublicationError(
                f"{path} is not a short-lived document, so invalidating it has no use. This is a fault of the program; "
                "please report it."
            )
    try:
        answer = _client().create_invalidation(
            DistributionId=distribution_id,
            InvalidationBatch={
                "Paths": {"Quantity": len(paths), "Items": [base_path.rstrip("/") + path for path in paths]},
                # A request that is repeated with the same reference is the same request.
                "CallerReference": f"parcferme-{uuid.uuid4().hex}",
            },
        )
    except ClientError as error:
        raise _explained(error, distribution_id) from error
    except BotoCoreError as error:
        raise PublicationError(
            f"CloudFront distribution {distribution_id} cannot be told about the publication: {type(error).__name__}. "
            f"Check the network and the AWS credentials. {_STALE}"
        ) from error
    return str(answer["Invalidation"]["Id"])


def _client() -> Any:
    return boto3.session.Session().client("cloudfront", region_name=_REGION, config=_CONFIG)


def _explained(error: ClientError, distribution_id: str) -> InputError | PublicationError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "NoSuchDistribution":
        return InputError(
            f"There is no CloudFront distribution {distribution_id} in this account. Correct or unset "
            f"PARCFERME_CLOUDFRONT_ID. {_STALE}"
        )
    if code in ("AccessDenied", "AccessDeniedException"):
        return PublicationError(
            f"CloudFront distribution {distribution_id} refuses the invalidation: access denied. Grant "
            f"cloudfront:CreateInvalidation, or unset PARCFERME_CLOUDFRONT_ID. {_STALE}"
        )
    return PublicationError(
        f"CloudFront distribution {distribution_id} refuses the invalidation ({code or 'no code'}). Invalidate by hand "
        f"in the CloudFront console if it cannot wait. {_STALE}"
    )
