"""A small YAML file as a table, and back. PyYAML is imported when a file is read or written: most starts do neither."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sgl.config.file_error import SyntaxProblem
from sgl.errors import UsageError, echo

from ..files import read_small_text
from ..text.oneline import one_line

MOST_BYTES: Final = 256 << 10
"""PyYAML takes seconds for a megabyte; a long system prompt has some thousand bytes."""

_OTHER_LINE_ENDS: Final = frozenset("\r\x85\u2028\u2029")
"""YAML gives them back as newlines, where they are not escaped in quotes."""


def read_document(path: Path) -> dict[str, Any]:
    """The file's table; empty for a file without content.

    Raises:
        UsageError: It cannot be read, is not YAML, has a key twice, uses aliases, or is no table.
    """
    text = read_small_text(path, most_bytes=MOST_BYTES)
    shown = one_line(str(path))
    from sgl.config.file_yaml import parse_yaml

    try:
        _refuse_aliases(text)
        table = parse_yaml(text)
    except SyntaxProblem as problem:
        place = shown if problem.line is None else f"{shown}, line {problem.line}"
        raise UsageError(f"{place}: {problem.message}", hint=problem.hint) from problem
    except RecursionError as error:
        raise UsageError(f"{shown} is nested too deeply") from error
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise UsageError(f"{shown} has to be a table of keys and values, such as theme: nord")
    for key in table:
        if not isinstance(key, str):
            raise UsageError(f"{shown}: the key {echo(key)} is not a name", hint="put it in quotes")
    return table


def document_text(table: Mapping[str, object], comment: str) -> str:
    """A table as YAML under a comment line; several lines of text stay several lines."""
    import yaml

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types.
        def ignore_aliases(self, data: object) -> bool:
            return True  # Equal values are written twice: what is read back refuses aliases.

    def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        style = '"' if _OTHER_LINE_ENDS.intersection(text) else "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent_text)
    body = yaml.dump(plain(table), Dumper=Dumper, allow_unicode=True, sort_keys=False) if table else ""
    return f"# {comment}\n{body}"


def plain(value: object) -> object:
    """The value with nothing in it but what YAML and JSON know."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _refuse_aliases(text: str) -> None:
    """A few lines of aliases stand for gigabytes, and settings need none."""
    if "*" not in text:
        return
    import yaml

    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1
                raise SyntaxProblem("aliases are not read", line, hint=f"write what &{event.anchor} stands for")
    except (yaml.YAMLError, ValueError):
        return  # `parse_yaml` says what is wrong.
