"""What is promised to readers, and whether it is kept.

Promises: every published document has a schema and every column an entry, made from the declarations the encoders use;
``verify`` proves a whole destination against them. May import every room of ``publish`` below ``publication``.

- ``schemas``, ``dictionary``: what is published about the documents and columns. ``schema_check``: a fast validator.
- ``contents``: whether one object is what its kind says. ``verify``: whether a destination holds what it links.
"""
