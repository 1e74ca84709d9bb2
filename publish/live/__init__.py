"""Documents that change by the minute and are never cached, and telling the CDN what has changed.

Promises: a document says when it was written and how long it holds; concurrent writers lose nobody's entry.
May import ``season``, ``revisions`` and ``stores``.

- ``status``: progress of the run that makes a session. ``runs``: which runs work, ended and come. ``health``: is the
  system well. ``metrics``: figures for Prometheus. ``plan``: which runs would be made next.
  ``invalidation``: CloudFront is told.
"""
