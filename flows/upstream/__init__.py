"""The upstream: FastF1, its cache, the services it asks, and the archive of what they answered.

Promises: FastF1 is imported by ``client``, ``patches`` and ``load`` alone; what it swallows ends as one of our own
errors; what it returns is a :class:`~transforms.recording.Recording`. May import ``publish``'s stores and calendar
types; knows no Prefect but for the call limits that all workers share (``limits``, ``slots``).

- ``client``: FastF1 on one cache, its requests and failures. ``patches``: its insides. ``load``, ``tables``: a session
  as a recording. ``feeds``, ``telemetry``: its telemetry, decoded as FastF1 does it.
- ``calendar``, ``selection``: the schedule, and which sessions of it somebody means.
- ``outcomes``, ``limits``, ``slots``, ``account``: what became of requests, how many there may be, signing in.
- ``proofs``: whether what FastF1 has parsed is still what it wrote.
- ``topics``, ``services``, ``http_cache``, ``inputs``: what a session is made of, read from the cache.
- ``results``: official results, which come late and change.
- ``live_messages``, ``live_heard``, ``live_states``, ``live_recording``: recordings of the live feed, as streams.
- ``archive``, ``archive_format``: raw data kept, to compute again without the upstream.
"""
