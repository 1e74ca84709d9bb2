"""What was found while a recording was put right, before there is a clock to say it on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """One finding for the quality report (:data:`transforms.columns.QUALITY`); its times are session time, ms."""

    check: str
    car: str | None
    cause: str
    start_ms: float | None = None
    end_ms: float | None = None
    value: float | None = None
    unit: str = ""
    severity: str = "warning"
