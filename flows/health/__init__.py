"""Whether the system is well: a check is a function of plain facts that returns a state and a sentence.

Promises: a check never raises for what it looks at, and its message says what to do. May import ``engine``,
``upstream`` and ``publish``; a new check goes beside its kind and into ``gather``.

- ``gather``: all of them, with what they look at. ``engine``: facts read from Prefect's API. ``runs``: checks on those.
- ``sessions``: checks on published documents. ``machine``: disk and account. ``probe``: a server asked without Prefect.
- ``metrics``: the figures written beside the health.
"""
