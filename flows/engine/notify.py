"""Whom Prefect's server tells of trouble, and in which words.

The server sends, not the worker, so every block here is one of Prefect's own: the server needs none of this project's
code. The addresses are kept in the blocks, encrypted; neither log nor automation holds them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import ActionTypes, CallWebhook, SendNotification
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from flows.engine.environment import tag
from flows.settings import Settings
from transforms.errors import InputError

WEBHOOK, SLACK, MAIL = "webhook", "slack", "mail"

#: Of Prefect's blocks, the one for Slack hands every address that is not Slack's to Apprise as it is, ``mailto://``
#: too; there is none for mail over SMTP.
_APPRISE_BLOCK = SlackWebhook

#: What a notice is about: a flow run, or the health of the whole.
RUN = "run"
HEALTH = "health"

# Jinja, filled in by the server. A run that has been deleted meanwhile leaves gaps, not an error.
_SESSION = (
    "{% if flow_run.parameters.session %}{{ flow_run.parameters.year }} {{ flow_run.parameters.event }} "
    "{{ flow_run.parameters.session }}{% endif %}"
)
_FIELDS: dict[str, dict[str, str]] = {
    RUN: {
        "flow": "{{ flow.name }}",
        "session": _SESSION,
        "run": "{{ flow_run.name }}",
        "state": "{{ flow_run.state.name }}",
        "message": "{{ (flow_run.state.message or '')[:500] }}",
        "link": "{{ (flow_run | ui_url) or '' }}",
    },
    HEALTH: {
        "state": "{{ event.payload.state }}",
        "message": "{{ (event.payload.message or '')[:500] }}",
        "link": "",
    },
}
_SLACK_MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_OCCURRED = "{{ event.occurred.strftime('%Y-%m-%dT%H:%M:%SZ') }}"


@dataclass(frozen=True)
class Notice:
    """``what`` happened, in a word or two, and whether to a run or to the health."""

    what: str
    about: str


@dataclass(frozen=True)
class Channels:
    """The stored blocks through which the operator is told; None: not that way. ``status_url`` is the status page."""

    webhook: UUID | None
    slack: UUID | None
    mail: UUID | None
    status_url: str | None

    def any(self) -> bool:
        """Whether anybody is told at all."""
        return any((self.webhook, self.slack, self.mail))

    def actions(self, notice: Notice) -> list[ActionTypes]:
        """Return what tells of ``notice``, through every channel."""
        actions: list[ActionTypes] = []
        if self.webhook is not None:
            actions.append(CallWebhook(block_document_id=self.webhook, payload=self._payload(notice)))
        for block, as_text in ((self.slack, _as_slack), (self.mail, str)):
            if block is not None:
                subject, body = self._text(notice, as_text)
                actions.append(SendNotification(block_document_id=block, subject=subject, body=body))
        return actions

    def _fields(self, notice: Notice) -> dict[str, str]:
        fields = dict(_FIELDS[notice.about])
        if notice.about == HEALTH:
            fields["link"] = self.status_url or ""
        return fields

    def _payload(self, notice: Notice) -> str:
        """Return a template of a JSON object of strings: what, state, message, link, time, and of a run which."""
        fields = {"what": notice.what, **self._fields(notice), "time": _OCCURRED}
        lines = [f"  {json.dumps(name)}: {_as_json(template)}" for name, template in fields.items()]
        return "{\n" + ",\n".join(lines) + "\n}"

    def _text(self, notice: Notice, as_text: Callable[[str], str]) -> tuple[str, str]:
        """Return the templates of a subject and of a body, in which ``as_text`` makes the template of any text."""
        fields = self._fields(notice)
        if notice.about == HEALTH:
            subject = f"parcferme: {notice.what}"
        else:
            subject = f"parcferme: {notice.what}: {fields['flow']} {{% if flow_run %}}{fields['run']}{{% endif %}}"
        lines = [f"{fields['state']}: {as_text(fields['message'])}", fields["link"], _OCCURRED]
        return subject, "\n".join(line for line in lines if line)


def _as_json(template: str) -> str:
    """Return a template that renders what ``template`` renders, as a JSON string."""
    if "{" not in template:
        return json.dumps(template)
    return "{% set text %}" + template + "{% endset %}{{ text | string | tojson }}"


def _as_slack(template: str) -> str:
    """Return a template that renders what ``template`` renders, with nothing in it that Slack takes for its own.

    Such as mentions of a whole channel, and links that say they lead elsewhere:
    https://docs.slack.dev/messaging/formatting-message-text/#escaping
    """
    escaped = "".join(f" | replace('{mark}', '{shown}')" for mark, shown in _SLACK_MARKS.items())
    return "{% set text %}" + template + "{% endset %}{{ text | string" + escaped + " }}"


def _apprise(address: SecretStr) -> dict[str, Any]:
    """Return the fields of a block that sends what is said as it is, not as HTML or Markdown."""
    url = address.get_secret_value()
    return {"url": f"{url}{'&' if '?' in url else '?'}format=text", "notify_type": "warning"}


def save_channels(settings: Settings) -> Channels:
    """Store the addresses of ``settings`` as blocks.

    :raises InputError: one of them is not an address its service knows.
    """
    webhook, slack, mail = settings.notify_webhook, settings.notify_slack, settings.notify_mail
    headers = {"Content-Type": "application/json"}
    return Channels(
        webhook=_save(WEBHOOK, Webhook, {"url": webhook, "headers": headers}) if webhook else None,
        slack=_save(SLACK, _APPRISE_BLOCK, _apprise(slack)) if slack else None,
        mail=_save(MAIL, _APPRISE_BLOCK, _apprise(mail)) if mail else None,
        status_url=f"{settings.public_url}/status.html" if settings.public_url else None,
    )


def remove_unused_blocks(client: SyncPrefectClient, channels: Channels) -> None:
    """Delete the stored addresses of channels that are no longer configured."""
    stored = (
        (channels.webhook, Webhook, WEBHOOK),
        (channels.slack, _APPRISE_BLOCK, SLACK),
        (channels.mail, _APPRISE_BLOCK, MAIL),
    )
    for used, kind, channel in stored:
        if used is not None:
            continue
        try:
            document = client.read_block_document_by_name(_block_name(channel), kind.get_block_type_slug())
        except ObjectNotFound:
            continue
        client.delete_block_document(document.id)


def _block_name(channel: str) -> str:
    return f"{tag()}-{channel}"


def _save(channel: str, kind: type[Block], fields: dict[str, Any]) -> UUID:
    block = kind(**fields)
    # Apprise leaves out what it cannot read, and would then send to nobody.
    apprise = getattr(block, "_apprise_client", None)
    if apprise is not None and not len(apprise):
        variable = f"PARCFERME_NOTIFY_{channel.upper()}"
        raise InputError(
            f"{variable} is not an address that can be sent to (it is not shown: it may hold a password). "
            "See https://github.com/caronc/apprise/wiki for how it is written, and set it again."
        )
    return cast(UUID, block.save(_block_name(channel), overwrite=True))
