"""What is still published where the calendar was renumbered and names cannot be taken back."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest

from flows.session.site import check_publishable, prepare_destination
from flows.session_ref import SessionRef
from flows.settings import Settings
from publish.live.status import COMPLETE, Status, write_status
from publish.season.aliases import NotFollowedError
from publish.season.document import Event, ScheduledSession
from publish.season.index import read_season
from publish.stores.base import RefusedError
from publish.stores.choose import open_store
from publish.stores.folder import FileStore

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def calendar(*names: str) -> tuple[Event, ...]:
    sessions = (ScheduledSession("R", "Race", NOW),)
    return tuple(
        Event(number, name, "Country", "Place", f"2024-03-{ord(name) - 50}", "conventional", False, sessions)
        for number, name in enumerate(names, start=1)
    )


def test_sessions_that_keep_their_number_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings, store = Settings(destination=tmp_path.as_uri()), open_store(tmp_path.as_uri())
    prepare_destination(settings, store, 2024, calendar("A", "B", "C"), has_server=False)
    status = Status(
        type=COMPLETE,
        state="Completed",
        progress=100,
        message="C",
        flow_run_id="1",
        flow_run_name="a run",
        started_at=NOW,
        updated_at=NOW,
        error=None,
    )
    write_status(store, 2024, 3, "R", status)
    with (
        patch.object(FileStore, "delete", side_effect=RefusedError("access denied")),
        pytest.raises(NotFollowedError, match="parcferme index 2024") as refused,
    ):
        prepare_destination(settings, store, 2024, calendar("A", "C"), has_server=False)
    index = read_season(store, 2024)
    assert index is not None and [event.name for event in index.events] == ["A", "B", "C"]
    with caplog.at_level(logging.WARNING):
        check_publishable(store, SessionRef(2024, 1, "A", "R"), refused.value)
    assert "A R" in caplog.text and "prune role" in caplog.text
    with pytest.raises(NotFollowedError, match="2024 round 2 C R is not published under its new number"):
        check_publishable(store, SessionRef(2024, 2, "C", "R"), refused.value)
