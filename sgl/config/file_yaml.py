"""YAML to a plain table, by the safe loader. Imported when a file is read: most starts read none."""

from __future__ import annotations

from typing import Any

import yaml

from sgl.config.file_error import SyntaxProblem


def parse_yaml(text: str) -> Any:
    """Returns the document, None for an empty one; nothing but plain data comes out of it.

    Raises:
        SyntaxProblem: It is not YAML, it has a key twice, or asks for more than plain data.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _refuse_equal_keys(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise SyntaxProblem(error.problem or error.context or "this is not YAML", line) from error
    except (yaml.YAMLError, ValueError) as error:  # A character that YAML forbids; a date that does not exist.
        raise SyntaxProblem(str(error), None) from error


def _refuse_equal_keys(root: yaml.Node) -> None:
    """The loader would take the last of equal keys. Every node is looked at once, however often it is named."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                waiting.append(value)
                if isinstance(key, yaml.ScalarNode):
                    if key.value in names:
                        raise SyntaxProblem(f"the key {key.value!a} is there twice", key.start_mark.line + 1)
                    names.add(key.value)
