"""One finding of the quality report."""

Row = dict[str, object]


def row(
    check: str,
    *,
    car: str | None = None,
    channel: str | None = None,
    start_ms: float | None = None,
    end_ms: float | None = None,
    value: float | None = None,
    unit: str = "",
    severity: str = "warning",
    cause: str = "",
) -> Row:
    """One row of the report (:data:`transforms.columns.QUALITY`); times on the clock."""
    return {
        "check": check,
        "car": car,
        "channel": channel,
        "start_ms": None if start_ms is None else int(start_ms),
        "end_ms": None if end_ms is None else int(end_ms),
        "value": None if value is None else float(value),
        "unit": unit,
        "severity": severity,
        "cause": cause,
    }
