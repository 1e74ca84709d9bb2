"""The upstream: FastF1, its cache, the services it asks, and the archive of what they answered.

Promises: FastF1 is known nowhere else (the sample season apart, which is made in its formats); what it swallows ends as
one of the project's own errors; what it returns is a :class:`~transforms.recording.Recording`. May import ``publish``'s
stores and calendar types; knows no Prefect but for the call limits that all workers share.

- ``client``: FastF1's cache, requests and failures. ``load``, ``tables``: a session as a recording.
- ``calendar``, ``selection``: the schedule, and which sessions of it somebody means.
- ``outcomes``, ``limits``, ``slots``, ``account``: what became of requests, how many there may be, signing in.
- ``topics``, ``services``, ``http_cache``, ``inputs``: what a session is made of, read from the cache.
- ``archive``, ``archive_format``: raw data kept, to compute again without the upstream.
"""
