"""What is promised to readers, and whether it is kept.

Promises: every published document has a schema, made from the struct that reads and writes it, and every column an
entry; ``verify`` proves a whole destination against them. May import every room of ``publish`` below ``publication``.

- ``schemas``, ``columns``: what documents and tables are made of. ``dictionary``: both, and the pages, as files.
  ``page``: the same for a browser.
- ``kinds``: what is inside the objects of a revision. ``contents``: whether one object is what its kind says.
- ``verify``: whether a destination holds what it links; ``seasons``: that part of it which follows from sessions;
  ``findings``: what was seen. ``heal``: mends what it can of what is found.
"""
