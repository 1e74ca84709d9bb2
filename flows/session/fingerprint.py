"""A fingerprint of the code that turns a session's inputs into a publication.

A session whose inputs and code are those of its current publication needs no computation and no upload. Which code that
is nobody lists: it is found by following the imports, in the text, from the three functions that do the work. What only
carries bytes on (stores, the order of publication, pages) or only says how FastF1 asks (client, limits, account) is
imported by none of them and changes no fingerprint.
"""

import ast
import hashlib
import io
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from flows.upstream.inputs import add_content

#: The modules of ``load_recording``, ``transform_session`` and ``encode_session``.
ENTRY_POINTS = ("flows.upstream.load", "transforms.session", "publish.encode.session")
_OURS = ("flows", "publish", "transforms")
#: The folder that these packages lie in.
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Dependencies:
    """What a result depends on: sources by the names of our modules, and the packages of others that they import."""

    sources: dict[str, Path]
    packages: frozenset[str]


@cache
def code_fingerprint() -> str:
    """Return the sha256 over everything that decides what a recording becomes.

    That are the sources found by :func:`find_dependencies` without comments, docstrings and blank lines, and the
    versions of the packages they import, of which one compresses.
    """
    return fingerprint_of(find_dependencies())


def fingerprint_of(found: Dependencies) -> str:
    """Return the sha256 over these sources and the installed versions of these packages; imports none of them."""
    digest = hashlib.sha256()
    for name, path in sorted(found.sources.items()):
        add_content(digest, name, code_of(path.read_text()).encode())
    for package in sorted(found.packages):
        add_content(digest, package, version(package).encode())
    return digest.hexdigest()


def find_dependencies(root: Path = _ROOT, entry_points: Sequence[str] = ENTRY_POINTS) -> Dependencies:
    """Return all that modules below ``root`` import, directly and through others, inside their functions too.

    The packages that a module lies in count, for Python runs them first; what only a type checker imports does not.
    """
    sources: dict[str, Path] = {}
    packages: set[str] = set()
    pending = list(entry_points)
    while pending:
        name = pending.pop()
        top = name.partition(".")[0]
        if top not in _OURS:
            if top not in sys.stdlib_module_names:
                packages.add(top)
            continue
        path = _source_of(root, name)
        if path is not None and name not in sources:
            sources[name] = path
            pending += [*_packages_of(name), *_imported(ast.parse(path.read_text()))]
    return Dependencies(sources, frozenset(packages))


def _source_of(root: Path, name: str) -> Path | None:
    """Return the file of a module or package; None for what is a name inside of one."""
    base = root.joinpath(*name.split("."))
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


def _packages_of(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the names of what is imported at run time: modules, and what is taken from them, which may be modules."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            pending += node.orelse
        elif not isinstance(node, ast.expr):
            pending += ast.iter_child_nodes(node)


def code_of(source: str) -> str:
    """Return Python source without comments, blank lines and texts that stand alone, which docstrings are.

    By its tokens, not its syntax tree: what the tree of one source looks like depends on the version of Python, and
    workers may have several.
    """
    lines = source.split("\n")
    inside_text: set[int] = set()
    alone, begins_statement = range(0), True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        rows = range(token.start[0] - 1, token.end[0])
        if token.type == tokenize.COMMENT:
            lines[rows[0]] = lines[rows[0]][: token.start[1]]
        elif token.type == tokenize.NEWLINE:
            for row in alone:
                lines[row] = ""
            inside_text.difference_update(alone)
            alone, begins_statement = range(0), True
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            inside_text.update(rows[:-1])
            alone = rows if token.type == tokenize.STRING and begins_statement else range(0)
            begins_statement = False
    return "\n".join(
        line if row in inside_text else line.rstrip()
        for row, line in enumerate(lines)
        if row in inside_text or line.strip()
    )
