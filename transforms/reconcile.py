"""Who really took part: driver list, timing, telemetry and results brought together."""

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from transforms import columns
from transforms.recording import Driver, Recording


@dataclass(frozen=True)
class Reconciled:
    """A recording with one entry per real car, and what had to be done to get there (check, car, cause)."""

    recording: Recording
    notes: tuple[tuple[str, str, str], ...]


def _present(recording: Recording) -> set[str]:
    """Cars with laps or telemetry: they were really there."""
    return {*recording.laps["car"].to_pylist(), *recording.cars, *recording.positions} - {None}


def reconcile(recording: Recording) -> Reconciled:
    """Merge a driver listed under two numbers into the one that drove, and list cars that only the data knows.

    The results service files some champions under their permanent number while they race with 1; such an entry has no
    data of its own and the code of a car that has. Its official result belongs to that car.
    """
    present = _present(recording)
    by_code: dict[str, list[Driver]] = {}
    for driver in recording.drivers:
        by_code.setdefault(driver.code, []).append(driver)
    phantoms: dict[str, str] = {}
    notes: list[tuple[str, str, str]] = []
    for code, entries in by_code.items():
        real = [d.number for d in entries if d.number in present]
        if len(entries) > 1 and len(real) == 1:
            for driver in entries:
                if driver.number not in present:
                    phantoms[driver.number] = real[0]
                    notes.append(("phantom_driver", driver.number, f"same code as car {real[0]} ({code}), no data"))
    drivers = tuple(d for d in recording.drivers if d.number not in phantoms)
    results = _merge_results(recording.results, phantoms)
    listed = {d.number for d in drivers}
    for number in sorted(present - listed):
        drivers += (Driver(number, number, "", "", "", None),)
        notes.append(("missing_driver", number, "has data but is not in the driver list"))
    for driver in drivers:
        if driver.number not in present:
            notes.append(("driver_without_data", driver.number, "listed, but neither timing nor telemetry has it"))
    return Reconciled(replace(recording, drivers=drivers, results=results), tuple(notes))


def _merge_results(results: pa.Table, phantoms: dict[str, str]) -> pa.Table:
    if not phantoms:
        return results
    rows = {row["car"]: row for row in results.to_pylist()}
    for phantom, real in phantoms.items():
        official = rows.pop(phantom, None)
        if official is None:
            continue
        own = rows.get(real)
        keep = ("car", "driver", "team")
        rows[real] = {
            name: value if own is None or name not in keep else own[name] for name, value in official.items()
        } | {"car": real}
        if own is not None:
            for name, value in own.items():
                if rows[real][name] is None:
                    rows[real][name] = value
    _fill_the_free_place(list(rows.values()), set(phantoms.values()))
    ordered = sorted(rows.values(), key=lambda row: (row["position"] is None, row["position"] or 0))
    return columns.RESULTS.of_rows(ordered)


def _fill_the_free_place(rows: list[dict[str, Any]], merged: set[str]) -> None:
    """Give a merged car the only place nobody has: FastF1 blanks that of a number the driver list lacks."""
    without = [row for row in rows if row["position"] is None]
    free = set(range(1, len(rows) + 1)) - {row["position"] for row in rows}
    if len(without) == 1 and len(free) == 1 and without[0]["car"] in merged:
        without[0]["position"] = free.pop()
