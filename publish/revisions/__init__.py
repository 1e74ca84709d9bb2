"""Revisions of a session: which one is current, what came before, and what may go.

Promises: ``latest.json`` never links what is not there, and no writer loses another's entry. May import ``encode``'s
objects and manifest, and ``stores``.

- ``latest``: the history. ``stored``: objects put there, looked for. ``manifests``, ``quality``: what is read of them.
- ``copies``: the current tables and rows under names that stay. ``gate``: what is too bad to become current.
- ``diff``: what changed between two. ``prune``: what nobody needs any more.
"""
