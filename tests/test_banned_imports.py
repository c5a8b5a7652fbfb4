"""What the code must never do: run data as code, or run a backtracking matcher over a client's text."""

from __future__ import annotations

import ast
from typing import Final

import pytest

from tests.source import Module, imports, modules

UNSAFE_MODULES: Final = {"cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "pickle", "shelve"}
UNSAFE_CALLS: Final = {"__import__", "compile", "eval", "exec"}
UNSAFE_ATTRIBUTES: Final = {("torch", "load"), ("torch", "save"), ("yaml", "load"), ("os", "system")}
UNSAFE_METHODS: Final = {"recv_pyobj", "send_pyobj"}
UNSAFE_KEYWORDS: Final = {"allow_pickle", "trust_remote_code", "weights_only"}

PATTERN_MODULES: Final = {"re", "regex"}
TEXT_PACKAGES: Final = {"protocol", "runtime", "server", "tokenizer"}
"""Packages that read text from a request or a model; a pattern can take exponential time there."""


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_nothing_turns_data_into_code(module: Module) -> None:
    assert not UNSAFE_MODULES & {name.split(".")[0] for name in imports(module)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            keywords = {
                keyword.arg
                for keyword in node.keywords
                if not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
            }
            assert not keywords & UNSAFE_KEYWORDS, f"line {node.lineno}"
            assert "shell" not in keywords, f"line {node.lineno}: no shell"
            if isinstance(node.func, ast.Name):
                assert node.func.id not in UNSAFE_CALLS, f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in UNSAFE_METHODS, f"line {node.lineno}"
            if isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in UNSAFE_ATTRIBUTES, f"line {node.lineno}"


@pytest.mark.parametrize(
    "module",
    [module for module in modules() if module.name.partition(".")[2].split(".")[0] in TEXT_PACKAGES],
    ids=lambda module: module.name,
)
def test_no_patterns_over_text_from_outside(module: Module) -> None:
    assert not PATTERN_MODULES & {name.split(".")[0] for name in imports(module)}
