"""The sample season: a made-up Formula 1 season in the upstream's own formats, and the truth behind it."""

from flows.sample.cache import write_sample_season
from flows.sample.meetings import MEETINGS, SAMPLE_NOW_UTC, SAMPLE_YEAR
from flows.sample.truth import STATES, TYRES, Truth, sample_truth

__all__ = [
    "MEETINGS",
    "SAMPLE_NOW_UTC",
    "SAMPLE_YEAR",
    "STATES",
    "TYRES",
    "Truth",
    "sample_truth",
    "write_sample_season",
]
