"""``parcferme health``: for people, and with ``--live`` or ``--ready`` for probes. Starts neither Prefect nor FastF1.

A liveness probe restarts what fails it, so ``--live`` asks only for what a restart can mend: neither late data nor a
Formula 1 that is down is among it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from flows.cli.console import make_console
from flows.destination import open_destination
from flows.health.probe import PrefectServer, ServerError, configured_server
from flows.settings import Settings, read_settings
from publish import keys
from publish.live.health import FAILING, HEALTHY, Check, Health, worst_state
from publish.stores.base import Store
from publish.stores.shared_documents import read_document
from transforms.errors import ParcfermeError

_COLORS = {HEALTHY: "green", FAILING: "red"}


def live_checks() -> list[Check]:
    """Return whether the settings can be used and Prefect answers.

    :raises InputError: a setting cannot be used. So do the other two.
    """
    read_settings()
    return [_settings_check(), _api_check(configured_server(), ready=False)]


def ready_checks() -> list[Check]:
    """Return what :func:`live_checks` does, and whether Prefect has its database, a worker is online and the
    destination can be read.
    """
    settings, server, store = _read_installation()
    checks = [_settings_check(), _api_check(server, ready=True), _workers_check(server, settings)]
    return [*checks, _destination_check(store)]


def all_checks() -> list[Check]:
    """Return what ``v1/health.json`` says, and whether Prefect answers and has its database."""
    _, server, store = _read_installation()
    return [_api_check(server, ready=True), *document_checks(store, datetime.now(UTC))]


def _read_installation() -> tuple[Settings, PrefectServer | None, Store]:
    settings = read_settings()
    return settings, configured_server(), open_destination(settings)


def conclude(checks: Sequence[Check]) -> int:
    """Print what was found and return 0, or 1 if something is failing, out of date, not there or out of reach."""
    state = worst_state(check.state for check in checks)
    console = make_console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("", overflow="fold")
    for check in checks:
        color = _COLORS.get(check.state, "yellow")
        table.add_row(escape(check.name), f"[{color}]{check.state}[/]", escape(check.message))
    console.print(table)
    console.print(f"{state.capitalize()}.", markup=False)
    return 1 if state == FAILING else 0


def document_checks(store: Store, now: datetime) -> list[Check]:
    """Return what the health document says at ``now`` (aware), first about itself; one that is absent is failing."""
    try:
        document = read_document(store, keys.HEALTH, Health)
        if document is None:
            reason = f"There is none in {store.uri}: nothing was published, or check-health has never run."
            return [Check("document", FAILING, reason)]
        return [_age_check(document, now), *document.checks]
    except ParcfermeError as error:
        return [Check("document", FAILING, str(error))]


def _age_check(document: Health, now: datetime) -> Check:
    checked, until = (f"{moment:%Y-%m-%d %H:%M} UTC" for moment in (document.checked_at, document.valid_until))
    if document.valid_until < now:
        message = f"Out of date: checked at {checked}, held until {until}. See why check-health does not run."
        return Check("document", FAILING, message)
    return Check("document", HEALTHY, f"Checked at {checked}, holds until {until}.")


def _settings_check() -> Check:
    return Check("settings", HEALTHY, "They can be used.")


def _api_check(server: PrefectServer | None, *, ready: bool) -> Check:
    if server is None:
        return Check("prefect", HEALTHY, "PREFECT_API_URL is not set: there is no server to ask.")
    try:
        server.check(ready=ready)
    except ServerError as error:
        return Check("prefect", FAILING, str(error))
    return Check("prefect", HEALTHY, f"{server.where} answers{' and reaches its database' if ready else ''}.")


def _workers_check(server: PrefectServer | None, settings: Settings) -> Check:
    if server is None:
        return Check("workers", HEALTHY, "Without a server no worker is needed.")
    try:
        found = server.count_online_workers(settings.work_pool)
    except ServerError as error:
        return Check("workers", FAILING, str(error))
    if found is None:
        return Check("workers", HEALTHY, f"The pool {settings.work_pool} needs none.")
    state = HEALTHY if found else FAILING
    return Check("workers", state, f"{found or 'None'} online in the pool {settings.work_pool}.")


def _destination_check(store: Store) -> Check:
    try:
        if store.uri.startswith("file:"):
            store.check()
            return Check("destination", HEALTHY, f"{store.uri} can be written.")
        # A bucket is only read: probes that write every few seconds are paid for by the request.
        store.read(keys.INDEX)
    except ParcfermeError as error:
        return Check("destination", FAILING, str(error))
    return Check("destination", HEALTHY, f"{store.uri} can be read.")
