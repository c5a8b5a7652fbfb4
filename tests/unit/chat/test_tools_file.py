"""Tools and schemas from JSON files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sgl.errors import UsageError
from sgl_cli.chat.outside.tools_file import read_tools
from sgl_cli.chat.session.schema import response_format

WEATHER = {"name": "get_weather", "description": "Now.", "parameters": {"type": "object", "properties": {}}}
TIME = {"name": "time"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tools.json"


def wrapped(function: object) -> dict[str, Any]:
    return {"type": "function", "function": function}


@pytest.mark.parametrize(
    "content",
    [
        [wrapped(WEATHER), wrapped(TIME)],
        [WEATHER, TIME],
        {"tools": [wrapped(WEATHER), TIME]},
        [{"type": "function", **WEATHER}, {"function": TIME}],
    ],
)
def test_every_form_becomes_that_of_a_request(file: Path, content: object) -> None:
    file.write_text(json.dumps(content))
    assert read_tools(file) == (wrapped(WEATHER), wrapped(TIME))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "tools.json is not JSON: "),
        ("[" * 100_000, "is not JSON"),
        ("[NaN]", "is not JSON: NaN is not in JSON"),
        ("{}", "holds no list of tools"),
        ("1", "holds no list of tools"),
        ('{"tools": {}}', "holds no list of tools"),
        ("[]", "the list is empty"),
        ("[1]", "tool 1 has to be an object, got 1"),
        (json.dumps([TIME, {}]), "tool 2 has no name"),
        (json.dumps([TIME, wrapped([])]), "tool 2: function has to be an object"),
        (json.dumps([{"type": "web_search"}]), "tool 1: type has to be 'function', got 'web_search'"),
        (json.dumps([{"type": "x", "function": TIME}]), "tool 1: type has to be 'function', got 'x'"),
        (json.dumps([{"name": "get weather"}]), "tool 1: name has to be 1 to 64 letters"),
        (json.dumps([{"name": "a" * 65}]), "tool 1: name has to be"),
        (json.dumps([{"name": "a\n"}]), "tool 1: name has to be"),
        (json.dumps([{"name": 1}]), "tool 1: name has to be"),
        (json.dumps([TIME, TIME]), "tool 2: the name time is there twice"),
        (json.dumps([{"name": "a", "parameters": []}]), "tool 1, a: parameters has to be an object"),
        (json.dumps([{"name": "a", "description": 1}]), "tool 1, a: description has to be text, got 1"),
    ],
)
def test_errors_name_the_entry(file: Path, content: str, message: str) -> None:
    file.write_text(content)
    with pytest.raises(UsageError) as caught:
        read_tools(file)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(file: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "latin").write_bytes(b'[{"name": "\xe9"}]')
    with file.open("wb") as sparse:
        sparse.truncate(1 << 32)
    for path in (tmp_path, tmp_path / "missing", tmp_path / "fifo", tmp_path / "latin", file, Path("a\0b")):
        with pytest.raises(UsageError):
            read_tools(path)


def test_a_schema_becomes_a_response_format(file: Path) -> None:
    schema = {"type": "object"}
    file.write_text(json.dumps(schema))
    json_schema = {"name": "answer", "schema": schema}
    assert response_format(file) == {"response_format": {"type": "json_schema", "json_schema": json_schema}}
    for content, message in (("[", "is not JSON"), ("[]", "holds no JSON schema")):
        file.write_text(content)
        with pytest.raises(UsageError, match=message):
            response_format(file)
