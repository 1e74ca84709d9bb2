"""How long a backfill takes at least, by its requests and by its computing."""

from datetime import timedelta

from flows.season.estimate import estimate


def test_estimate_bound_by_requests() -> None:
    season = ["R", "Q", "FP1", "FP2", "FP3"] * 24
    found = estimate(season, workers=4)
    assert found.requests == 1800
    assert found.duration == timedelta(hours=(1800 - 30) / 420)
    assert found.text == (
        "About 4 h 13 min: 120 sessions, 1,800 requests at 420 an hour; computing takes 9 min with 4 workers."
    )


def test_estimate_bound_by_computing() -> None:
    assert estimate((), ["R"] * 24, workers=2).text == (
        "About 7 min: 24 sessions; computing takes 7 min with 2 workers."
    )
    # One session is not made faster by more workers.
    assert estimate(["R"], workers=8).duration == timedelta(seconds=33)
    assert estimate((), workers=1).duration == timedelta(0)
