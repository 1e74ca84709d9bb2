"""From values to bytes on local disk.

Promises: the same values give the same bytes; every object is hashed while it is written; nothing here knows a store.
May import ``transforms`` and nothing of ``publish`` but ``structs``, ``keys``, ``licence`` and ``headers``.

- ``session``: the one entry point: a computed session in, the files of a revision out. ``objects``: what it returns.
- ``samples``, ``chunks``, ``rows``, ``documents``, ``parquet``: one module a format. ``channels``, ``runs``: how
  channels are stored.
- ``manifest``: what a revision consists of and its name. ``files``: deterministic JSON and gzip, hashed.
- ``content``: the hash of what is in a stored object.
- ``joined``: tables of several sessions in one file. ``csv``: a table for spreadsheets. ``catalog``: all of them for
  DuckDB, which is the only thing here that may be missing. ``dataset``: all of them for tools that read a description.
"""
