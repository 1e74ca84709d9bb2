"""What a season takes and what it costs to serve, from the bytes of published sessions: tables in Markdown.

    .venv/bin/python deployments/costs.py file:///srv/site [--replays 10000] [--like FP1=Q ...] [--price NAME=VALUE ...]

Of every type of session the published ones are measured, by their manifests; a type of which none is published is
taken to be like another one (--like). A replay reads everything the page does: documents, track, overview and every
minute of samples. Prices are assumed, in dollars; each can be replaced, see --help.
"""

import argparse
import gzip
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from statistics import mean

from publish import keys
from publish.encode.manifest import Manifest
from publish.revisions.latest import Latest
from publish.stores.base import Store
from publish.stores.choose import open_store
from publish.stores.shared_documents import read_document

#: Sessions of a season of 24 weekends, six of them with a sprint.
SEASON = {"R": 24, "Q": 24, "S": 6, "SQ": 6, "FP1": 24, "FP2": 18, "FP3": 18}
#: What a run writes besides the revision and its copies: its status each second, indexes, feeds, health.
_WRITES_OF_A_RUN = 120
#: What a page asks for before the first minute of samples: pages, season, latest, manifest.
_DOCUMENTS_OF_A_REPLAY = 4
_GB = 1e9
#: Kinds of objects the page reads whole.
_READ = ("samples", "overview", "track", "quality", "laps", "results", "messages", "weather")


@dataclass(frozen=True)
class Sizes:
    """What one session takes: bytes and objects that are kept, bytes and requests of one replay."""

    stored: float
    objects: float
    replayed: float
    requests: float


@dataclass(frozen=True)
class Prices:
    """List prices in dollars: a GB kept for a month, a GB sent, a million requests, a machine for a month.

    ``cached`` is the part of what is asked for that a CDN has itself.
    """

    s3_gb: float = 0.023
    s3_million_writes: float = 5.0
    s3_million_reads: float = 0.40
    cloudfront_gb: float = 0.085
    cloudfront_million: float = 1.0
    r2_gb: float = 0.015
    r2_million_writes: float = 4.50
    r2_million_reads: float = 0.36
    machine_month: float = 6.0
    cached: float = 0.9


def measure(store: Store) -> dict[str, Sizes]:
    """Return the mean sizes of the current revisions of each type of session that ``store`` has."""
    found: dict[str, list[Sizes]] = defaultdict(list)
    pages = sum(
        len(gzip.compress(stored.data))
        for listed in store.list(keys.PAGE_PARTS)
        if (stored := store.read(listed.key)) is not None
    )
    versions = len({listed.key.split("/")[1] for listed in store.list(keys.PAGE_PARTS)}) or 1
    for listed in store.list(keys.SESSIONS):
        if not listed.key.endswith("/latest.json"):
            continue
        latest = read_document(store, listed.key, Latest)
        stored = None if latest is None else store.read(latest.manifest_key)
        if latest is None or stored is None:
            continue
        manifest = read_document(store, latest.manifest_key, Manifest)
        if manifest is not None:
            documents = len(gzip.compress(stored.data)) + pages / versions
            found[manifest.session.code].append(_sizes(manifest, documents))
    return {code: _mean(sizes) for code, sizes in found.items()}


def _sizes(manifest: Manifest, documents: float) -> Sizes:
    of_kind: dict[str, list[int]] = defaultdict(list)
    for one in manifest.objects:
        of_kind[one.kind].append(one.bytes)
    # Tables and rows have a copy under a name that stays.
    copied = [*of_kind["table"], *of_kind["rows"]]
    kept = [one.bytes for one in manifest.objects] + copied
    read = [size for kind in _READ for size in of_kind[kind]]
    return Sizes(sum(kept), len(kept) + 2, sum(read) + documents, len(read) + _DOCUMENTS_OF_A_REPLAY)


def _mean(sizes: Sequence[Sizes]) -> Sizes:
    return Sizes(*(mean(getattr(one, part.name) for one in sizes) for part in fields(Sizes)))


def complete(measured: Mapping[str, Sizes], like: Mapping[str, str]) -> dict[str, Sizes]:
    """Return the sizes of every type of session; ``like`` says which other one stands for one that was not measured.

    :raises SystemExit: nothing stands for one.
    """
    sizes = dict(measured)
    for code in SEASON:
        other = like.get(code, code)
        if code not in sizes and other not in measured:
            raise SystemExit(f"No {code} is published there. Say what it is like, for example --like {code}=Q.")
        sizes.setdefault(code, measured[other] if other in measured else sizes[code])
    return sizes


def season_of(sizes: Mapping[str, Sizes]) -> tuple[float, float]:
    """Return the bytes and the objects of a season."""
    stored = sum(sizes[code].stored * number for code, number in SEASON.items())
    return stored, sum(sizes[code].objects * number for code, number in SEASON.items())


def monthly(stored: float, race: Sizes, replays: float, prices: Prices) -> dict[str, float]:
    """Return what a month costs with one season kept and so many replays of a race, in dollars, by place."""
    sent, asked = race.replayed * replays, race.requests * replays
    missed = asked * (1 - prices.cached)
    return {
        "S3 and CloudFront": stored / _GB * prices.s3_gb
        + sent / _GB * prices.cloudfront_gb
        + (asked * prices.cloudfront_million + missed * prices.s3_million_reads) / 1e6,
        "R2": stored / _GB * prices.r2_gb + missed * prices.r2_million_reads / 1e6,
        "one machine with nginx": prices.machine_month,
    }


def writing(objects: float, prices: Prices) -> dict[str, float]:
    """Return what it costs to write a season once, in dollars, by place."""
    millions = (objects + sum(SEASON.values()) * _WRITES_OF_A_RUN) / 1e6
    return {
        "S3 and CloudFront": millions * prices.s3_million_writes,
        "R2": millions * prices.r2_million_writes,
        "one machine with nginx": 0.0,
    }


def tables(measured: Mapping[str, Sizes], like: Mapping[str, str], replays: float, prices: Prices) -> str:
    """Return everything as Markdown."""
    sizes = complete(measured, like)
    stored, objects = season_of(sizes)
    rows = [
        [
            code if code in measured else f"{code} (like {like[code]})",
            str(number),
            f"{sizes[code].stored / 1e6:.1f}",
            f"{sizes[code].objects:.0f}",
            f"{sizes[code].replayed * 1000 / _GB:.1f}",
            f"{sizes[code].requests * 1000:,.0f}",
        ]
        for code, number in SEASON.items()
    ]
    rows.append(["a season", str(sum(SEASON.values())), f"{stored / 1e6:,.0f}", f"{objects:,.0f}", "", ""])
    head = ["session", "in a season", "MB kept", "objects", "GB sent by 1,000 replays", "requests of 1,000 replays"]
    costs = [
        [place, f"{writing(objects, prices)[place]:.2f}", *(f"{month:.2f}" for month in months)]
        for place, *months in zip(
            writing(objects, prices),
            *(monthly(stored, sizes["R"], number, prices).values() for number in (0, 1000, replays)),
            strict=True,
        )
    ]
    columns = ["$", "to write a season", "a month, nobody looks", "1,000 races replayed", f"{replays:,.0f} replayed"]
    return f"{_markdown(head, rows)}\n\n{_markdown(columns, costs)}\n"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark:
        raise argparse.ArgumentTypeError(f"{text} is no NAME=VALUE")
    return name, value


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    known = ", ".join(f"{part.name}={part.default}" for part in fields(Prices))
    parser = argparse.ArgumentParser(description="What a season takes and what it costs to serve.")
    parser.add_argument("site", help="a destination: file:///folder or s3://bucket/prefix")
    parser.add_argument("--replays", type=float, default=10_000, help="of a race in a month (%(default)s)")
    parser.add_argument(
        "--like", type=_pair, action="append", default=[], metavar="CODE=CODE", help="what stands for it"
    )
    parser.add_argument("--price", type=_pair, action="append", default=[], metavar="NAME=VALUE", help=known)
    chosen = parser.parse_args(arguments)
    given = {name: float(value) for name, value in chosen.price}
    if strange := sorted(set(given) - {part.name for part in fields(Prices)}):
        parser.error(f"there is no price {', '.join(strange)}; there are {known}")
    measured = measure(open_store(chosen.site))
    sys.stdout.write(tables(measured, dict(chosen.like), chosen.replays, replace(Prices(), **given)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
