"""A fingerprint of the code that turns a session's inputs into a publication.

A session whose inputs and code are those of its current publication needs no computation and no upload.
"""

import hashlib
from functools import cache
from pathlib import Path

from flows.upstream.inputs import add_content


@cache
def code_fingerprint() -> str:
    """Return the sha256 over everything that decides what a recording becomes.

    The sources of the rooms ``transforms`` and ``publish``, the door to FastF1, and FastF1's version.
    """
    import fastf1

    import flows.upstream.load
    import flows.upstream.tables
    import publish
    import transforms

    digest = hashlib.sha256()
    for package in (transforms, publish):
        folder = Path(next(iter(package.__path__)))
        for source in sorted(folder.glob("**/*.py")):
            add_content(digest, f"{package.__name__}/{source.relative_to(folder).as_posix()}", source.read_bytes())
    for module in (flows.upstream.load, flows.upstream.tables):
        add_content(digest, module.__name__, Path(str(module.__file__)).read_bytes())
    add_content(digest, "fastf1", fastf1.__version__.encode())
    return digest.hexdigest()
