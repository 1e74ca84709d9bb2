"""The upstream: FastF1, its cache, the services it asks, and the archive of what they answered.

Promises: FastF1 is imported by ``client``, ``patches`` and ``load`` alone; what it swallows ends as one of our own
errors; what it returns is a :class:`~transforms.recording.Recording`. May import ``publish``'s stores and calendar
types; knows no Prefect but for the call limits that all workers share (``limits``, ``slots``).

- ``client``: FastF1 on one cache, its requests and failures. ``patches``: its insides. ``load``, ``tables``: a session
  as a recording. ``feeds``, ``telemetry``: its telemetry, decoded as FastF1 does it.
- ``timing_stream``, ``lap_counts``, ``mini_sectors``: what FastF1 does not hand on of its timing.
- ``calendar``, ``selection``: the schedule, and which sessions of it somebody means.
- ``answers``, ``outcomes``, ``absence``: what answers mean, what became of a load, when absence is believed.
- ``limits``, ``turns``: how many requests there may be and whose turn it is, by what all workers share (``slots``) or
  what a process has called by itself (``own_turns``). ``account``: signing in.
- ``proofs``: whether what FastF1 has parsed is still what it wrote.
- ``topics``, ``services``, ``http_cache``, ``inputs``: what a session is made of, read from the cache.
- ``results``: official results, which come late and change. ``standings``: official standings, beside those computed.
- ``live_messages``, ``live_heard``, ``live_states``, ``live_recording``: recordings of the live feed, as streams.
- ``archive``, ``archive_keep``, ``archive_index``, ``archive_format``: raw responses kept, to compute from them alone.
- ``fetch``, ``raw_streams``: filling it where the data can be had, without parsing.
"""
