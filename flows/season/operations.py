"""What an operator does, as flows: look whether a destination is whole, clean up, write an index anew."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from prefect import flow, get_client, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Failed
from pydantic import Field

from flows.destination import open_destination
from flows.engine.artifact_texts import plain_rows, plain_text
from flows.engine.housekeeping import Housekeeper
from flows.engine.outages import ride_out_outages
from flows.engine.parameters import Year
from flows.engine.progress import ArtifactSink, Progress
from flows.engine.refusal import refused_or_raise
from flows.season.indexing import rebuild
from flows.session.site import restore_site
from flows.settings import read_settings
from publish.contract.heal import heal_store
from publish.contract.verify import verdict_of, verify_store
from publish.publication import prune as prune_revisions
from publish.revisions.prune import Removal
from publish.site.prune import OldParts, prune_pages
from transforms.errors import ChoiceError

#: Rows of a table that somebody still reads; the log has all of them.
_MOST_ROWS = 500


@flow(name="verify", flow_run_name="verify deep={deep}", persist_result=False)
def verify(deep: bool = False, heal: bool = False) -> State[Any]:
    """Check that everything published is there and right. Failed, with a table, if something is wrong.

    Args:
        deep: Read every object, prove its SHA-256 and look inside. Takes a minute for a few races, hours for all.
        heal: Mend first what can be mended from what is there: objects written over, stale copies and indexes.
    """
    logger = get_run_logger()
    ride_out_outages(logger)
    settings = read_settings()
    store = open_destination(settings)
    if heal:
        logger.info("%d revisions were described anew", heal_store(store, settings.current_time()))
        logger.info("%d pages and schemas were written anew", restore_site(store))
    progress = Progress((ArtifactSink("verify-progress"),), stages={"verify": 1.0}, logger=logger)
    progress.begin("verify", "Verifying")
    found = verify_store(
        store,
        deep=deep,
        on_progress=lambda done, total: progress.report(done / max(total, 1), f"{done} of {total} sessions"),
    )
    message = verdict_of(found, store.uri)
    progress.finish(message)
    rows = [{"": one.kind, "object": one.key, "what is wrong": one.problem} for one in found.findings]
    for row in rows:
        logger.warning("%s: %s", row["object"], row["what is wrong"])
    _keep_table("verify", rows, message)
    return Completed(message=message) if found.is_good else Failed(message=message)


@flow(name="prune", flow_run_name="prune", persist_result=False)
def prune(
    keep: Annotated[int, Field(ge=1, le=100)] = 3,
    older_than_days: Annotated[int, Field(ge=1, le=3650)] = 30,
    dry_run: bool = True,
) -> State[Any]:
    """Remove revisions that have not been current for long, old versions of the pages, and what killed writers left.

    Nothing that a current document links is ever removed.

    Args:
        keep: The newest revisions of a session that stay, the current one included.
        older_than_days: Remove only what has not been current for so many days.
        dry_run: Only say what would go. Untick it to remove it for good.
    """
    logger = get_run_logger()
    ride_out_outages(logger)
    settings = read_settings()
    store, now = open_destination(settings), settings.current_time()
    age = timedelta(days=older_than_days)

    def tell(removal: Removal | OldParts) -> None:
        logger.info("Removed %s", removal.name)

    revisions = prune_revisions(store, keep=keep, older_than=age, now=now, dry_run=dry_run, on_removed=tell)
    pages = prune_pages(store, older_than=age, now=now, dry_run=dry_run, on_removed=tell)
    removals: tuple[Removal | OldParts, ...] = (*revisions, *pages)
    gained = sum(removal.bytes for removal in removals)
    gain = f"{'Would gain' if dry_run else 'Gained'} {gained:,} bytes"
    message = f"{gain}: {len(revisions)} revisions, {len(pages)} versions of the pages."
    rows = [
        {"revision": one.name, "objects": len(one.objects), "bytes": one.bytes, "why": one.reason} for one in removals
    ]
    _keep_table("prune", rows, message)
    return Completed(message=message)


@flow(name="rebuild-index", flow_run_name="{year}", persist_result=False)
def rebuild_index(year: Year) -> State[Any]:
    """Write the index of a season anew from what is published, and move what hangs on round numbers.

    Args:
        year: Season, for example 2024.
    """
    ride_out_outages(get_run_logger())
    settings = read_settings()
    store = open_destination(settings)
    try:
        changed = rebuild(settings, store, year, has_server=bool(PREFECT_API_URL.value()))
    except ChoiceError as error:
        return refused_or_raise(error)
    return Completed(message=f"The index of {year} is {'rewritten' if changed else 'up to date'}.")


@flow(name="housekeeping", flow_run_name="housekeeping", persist_result=False)
def housekeeping(
    routine_days: Annotated[int, Field(ge=1, le=3650)] = 7,
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 60,
    dry_run: bool = False,
) -> State[Any]:
    """Remove from Prefect what nobody looks at any more: old runs with logs and artifacts, and workers long gone.

    What is published stays as it is.

    Args:
        routine_days: Runs of check-health, plan-season and housekeeping that went well go after so many days.
        keep_days: All other runs go so many days after they have ended; those nobody took up are cancelled.
        dry_run: Only count what would go.
    """
    logger = get_run_logger()
    ride_out_outages(logger)
    with get_client(sync_client=True) as client:
        keeper = Housekeeper(client, read_settings().work_pool, datetime.now(UTC), dry_run=dry_run)
        removed = keeper.tidy(routine=timedelta(days=routine_days), ended=timedelta(days=keep_days))
    message = f"{'Would remove' if dry_run else 'Removed'} {removed}."
    _keep_table("housekeeping", removed.rows, message)
    return Completed(message=message)


def _keep_table(key: str, rows: Sequence[dict[str, Any]], description: str) -> None:
    shown = plain_rows(rows[:_MOST_ROWS]) or [{"": "nothing"}]
    create_table_artifact(shown, key=key, description=plain_text(description))
