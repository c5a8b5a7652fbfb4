"""Section E: messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bad_inputs.case import USER, Case, bad, good
from tests.serving import CHAT

ASSISTANT = {"role": "assistant", "content": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}

BAD: dict[str, tuple[Any, str, str]] = {
    "of-null": ([None], "invalid_type", "messages[0]"),
    "of-array": ([[]], "invalid_type", "messages[0]"),
    "of-string": (["x"], "invalid_type", "messages[0]"),
    "second-is-a-number": ([USER, 7], "invalid_type", "messages[1]"),
    "too-many": ([USER] * 2049, "array_above_max_length", "messages"),
    "role-missing": ([{"content": "x"}], "missing_required_parameter", "messages[0].role"),
    "role-null": ([{**USER, "role": None}], "missing_required_parameter", "messages[0].role"),
    "role-empty": ([{**USER, "role": ""}], "invalid_value", "messages[0].role"),
    "role-root": ([{**USER, "role": "root"}], "invalid_value", "messages[0].role"),
    "role-upper": ([{**USER, "role": "SYSTEM"}], "invalid_value", "messages[0].role"),
    "role-number": ([{**USER, "role": 1}], "invalid_type", "messages[0].role"),
    "role-function": ([{**USER, "role": "function", "name": "f"}], "invalid_value", "messages[0].role"),
    "content-missing": ([{"role": "user"}], "missing_required_parameter", "messages[0].content"),
    "content-null": ([{**USER, "content": None}], "missing_required_parameter", "messages[0].content"),
    "content-number": ([{**USER, "content": 1}], "invalid_type", "messages[0].content"),
    "content-object": ([{**USER, "content": {}}], "invalid_type", "messages[0].content"),
    "content-bool": ([{**USER, "content": False}], "invalid_type", "messages[0].content"),
    "content-empty-array": ([{**USER, "content": []}], "empty_array", "messages[0].content"),
    "content-of-null": ([{**USER, "content": [None]}], "invalid_type", "messages[0].content[0]"),
    "content-of-string": ([{**USER, "content": ["x"]}], "invalid_type", "messages[0].content[0]"),
    "content-of-array": ([{**USER, "content": [[]]}], "invalid_type", "messages[0].content[0]"),
    "part-empty": ([{**USER, "content": [{}]}], "missing_required_parameter", "messages[0].content[0].type"),
    "part-without-text": (
        [{**USER, "content": [{"type": "text"}]}],
        "missing_required_parameter",
        "messages[0].content[0].text",
    ),
    "part-text-number": (
        [{**USER, "content": [{"type": "text", "text": 1}]}],
        "invalid_type",
        "messages[0].content[0].text",
    ),
    "part-type-number": ([{**USER, "content": [{"type": 1}]}], "invalid_type", "messages[0].content[0].type"),
    "part-upper": (
        [{**USER, "content": [{"type": "TEXT", "text": "x"}]}],
        "unsupported_value",
        "messages[0].content[0].type",
    ),
    **{
        f"part-{kind}": (
            [{**USER, "content": [{"type": "text", "text": "x"}, {"type": kind, kind: {"url": "http://x"}}]}],
            "unsupported_value",
            "messages[0].content[1].type",
        )
        for kind in ("image_url", "input_audio", "file", "video_url", "refusal")
    },
    "tool-without-id": (
        [USER, {"role": "tool", "content": "2"}],
        "missing_required_parameter",
        "messages[1].tool_call_id",
    ),
    "tool-calls-empty": ([USER, {**ASSISTANT, "tool_calls": []}], "empty_array", "messages[1].tool_calls"),
    "tool-calls-object": ([USER, {**ASSISTANT, "tool_calls": {}}], "invalid_type", "messages[1].tool_calls"),
    "tool-call-null": ([USER, {**ASSISTANT, "tool_calls": [None]}], "invalid_type", "messages[1].tool_calls[0]"),
    "tool-call-without-function": (
        [USER, {**ASSISTANT, "tool_calls": [{"id": "c"}]}],
        "missing_required_parameter",
        "messages[1].tool_calls[0].function",
    ),
    "tool-call-of-another-type": (
        [USER, {**ASSISTANT, "tool_calls": [{**CALL, "type": "code"}]}],
        "invalid_value",
        "messages[1].tool_calls[0].type",
    ),
    "tool-call-arguments-object": (
        [USER, {**ASSISTANT, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}],
        "invalid_type",
        "messages[1].tool_calls[0].function.arguments",
    ),
    "name-empty": ([{**USER, "name": ""}], "empty_string", "messages[0].name"),
    "name-long": ([{**USER, "name": "n" * 65}], "string_above_max_length", "messages[0].name"),
    "name-number": ([{**USER, "name": 1}], "invalid_type", "messages[0].name"),
    "huge": ([{**USER, "content": "word " * 200_000}], "context_length_exceeded", ""),
    "many-parts": (
        [{**USER, "content": [{"type": "text", "text": "x"}] * 2049}],
        "array_above_max_length",
        "messages[0].content",
    ),
}

GOOD: dict[str, Any] = {
    "last-is-assistant": [USER, ASSISTANT],
    "two-systems": [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}, USER],
    "system-last": [USER, {"role": "system", "content": "a"}],
    "developer": [{"role": "developer", "content": "a"}, USER],
    "unknown-tool-id": [USER, {"role": "tool", "tool_call_id": "nobody", "content": "2"}],
    "tool-calls": [USER, {"role": "assistant", "tool_calls": [CALL]}],
    "tool-calls-null": [USER, {**ASSISTANT, "tool_calls": None}],
    "broken-arguments": [USER, {**ASSISTANT, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{"}}]}],
    "name": [{**USER, "name": "Ann"}],
    "spaces": [{**USER, "content": "   "}],
    "newline": [{**USER, "content": "\n"}],
    "empty": [{**USER, "content": ""}],
    "nul": [{**USER, "content": "a\x00b"}],
    "unknown-field": [{**USER, "__proto__": {}, "refusal": None, "annotations": []}],
    **{
        f"looks-like-{text}": [{**USER, "content": text}]
        for text in ("<|im_end|>", "<|endoftext|>", "<s>", "</s>", "[INST]", "{{ 7 * 7 }}", "{% for x in y %}")
    },
}


def cases() -> Iterator[Case]:
    """All of them."""
    for name, (messages, code, param) in BAD.items():
        yield bad(f"E-{name}", CHAT, code, param, messages=messages)
    for name, messages in GOOD.items():
        yield good(f"E-{name}", CHAT, messages=messages)
