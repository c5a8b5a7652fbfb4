"""No widget of ours has an attribute of Textual's under another meaning: that hangs it, or makes it vanish."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest
from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

import sgl_cli.chat.tui as tui
from sgl_cli.chat.tui.message.text_lines import TextLines


def ours() -> Iterator[type[DOMNode]]:
    """Every widget, screen and app of the package."""
    for found in pkgutil.walk_packages(tui.__path__, f"{tui.__name__}."):
        module = importlib.import_module(found.name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, DOMNode) and kind.__module__ == found.name:
                yield kind


@functools.cache
def assigned(kind: type[DOMNode]) -> set[str]:
    """Names that its own methods give to ``self``."""
    names = set()
    for node in ast.walk(ast.parse(inspect.cleandoc("\n" + inspect.getsource(kind)))):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        flat = [each for target in targets for each in (target.elts if isinstance(target, ast.Tuple) else [target])]
        for target in flat:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
                names.add(target.attr)
    return names


def taken(kind: type[DOMNode]) -> set[str]:
    """Names that Textual uses in the classes below: in the class, and given to ``self``."""
    names: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.startswith("textual."):
            names |= set(vars(base)) | assigned(base)
    return names


def public(kind: type[DOMNode], name: str) -> bool:
    """Whether it is a property that may be set, or a reactive."""
    return not name.startswith("_") and any(hasattr(vars(base).get(name), "__set__") for base in kind.__mro__)


@pytest.mark.parametrize(
    "kind", sorted(set(ours()), key=lambda kind: kind.__qualname__), ids=lambda kind: kind.__name__
)
def test_no_attribute_means_two_things(kind: type[DOMNode]) -> None:
    assert issubclass(kind, Widget | Screen | App)
    both = {name for name in assigned(kind) & taken(kind) if not public(kind, name)}
    assert not both, f"{kind.__qualname__} uses names of Textual's"


def test_what_hung_once_would_be_seen() -> None:
    assert {"_closed", "_size", "_nodes", "_context", "name"} <= taken(TextLines)
