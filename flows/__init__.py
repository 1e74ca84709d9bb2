"""What runs, when and in what order: the only room that knows Prefect, and the door to FastF1.

It wires and decides; what is computed is in ``transforms``, every byte that leaves is ``publish``'s. Its own rooms,
each of which imports only those after it:

- ``cli``: what a person types.
- ``watch``: the flow that looks after everything.
- ``season``: flows over many sessions.
- ``session``: the flow of one session.
- ``health``: whether the system is well, as checks on plain facts.
- ``engine``: Prefect itself.
- ``sample``: the built-in season, made up in the upstream's own formats.
- ``upstream``: FastF1, and nothing else knows it.
- ``session_ref``, ``destination``, ``session_times``, ``spool``, ``settings``: what all of them need.
"""
