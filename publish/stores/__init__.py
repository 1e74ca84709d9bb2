"""Where bytes go: a folder or an S3 bucket behind one small interface.

Promises: an object is visible whole or not at all, a conditional write never loses another writer's update, and every
upload is proved by its hash. Knows no encoding; imports ``structs``, ``headers`` and ``keys`` alone.

- ``base``: the interface. ``folder``, ``s3`` (with ``s3_errors``, ``s3_proof``): the backends. ``choose``: by URI.
- ``shared_documents``: JSON documents that several publishers change. ``parallel``: many requests at once.
"""
