"""The source tree as data, for the tests that hold its structure: modules, their imports, their names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent


class Module(NamedTuple):
    """One Python file of ``sgl`` or ``commands``.

    Attributes:
        name: As it is imported; ``commands`` is called ``sgl_cli``.
        path: The file.
        tree: Its syntax tree.
    """

    name: str
    path: Path
    tree: ast.Module

    @property
    def package(self) -> str:
        """The module's package: itself, when it is an ``__init__``."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


@cache
def modules() -> tuple[Module, ...]:
    """Every module of ``sgl`` and ``sgl_cli``."""
    return tuple(_modules("sgl", ROOT / "sgl")) + tuple(_modules("sgl_cli", ROOT / "commands"))


def _modules(package: str, folder: Path) -> Iterator[Module]:
    for path in sorted(folder.rglob("*.py")):
        parts = [package, *path.relative_to(folder).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield Module(name, path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))


def imports(module: Module) -> Iterator[str]:
    """Absolute names of what a module imports, at any depth: in functions and for type checkers as well.

    ``from a import b`` is ``a.b`` when that is a module of ours, else ``a``.
    """
    known = {other.name for other in modules()}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.package.split(".")[: len(module.package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in known else base
