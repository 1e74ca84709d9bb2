"""The flows over many sessions of a season, and what an operator does to a whole destination.

Promises: one bad session stops none of the others, and repeating a flow costs nothing where all is done.
May import ``session`` and what comes after it.

- ``backfill``, ``backfill_report``, ``fan_out``, ``estimate``: many sessions at once, shown, and how long they take.
  ``one_by_one``: the same in one process, also without Prefect.
- ``plan`` (pure), ``plan_season``: which runs there should be. ``ahead``: what it would do.
  ``refresh_results``: official results that changed late.
- ``indexing``, ``operations``: the index written anew; verify, prune, housekeeping and rebuild-index as
  flows.
"""
