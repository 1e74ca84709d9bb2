"""The season index: every event and session of a year, and what is published of it.

Promises: an index is made from the schedule and every session's ``latest.json``, so writing it again is always safe.
May import ``revisions`` and ``stores``.

- ``document``: what an index says, decided without a store. ``index``: read and written. ``aliases``: what lives under
  year and round follows when a calendar is renumbered. ``finish``: copies and indexes follow ``latest.json``.
  ``files``: the list of a season's table files. ``tables``, ``csv_copies``, ``own_tables``, ``catalog``: what follows
  that list; ``circuits``: outlines to be drawn; and ``rebuild``, all of it; ``facts``: what of an index tables are made
  of. ``standings``: the championships, and what is official of them. ``changes``: the feed of what became current.
  ``static_files``: what comes with the program, and the list of it.
"""
