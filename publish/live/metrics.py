"""``v1/metrics.prom``: the figures an operator watches, in Prometheus' text format, written with the health.

A file, not an endpoint: whoever scrapes it needs no way to a worker. It is public as the health is: numbers and the
names of checks, states and stages, nothing of a machine. A scraper sees by ``parcferme_checked_timestamp_seconds``
whether anybody still writes it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from publish import keys
from publish.stores.base import Store

#: Labels in their order, and the value.
Sample = tuple[Mapping[str, str], float]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True)
class Metric:
    """A gauge: its name without the prefix, what it is in a sentence, and its values."""

    name: str
    about: str
    samples: Sequence[Sample]


def one(value: float) -> Sequence[Sample]:
    """Return the samples of a gauge without labels."""
    return [({}, value)]


def seconds(moment: datetime) -> float:
    """Return an aware time as Prometheus has times: seconds since 1970."""
    return moment.timestamp()


def render(metrics: Iterable[Metric]) -> bytes:
    """Return the metrics in the text format 0.0.4; one without samples is left out."""
    lines: list[str] = []
    for metric in metrics:
        if not metric.samples:
            continue
        name = f"parcferme_{metric.name}"
        lines += [f"# HELP {name} {metric.about}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in metric.samples]
    return ("\n".join(lines) + "\n").encode()


def write_metrics(store: Store, metrics: Iterable[Metric]) -> None:
    """Write the file, whatever was there before: it says all there is to say.

    :raises PublicationError: the destination refuses.
    """
    store.write(keys.METRICS, render(metrics))


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items()) + "}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
