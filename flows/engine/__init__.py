"""Prefect itself: everything that talks to its API below the flows.

Promises: what is registered is registered once, by name, and repeating it changes nothing; a run that crashed is put
back a limited number of times; a server that is away is waited for. May import ``upstream`` (for what sessions are
called) and ``publish``'s documents.

- ``session_runs``: the runs of publish-session, found, made, moved, taken back. ``revival``: crashed runs put back.
- ``automations``, ``automations_rules``, ``notify``: what Prefect does by itself, and whom it tells in which words.
- ``events``, ``progress``, ``listing``: what is said of runs. ``parameters``: forms. ``refusal``: what no form refuses.
- ``environment``: which of several installations on one server this is. ``housekeeping``: old runs go.
- ``server``, ``database``: which there is, and what it keeps its runs in. ``outages``: it does not answer for a while.
"""
