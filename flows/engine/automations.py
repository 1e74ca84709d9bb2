"""Prefect's automations as code: made, kept up to date and removed by name."""

from typing import Any

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.sorting import AutomationSort
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound

from flows.engine.automations_rules import HEALTH_FLOW, PLAN_FLOW, Windows, prefix, wanted_automations
from flows.engine.environment import own_path, tag
from flows.engine.notify import remove_unused_blocks, save_channels
from flows.settings import Settings
from transforms.errors import InputError

_PAGE = 100


def apply_automations(settings: Settings, windows: Windows | None = None) -> list[str]:
    """Make the server's automations those of ``settings``; return their names.

    Only automations whose name begins with ``parcferme: `` and that carry our tag are changed or removed. One that is
    as it should be is left alone, for a change makes it forget which runs it is watching; one the operator has
    switched off stays off. Call it after the deployments are registered, and not from a coroutine.

    :raises InputError: a deployment that they run is missing, or an address cannot be used.
    """
    with get_client(sync_client=True) as client:
        health, plan = _read_deployment(client, HEALTH_FLOW), _read_deployment(client, PLAN_FLOW)
        channels = save_channels(settings)
        notify = channels.actions if channels.any() else None
        wanted = wanted_automations(health, plan, notify, windows or Windows())
        _reconcile(client, wanted)
        remove_unused_blocks(client, channels)
    return [automation.name for automation in wanted]


def _read_deployment(client: SyncPrefectClient, flow: str) -> Any:
    name = own_path(f"{flow}/{flow}")
    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound as error:
        raise InputError(f"There is no deployment {name} for the automations to run. Run: parcferme deploy") from error


def _reconcile(client: SyncPrefectClient, wanted: list[AutomationCore]) -> None:
    found = _read_ours(client)
    for automation in wanted:
        existing = found.pop(automation.name, [])
        if existing:
            _update_if_changed(client, existing.pop(0), automation)
        else:
            client.create_automation(automation)
        found[automation.name] = existing
    for superfluous in [automation for same_name in found.values() for automation in same_name]:
        client.delete_automation(superfluous.id)


def _read_ours(client: SyncPrefectClient) -> dict[str, list[Automation]]:
    """Return our automations by name. Without a sort order the server refuses the client's request."""
    ours: dict[str, list[Automation]] = {}
    offset = 0
    while page := client.read_automations(sort=AutomationSort.NAME_ASC, limit=_PAGE, offset=offset):
        for automation in page:
            if automation.name.startswith(prefix()) and tag() in automation.tags:
                ours.setdefault(automation.name, []).append(automation)
        offset += len(page)
    return ours


def _update_if_changed(client: SyncPrefectClient, existing: Automation, automation: AutomationCore) -> None:
    if _content(existing) == _content(automation):
        return
    # Everything spelled out: what is left out of the request would become the server's default.
    content = {**automation.model_dump(exclude={"owner_resource"}), "enabled": existing.enabled}
    client.update_automation(existing.id, AutomationCore(**content))


def _content(automation: AutomationCore) -> dict[str, Any]:
    return automation.model_dump(include={"name", "description", "tags", "trigger", "actions"})
