"""What was found while a recording was put right, before there is a clock to say it on."""

from dataclasses import dataclass

#: Kinds of notes on a session that was recorded from the live feed: that it was, and where nothing was recorded.
RECORDED, BREAK = "recorded_live", "recording_break"


@dataclass(frozen=True)
class Note:
    """One finding for the quality report (:data:`transforms.columns.FINDINGS`); its times are session time, ms."""

    kind: str
    car: str | None
    cause: str
    start_ms: float | None = None
    end_ms: float | None = None
    value: float | None = None
    unit: str = ""
    severity: str = "warning"
    measured: float | None = None
    official: float | None = None
