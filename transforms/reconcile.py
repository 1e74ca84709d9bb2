"""Who really took part: driver list, timing, telemetry and results brought together."""

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from transforms import columns
from transforms.notes import Note
from transforms.recording import Driver, Recording


@dataclass(frozen=True)
class Reconciled:
    """A recording with one entry per real car, by racing number, and what had to be done to get there."""

    recording: Recording
    notes: tuple[Note, ...]


def _present(recording: Recording) -> set[str]:
    """Cars with laps or telemetry: they were really there."""
    return {*recording.laps["car"].to_pylist(), *recording.cars, *recording.positions} - {None}


def reconcile(recording: Recording) -> Reconciled:
    """Merge a driver listed under two numbers into the one that drove, and list cars that only the data knows.

    The results service files some champions under their permanent number while they race with 1; such an entry has no
    data of its own and the code of a car that has. Its official result belongs to that car.

    Drivers are in the order of their racing numbers, which tells no result. Their codes are keys wherever cars have
    names: of two cars with one code each has code and number.
    """
    present = _present(recording)
    notes: list[Note] = []
    phantoms = _phantoms(recording.drivers, present, notes)
    drivers = {d.number: d for d in reversed(recording.drivers) if d.number not in phantoms}
    results = _merge_results(recording.results, phantoms)
    for number in sorted(present - set(drivers), key=_by_number):
        drivers[number] = Driver(number, number, "", "", "", None)
        notes.append(Note("missing_driver", number, "has data but is not in the driver list"))
    for number in sorted(set(drivers) - present, key=_by_number):
        notes.append(Note("driver_without_data", number, "listed, but neither timing nor telemetry has it"))
    codes = _unique_codes(drivers, notes)
    recording = replace(
        recording,
        drivers=tuple(replace(drivers[n], code=codes.get(n, drivers[n].code)) for n in sorted(drivers, key=_by_number)),
        results=_with_codes(results, codes),
        laps=_with_codes(recording.laps, codes),
    )
    return Reconciled(recording, tuple(notes))


def _phantoms(drivers: tuple[Driver, ...], present: set[str], notes: list[Note]) -> dict[str, str]:
    """Numbers that have no data but the code and name of a car with data, and that car's number."""
    by_code: dict[str, list[Driver]] = {}
    for driver in drivers:
        by_code.setdefault(driver.code, []).append(driver)
    phantoms: dict[str, str] = {}
    for code, entries in by_code.items():
        for driver in (d for d in entries if d.number not in present):
            real = [d.number for d in entries if d.number in present and _may_be_one(d, driver)]
            if len(real) == 1:
                phantoms[driver.number] = real[0]
                notes.append(Note("phantom_driver", driver.number, f"same code as car {real[0]} ({code}), no data"))
    return phantoms


def _may_be_one(first: Driver, second: Driver) -> bool:
    """Whether two drivers with one code may be one person: sources that know a name know the last one."""
    return not (first.last_name and second.last_name) or first.last_name.casefold() == second.last_name.casefold()


def _by_number(number: str) -> tuple[bool, int, str]:
    """Key that sorts racing numbers as numbers; what is none comes last."""
    return not number.isdecimal(), int(number) if number.isdecimal() else 0, number


def _unique_codes(drivers: dict[str, Driver], notes: list[Note]) -> dict[str, str]:
    """Codes of the cars that share theirs with another one, made unique: code and number."""
    by_code: dict[str, list[str]] = {}
    for number in sorted(drivers, key=_by_number):
        by_code.setdefault(drivers[number].code, []).append(number)
    codes = {}
    for code, numbers in by_code.items():
        if len(numbers) > 1:
            for number in numbers:
                codes[number] = f"{code}{number}"
                others = ", ".join(other for other in numbers if other != number)
                cause = f"its code {code} is also that of car {others}; called {codes[number]} here"
                notes.append(Note("code_twice", number, cause))
    return codes


def _with_codes(table: pa.Table, codes: dict[str, str]) -> pa.Table:
    """Return ``table`` with the codes of these cars in the column ``driver``."""
    if not codes:
        return table
    rows = zip(table["car"].to_pylist(), table["driver"].to_pylist(), strict=True)
    index = table.schema.get_field_index("driver")
    return table.set_column(index, table.schema.field(index), pa.array([codes.get(c, d) for c, d in rows], pa.string()))


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
    return columns.RECORDED_RESULTS.of_rows(ordered)


def _fill_the_free_place(rows: list[dict[str, Any]], merged: set[str]) -> None:
    """Give a merged car the only place nobody has: FastF1 blanks that of a number the driver list lacks."""
    without = [row for row in rows if row["position"] is None]
    free = set(range(1, len(rows) + 1)) - {row["position"] for row in rows}
    if len(without) == 1 and len(free) == 1 and without[0]["car"] in merged:
        place = without[0]["position"] = free.pop()
        without[0]["classified"] = without[0]["classified"] or str(place)
