"""The pages: plain HTML, CSS and JavaScript modules without a build step.

- ``files``: the pages and what they load, in a folder named by its hash, to be published by ``publish.publication``.
- ``prune``: removal of versions no page has linked for long.
- ``types.d.ts``: the published documents as the modules read them, for the type checker of the tests alone.
"""
