"""Readers of what is published, each one file that stands alone and is published itself.

They import nothing of this package: whoever copies one has all of it.

- ``fastf1_frames``: a session as pandas frames with FastF1's own names.
"""

from importlib.resources import files

from publish import keys


def reader_files() -> dict[str, bytes]:
    """Return the readers as files to publish, key to bytes."""
    return {keys.READER_OF_FRAMES: (files("publish") / "readers" / "fastf1_frames.py").read_bytes()}
