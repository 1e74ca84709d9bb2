"""One finding of the quality report."""

Row = dict[str, object]


def row(
    kind: str,
    *,
    car: str | None = None,
    channel: str | None = None,
    start_ms: float | None = None,
    end_ms: float | None = None,
    value: float | None = None,
    measured: float | None = None,
    official: float | None = None,
    unit: str = "",
    severity: str = "warning",
    cause: str = "",
) -> Row:
    """One row of the report (:data:`transforms.columns.FINDINGS`); times on the clock."""
    return {
        "kind": kind,
        "car": car,
        "channel": channel,
        "start_ms": None if start_ms is None else int(start_ms),
        "end_ms": None if end_ms is None else int(end_ms),
        "value": _number(value),
        "measured": _number(measured),
        "official": _number(official),
        "unit": unit,
        "severity": severity,
        "cause": cause,
    }


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
