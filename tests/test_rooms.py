"""The rooms and the way imports go between them (see the ``__init__`` of ``flows`` and ``publish``)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: A room imports only rooms that come after it.
ORDER = (
    "flows.cli",
    "flows.watch",
    "flows.season",
    "flows.session",
    "flows.health",
    "flows.engine",
    "flows.sample",
    "flows.upstream",
    "flows.destination",
    "flows.spool",
    "flows.session_ref",
    "flows.session_times",
    "flows.settings",
    "publish.server",
    "publish.site",
    "publish.readers",
    "publish.publication",
    "publish.contract",
    "publish.live",
    "publish.season",
    "publish.revisions",
    "publish.encode",
    "publish.stores",
    "publish.licence",
    "publish.structs",
    "publish.headers",
    "publish.versions",
    "publish.memory",
    "publish.keys",
    "transforms",
)


def _name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name_of(path): path for top in ("flows", "publish", "transforms") for path in (ROOT / top).rglob("*.py")}


def _room_of(module: str) -> str:
    return "transforms" if module.startswith("transforms") else ".".join(module.split(".")[:2])


def _imported(module: str) -> Iterator[str]:
    """Every module that ``module`` imports, inside its functions too."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


def test_every_module_is_in_a_room():
    rooms = {_room_of(module) for module in MODULES} - {"flows", "publish"}
    assert rooms == set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_imports_go_one_way(room):
    earlier = set(ORDER[: ORDER.index(room)])
    wrong = {
        f"{module} imports {imported}"
        for module in MODULES
        if _room_of(module) == room
        for imported in _imported(module)
        if _room_of(imported) in earlier
    }
    assert not wrong


#: Who may import what only one room is to know: a module or the room it is in.
DOORS = {
    "fastf1": {"flows.upstream.client", "flows.upstream.load", "flows.upstream.patches"},
    "prefect": {
        "flows.cli",
        "flows.watch",
        "flows.season",
        "flows.session",
        "flows.health",
        "flows.engine",
        "flows.upstream.limits",
        "flows.upstream.slots",
    },
}


@pytest.mark.parametrize("package", DOORS)
def test_others_know_nothing_of_it(package):
    importing = {module for module in MODULES if any(name.partition(".")[0] == package for name in _imported(module))}
    assert {module for module in importing if not {module, _room_of(module)} & DOORS[package]} == set()


def test_who_is_let_through_a_door_uses_it():
    for package, allowed in DOORS.items():
        used = {
            place
            for module in MODULES
            for place in (module, _room_of(module))
            if any(name.partition(".")[0] == package for name in _imported(module))
        }
        assert allowed <= used
