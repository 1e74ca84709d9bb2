"""When a run that waits for its upstream goes on, and when it gives up."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.session.waiting import PATIENCE, delay_after, next_attempt_utc, recheck_utc
from transforms.errors import CorruptDataError, NotReadyError, UpstreamError

START = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
END = START + timedelta(hours=2)


def test_it_backs_off_from_ten_minutes_to_an_hour() -> None:
    assert [delay_after(attempts).total_seconds() / 60 for attempts in range(1, 7)] == [10, 20, 40, 60, 60, 60]


def _waits(error: UpstreamError, begin: datetime, start: datetime | None = START) -> list[datetime]:
    """When a run that begins at ``begin`` and never gets its data tries again."""
    found, now = [], begin
    while (at := next_attempt_utc(error, attempts=len(found) + 1, start_utc=start, code="R", now=now)) is not None:
        found.append(at)
        now = at
        assert len(found) < 100
    return found


def test_data_that_is_not_out_is_waited_for_until_a_day_after_the_end() -> None:
    begin = END + timedelta(minutes=30)
    waits = _waits(NotReadyError("not out"), begin)
    assert waits[0] == begin + timedelta(minutes=10)
    assert waits[-1] == END + PATIENCE
    assert len(waits) == 26


def test_an_old_session_is_not_waited_for() -> None:
    assert _waits(NotReadyError("nothing"), END + PATIENCE) == []
    assert _waits(NotReadyError("nothing"), END, start=None) == []


def test_an_upstream_that_is_down_is_asked_for_a_day_from_the_first_attempt() -> None:
    begin = END + timedelta(days=900)
    waits = _waits(UpstreamError("down"), begin)
    assert timedelta(hours=23) < waits[-1] - begin <= PATIENCE


@pytest.mark.parametrize("start", [START, None])
def test_corrupt_data_is_not_waited_for(start: datetime | None) -> None:
    assert _waits(CorruptDataError("cut off"), END, start=start) == []


def test_a_recheck_comes_an_hour_after_the_awaited_attempt_or_after_now() -> None:
    hour = timedelta(hours=1)
    assert recheck_utc(END + hour, END) == END + 2 * hour
    assert recheck_utc(END, END + hour) == END + 2 * hour
