"""The flow of one session: load, transform, encode, publish, and what is said of it meanwhile.

Promises: it ends in a clear state with a status document that says the same, whatever happens; nothing is published
from a load that failed. May import ``health``, ``engine``, ``upstream`` and ``publish``.

- ``steps``: the work, with two thin shells around it: ``flow``, which is Prefect's ``publish-session``, and ``direct``,
  for a command line on its own. ``run``: what is meant, whether there is anything to do, how it ends.
- ``fingerprint``: the code a result depends on. ``refetch``: downloaded anew, beside the cache. ``waiting``: data that
  is not out yet. ``site``: the destination before and after a run. ``cdn``: the CDN is told. ``memory``: given back.
- ``lease``: one run at a time is at work on a session. ``standings``: held against the results service's.
- ``status``, ``announce``, ``endings``, ``reports``: the status document, events, Prefect's hooks, what a run returns.
"""
