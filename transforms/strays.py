"""Coordinates that cannot be where timing has the car, and progress that cannot be where the coordinates are."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from transforms.notes import Note
from transforms.progress import MAX_OFFSET_M, travelled_m
from transforms.running import Cleaned, Running
from transforms.samples import MIN_STRETCH, CleanCar, CleanPositions, together
from transforms.states import in_pit
from transforms.timing import Span
from transforms.track import Track, project

Floats = NDArray[np.float64]

#: When more than this share of a lap's coordinates is astray, either none of them can be believed or the progress.
_LAP_SHARE = 0.5
#: Most coordinates of a car that drives on the track are this close to its outline, m: half a wide track, and jitter.
_ON_TRACK_M = 30.0
#: Distance by coordinates and by measured speed are alike within these factors.
_ALIKE = (0.5, 1.5)


def stray_samples(
    time_ms: NDArray[np.int64], offset_m: Floats, pit: NDArray[np.bool_], crossings_ms: Floats
) -> NDArray[np.bool_]:
    """Mark samples (n,) farther than :data:`~transforms.progress.MAX_OFFSET_M` from where timing has the car.

    Only between the first and the last of ``crossings_ms`` (m,), where the place along the lap is known well, and
    outside the pit lane and its garages. Of a lap most of whose samples are astray all are marked.
    """
    stray = np.zeros(len(time_ms), np.bool_)
    if len(crossings_ms) < 2:
        return stray
    lap = np.searchsorted(crossings_ms, time_ms, side="right")
    inside = (lap > 0) & (lap < len(crossings_ms)) & ~pit
    stray = inside & (np.abs(offset_m) > MAX_OFFSET_M)
    if stray.any():
        count = np.bincount(lap[inside], minlength=len(crossings_ms) + 1)
        astray = np.bincount(lap[stray], minlength=len(crossings_ms) + 1)
        stray |= inside & (astray[lap] > _LAP_SHARE * count[lap])
    return stray


def without_strays(cleaned: Cleaned, running: Running) -> tuple[Cleaned, Running, tuple[Note, ...]]:
    """Return both without coordinates that are astray; how many they were is among the findings.

    Coordinates that lead along the track as fast as the car drove are right, and what timing makes of the lap is wrong:
    they are kept, where the car was along its lap is not known then, and a note says so.
    """
    if cleaned.track is None:
        return cleaned, running, ()
    positions, offsets, findings = dict(cleaned.positions), dict(running.offsets_m), dict(cleaned.findings)
    doubtful, notes = dict(running.doubtful), []
    for car, feed in cleaned.positions.items():
        offset, crossings = running.offsets_m.get(car), running.anchors[car].time_ms
        if offset is None or len(offset) != len(feed.time_ms):
            continue
        pit = in_pit(cleaned.timing.get(car), feed.time_ms, starts_in_pit=False)
        stray = stray_samples(feed.time_ms, offset, pit, crossings)
        wrong = []
        for span in pairwise(crossings.tolist()):
            within = stray & (feed.time_ms >= span[0]) & (feed.time_ms < span[1])
            if within.sum() < MIN_STRETCH:
                continue
            anywhere = _offsets_anywhere(cleaned.track, feed, within)
            if _leads_along(cleaned.track, anywhere, feed, within, cleaned.cars.get(car)):
                wrong.append(span)
                stray &= ~within
                offset = offset.copy()
                offset[within] = anywhere
        if wrong:
            doubtful[car], offsets[car] = _joined(wrong), offset
            notes += [_note(car, span) for span in doubtful[car]]
        if stray.any():
            positions[car], offsets[car] = feed.keep(~stray), offset[~stray]
            findings[car] = together(findings[car], {"position_off_track": int(stray.sum())})
    cleaned = replace(cleaned, positions=positions, findings=findings)
    return cleaned, replace(running, offsets_m=offsets, doubtful=doubtful), tuple(notes)


def _offsets_anywhere(track: Track, feed: CleanPositions, within: NDArray[np.bool_]) -> Floats:
    """How far the samples of ``within`` lie from the nearest place of the whole outline, metres, left positive."""
    middle = np.full(int(within.sum()), track.length_m / 2)
    return project(track, feed.x_m[within], feed.y_m[within], middle, track.length_m / 2)[1]


def _leads_along(
    track: Track, offset_m: Floats, feed: CleanPositions, within: NDArray[np.bool_], car: CleanCar | None
) -> bool:
    """Whether samples lie beside the outline (``offset_m``) and move as far as the car drove, or at all."""
    path, driven = travelled_m(None, feed), travelled_m(car, None)
    if path is None or np.median(np.abs(offset_m)) > _ON_TRACK_M:
        return False
    span = feed.time_ms[within][[0, -1]]
    moved_m = float(np.diff(np.interp(span, *path))[0])
    if driven is None:
        return moved_m > track.length_m / 2
    driven_m = float(np.diff(np.interp(span, *driven))[0])
    return _ALIKE[0] * driven_m <= moved_m <= _ALIKE[1] * driven_m


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """Spans of time in order, those that follow one another as one."""
    joined: list[Span] = []
    for begin, end in spans:
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return tuple(joined)


def _note(car: str, span: Span) -> Note:
    cause = "coordinates lead along the track, but not where timing has the car: they are kept, its lap distance is not"
    return Note("progress_wrong", car, cause, start_ms=span[0], end_ms=span[1], value=span[1] - span[0], unit="ms")
