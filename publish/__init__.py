"""Every byte that leaves: names, encodings, stores, manifests and the order of publication.

Imports ``transforms`` and nothing of ``flows``. Its own rooms, each of which imports only those after it:

- ``server``: a destination served on loopback. ``site``: the pages.
- ``readers``: files that read what is published; each stands alone and is published itself.
- ``publication``: the order in which a revision becomes current.
- ``contract``: what is promised, and whether it is kept: schemas, dictionary, verify.
- ``live``: documents that change by the minute: status, runs, health; and telling the CDN.
- ``season``: the season index and what hangs on round numbers.
- ``revisions``: which revision is current, its copies, gate, differences, prune.
- ``encode``: values to bytes on local disk. Knows no store.
- ``stores``: where bytes go. Knows no encoding.
- ``licence``: where values come from and on which terms.
- ``structs``: what published JSON documents are made of, and their way to bytes and back.
- ``headers``, ``keys``: the headers and names of everything published.
"""
