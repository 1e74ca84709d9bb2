"""A reference reader of sample chunks, as a stranger would write it from ``publish/docs/format.md`` alone."""

import math
from bisect import bisect_right
from itertools import accumulate
from typing import Any

#: A moment and the value there, None where it is not known.
Sample = tuple[float, float | None]


def summed(numbers: list[int | None], times: int) -> list[int | None]:
    """Sum up the numbers so many times; null is no number and stays."""
    known = [number for number in numbers if number is not None]
    for _ in range(times):
        known = list(accumulate(known))
    following = iter(known)
    return [None if number is None else next(following) for number in numbers]


class SampleChunk:
    """One ``samples/<n>.json.gz`` and the manifest's ``samples``."""

    def __init__(self, chunk: dict[str, Any], declared: dict[str, Any]) -> None:
        self.chunk = chunk
        self.channels = declared["channels"]
        self.lap_length_m = declared["lap_length_m"]
        self.stamps = {name: summed(chunk[name], 1) for name in ("car_time", "position_time")}

    def value(self, car: str, name: str, t: float) -> float | str | None:
        """The value of a channel at a moment of the minute, in its unit; None where it is not known."""
        channel, encoded = self.channels.get(name), self.chunk["cars"].get(car, {}).get(name)
        if channel is None or encoded is None:
            return None
        if channel["interpolation"] == "held":
            return self.held(encoded, channel, t)
        if channel["interpolation"] == "cubic":
            return self.cubic(car, t)[name]
        return line(self.samples(car, name), t, channel["max_gap_ms"])

    def samples(self, car: str, name: str) -> list[Sample]:
        """The moments at which this car has a value, or is known to have none."""
        channel, encoded = self.channels[name], self.chunk["cars"].get(car, {}).get(name, [])
        is_own = channel["time"] == "own"
        times, numbers = (summed(encoded[0], 1), encoded[1]) if is_own else (self.stamps[channel["time"]], encoded)
        values = [None if n is None else n * channel["scale"] for n in summed(numbers, channel["differences"])]
        pairs = list(zip(times, values, strict=False))
        return pairs if channel["null"] == "unknown" else [(t, value) for t, value in pairs if value is not None]

    def held(self, runs: list[Any], channel: dict[str, Any], t: float) -> float | str | None:
        if channel["time"] == "own":
            found = [value for begin, value in runs if begin <= t]
            return found[-1] if found else None
        stamps = self.stamps[channel["time"]]
        at = bisect_right(stamps, t) - 1
        if at < 0 or (at == len(stamps) - 1 and stamps[at] < t):
            return None
        for index in range(len(runs) - 1, -1, -1):
            begin, value = runs[index]
            if begin <= at and value is not None:
                last = min(at, runs[index + 1][0] - 1 if index + 1 < len(runs) else at)
                return value if t - stamps[last] <= channel["max_gap_ms"] else None
        return None

    def cubic(self, car: str, t: float) -> dict[str, float | None]:
        """x and y: a cubic between two samples, in the direction driven and at the measured speed at both."""
        unknown: dict[str, float | None] = {"x": None, "y": None}
        xs, ys = self.samples(car, "x"), self.samples(car, "y")
        times = [at for at, _ in xs]
        points = [(x, y) for (_, x), (_, y) in zip(xs, ys, strict=True)]
        stamps = self.stamps["position_time"]
        breaks = {stamps[index] for index in self.chunk["cars"][car].get("breaks", [])}
        i = bisect_right(times, t) - 1
        if i < 0:
            return unknown
        if times[i] == t:
            return dict(zip("xy", points[i], strict=True))
        max_gap_ms = self.channels["x"]["max_gap_ms"]
        if i + 1 == len(times) or times[i + 1] - times[i] > max_gap_ms or times[i + 1] in breaks:
            return unknown
        span = times[i + 1] - times[i]
        s = (t - times[i]) / span
        rise = [b - a for a, b in zip(points[i], points[i + 1], strict=True)]
        slopes = []
        for k in (i, i + 1):
            velocity = self.velocity(car, times, points, breaks, k)
            size = math.hypot(*velocity) * span
            limit = min(1.0, 3.0 * math.hypot(*rise) / size) if size > 0 else 1.0
            slopes.append([v * span * limit for v in velocity])
        x, y = (
            p + s * (a + s * (3 * d - 2 * a - b + s * (a + b - 2 * d)))
            for p, d, a, b in zip(points[i], rise, *slopes, strict=True)
        )
        return {"x": x, "y": y}

    def velocity(
        self, car: str, times: list[float], points: list[Sample], breaks: set[float], k: int
    ) -> tuple[float, float]:
        """Metres a ms at sample k: the direction of the parabola through its neighbours, as fast as was measured."""
        sides = []
        for a, b in ((k - 1, k), (k, k + 1)):
            if a >= 0 and b < len(times) and times[b] not in breaks:
                width = times[b] - times[a]
                sides.append((width, [(q - p) / width for p, q in zip(points[a], points[b], strict=True)]))
        if not sides:
            return 0.0, 0.0
        (width, before), (next_width, after) = sides[0], sides[-1]
        vx, vy = ((p * next_width + q * width) / (width + next_width) for p, q in zip(before, after, strict=True))
        size = math.hypot(vx, vy)
        speed = line(self.samples(car, "speed"), times[k], self.channels["speed"]["max_gap_ms"])
        factor = speed / 3600 / size if speed is not None and size > 0 else 1.0
        return vx * factor, vy * factor

    def lap_distance(self, car: str, t: float) -> float | None:
        """Metres from the line along the present lap."""
        distance, lap, state = (self.value(car, name, t) for name in ("distance", "lap", "state"))
        if distance is None or not lap or state in ("grid", "finished", "out"):
            return None
        along = distance - (lap - 1) * self.lap_length_m
        return min(max(along, 0.0), self.lap_length_m) if lap > 1 else along


def line(samples: list[Sample], t: float, max_gap_ms: int | None) -> float | None:
    """Straight lines between neighbours that are known and no farther apart than ``max_gap_ms``."""
    i = bisect_right(samples, t, key=lambda sample: sample[0]) - 1
    if i < 0:
        return None
    begin, low = samples[i]
    if begin == t:
        return low
    if i + 1 == len(samples):
        return None
    end, high = samples[i + 1]
    if low is None or high is None or (max_gap_ms is not None and end - begin > max_gap_ms):
        return None
    return low + (high - low) * (t - begin) / (end - begin)
