"""Who may import whom: the house has floors, and imports go down only (docs/structure.md)."""

from __future__ import annotations

import ast
from typing import Final

import pytest

from tests.source import Module, imports, modules

FLOORS: Final = (
    {"_version", "errors"},
    {"cgroup", "columns", "env", "log", "registry", "terminal"},
    {"builtin", "device", "exits", "gpu"},
    {"config", "protocol"},
    {"plan"},
    {"hub", "ipc"},
    {"tokenizer"},
    {"kernels"},
    {"sampling", "weights"},
    {"kvcache"},
    {"batch"},
    {"attention", "spec"},
    {"layers"},
    {"models"},
    {"loader"},
    {"engine"},
    {"scheduler", "selftest"},
    {"runs", "runtime"},
    {"server"},
    {"preview"},
    {"doctor", "launcher"},
)
"""Packages and single files of ``sgl``, from the ground up."""

FLOOR_OF: Final = {name: floor for floor, names in enumerate(FLOORS) for name in names}
ENGINE: Final = [module for module in modules() if module.name.startswith("sgl.")]


def room(name: str) -> str:
    """``sgl.config.flags`` -> ``config``."""
    return name.split(".")[1]


def test_every_package_has_a_floor() -> None:
    assert {room(module.name) for module in ENGINE} <= FLOOR_OF.keys()


@pytest.mark.parametrize("module", ENGINE, ids=lambda module: module.name)
def test_imports_go_down_or_stay_in_the_package(module: Module) -> None:
    own = room(module.name)
    for name in imports(module):
        if name.startswith("sgl."):
            other = room(name)
            assert other == own or FLOOR_OF[other] < FLOOR_OF[own], f"{module.name} imports {name}"
        assert name != "sgl", f"{module.name} imports the public names of sgl; name the module that defines them"


@pytest.mark.parametrize("module", ENGINE, ids=lambda module: module.name)
def test_the_engine_never_names_the_command_line(module: Module) -> None:
    assert not [name for name in imports(module) if name.split(".")[0] in ("commands", "sgl_cli")]


@pytest.mark.parametrize("module", ENGINE, ids=lambda module: module.name)
def test_import_strings_point_into_their_own_package(module: Module) -> None:
    """A table of ``"module:attribute"`` strings is a door of its own package, not a way around the floors."""
    targets = [
        node.value.partition(":")[0]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("sgl.")
        and node.value.count(":") == 1
        and node.value.replace(":", "").replace(".", "").isidentifier()
    ]
    assert {room(target) for target in targets} <= {room(module.name)}


def test_no_import_cycle_of_any_kind() -> None:
    """Imports in functions and for type checkers count: they hide a knot, they do not untie it."""
    # sgl/__init__ opens the public names when they are asked for: it is the one door from above.
    graph = {module.name: set(imports(module)) for module in modules() if module.name != "sgl"}
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in finished:
            return
        for target in sorted(graph[name] & graph.keys()):
            visit(target, (*path, name))
        finished.add(name)

    for name in graph:
        visit(name, ())


def test_the_command_line_uses_relative_imports_for_itself() -> None:
    for module in modules():
        if module.name.split(".")[0] == "sgl_cli":
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ImportFrom) and not node.level:
                    assert (node.module or "").split(".")[0] not in ("commands", "sgl_cli"), module.name
