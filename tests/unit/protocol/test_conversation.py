"""The ``messages`` of a chat request."""

from __future__ import annotations

from typing import Any

import pytest

from sgl.errors import RequestError
from sgl.protocol.conversation import MAX_MESSAGES, read_messages
from sgl.protocol.fields import Fields

USER = {"role": "user", "content": "hi"}


def read(messages: object) -> list[dict[str, Any]]:
    return read_messages(Fields({"messages": messages}))


def test_plain_messages_pass_through() -> None:
    messages = [{"role": "system", "content": "be kind"}, USER, {"role": "assistant", "content": "yes", "name": "bob"}]
    assert read(messages) == messages


def test_developer_is_the_new_name_of_system() -> None:
    assert read([{"role": "developer", "content": "be kind"}]) == [{"role": "system", "content": "be kind"}]


def test_text_parts_keep_nothing_but_their_text() -> None:
    parts = [{"type": "text", "text": "one", "cache_control": {}}, {"type": "text", "text": "two"}]
    (message,) = read([{"role": "user", "content": parts}])
    assert message["content"] == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]


def test_unknown_fields_of_a_message_are_ignored() -> None:
    assert read([{**USER, "refusal": None, "colour": "red"}]) == [USER]


def test_earlier_tool_calls_and_their_results_are_kept() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    read_back = read(
        [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        ]
    )
    assert read_back[1]["content"] == ""
    assert read_back[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert read_back[2] == {"role": "tool", "content": "2", "tool_call_id": "call_1"}


def calls(**function: object) -> dict[str, object]:
    return {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}


@pytest.mark.parametrize(
    ("messages", "param", "code"),
    [
        (None, "messages", "missing_required_parameter"),
        ([], "messages", "empty_array"),
        ("hi", "messages", "invalid_type"),
        ({}, "messages", "invalid_type"),
        ([None], "messages[0]", "invalid_type"),
        ([[]], "messages[0]", "invalid_type"),
        ([USER, "x"], "messages[1]", "invalid_type"),
        ([USER] * (MAX_MESSAGES + 1), "messages", "array_above_max_length"),
        ([{"content": "hi"}], "messages[0].role", "missing_required_parameter"),
        ([{"role": "root", "content": "hi"}], "messages[0].role", "invalid_value"),
        ([{"role": "SYSTEM", "content": "hi"}], "messages[0].role", "invalid_value"),
        ([{"role": 1, "content": "hi"}], "messages[0].role", "invalid_type"),
        ([{"role": "user"}], "messages[0].content", "missing_required_parameter"),
        ([{"role": "assistant"}], "messages[0].content", "missing_required_parameter"),
        ([{"role": "user", "content": 1}], "messages[0].content", "invalid_type"),
        ([{"role": "user", "content": {}}], "messages[0].content", "invalid_type"),
        ([{"role": "user", "content": []}], "messages[0].content", "empty_array"),
        ([{"role": "user", "content": [None]}], "messages[0].content[0]", "invalid_type"),
        ([{"role": "user", "content": [{}]}], "messages[0].content[0].type", "missing_required_parameter"),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "messages[0].content[0].text",
            "missing_required_parameter",
        ),
        ([{"role": "user", "content": [{"type": "text", "text": 1}]}], "messages[0].content[0].text", "invalid_type"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "messages[0].content[0].type", "unsupported_value"),
        (
            [{"role": "user", "content": [{"type": "TEXT", "text": ""}]}],
            "messages[0].content[0].type",
            "unsupported_value",
        ),
        ([{**USER, "name": ""}], "messages[0].name", "empty_string"),
        ([{**USER, "name": "x" * 65}], "messages[0].name", "string_above_max_length"),
        ([{"role": "tool", "content": "2"}], "messages[0].tool_call_id", "missing_required_parameter"),
        ([{"role": "assistant", "tool_calls": []}], "messages[0].tool_calls", "empty_array"),
        ([{"role": "assistant", "tool_calls": [1]}], "messages[0].tool_calls[0]", "invalid_type"),
        ([calls(arguments="{}")], "messages[0].tool_calls[0].function.name", "missing_required_parameter"),
        ([calls(name="f", arguments={})], "messages[0].tool_calls[0].function.arguments", "invalid_type"),
        ([calls(name="f" * 65)], "messages[0].tool_calls[0].function.name", "string_above_max_length"),
    ],
)
def test_refusals_name_the_item(messages: object, param: str, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(messages)
    assert (caught.value.param, caught.value.code) == (param, code)
