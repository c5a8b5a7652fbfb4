"""The ``messages`` of a chat request, checked field by field; `sgl.tokenizer` shows them to the template."""

from __future__ import annotations

from typing import Final

from sgl.protocol.fields import Fields, check_count, wrong_type

MAX_MESSAGES: Final = 2048
MAX_PARTS: Final = 2048
MAX_NAME_LENGTH: Final = 64
MAX_TOOL_CALLS: Final = 128

ROLES: Final = ("system", "developer", "user", "assistant", "tool")

Message = dict[str, object]
"""``role``, ``content`` (a string or text parts) and, where given, ``name``, ``reasoning_content``,
``tool_calls`` and ``tool_call_id``; nothing else of what a client sent."""


def read_messages(fields: Fields) -> list[Message]:
    """Reads and checks ``messages``.

    ``developer`` becomes ``system``: it is OpenAI's newer name for the same thing, and templates know only
    the older one.

    Raises:
        RequestError: ``param`` names the offending item, e.g. ``messages[2].content[0].type``.
    """
    items = fields.array("messages", None, min_length=1, max_length=MAX_MESSAGES)
    if items is None:
        raise fields.missing("messages")
    return [_read_message(item, f"{fields.path('messages')}[{index}]") for index, item in enumerate(items)]


def _read_message(item: object, where: str) -> Message:
    if not isinstance(item, dict):
        raise wrong_type(where, "an object", item)
    fields = Fields(item, where)
    role = fields.choice("role", None, ROLES)
    if role is None:
        raise fields.missing("role")
    message: Message = {"role": "system" if role == "developer" else role}
    tool_calls = _read_tool_calls(fields) if role == "assistant" else None
    message["content"] = _read_content(fields, optional=tool_calls is not None)
    if tool_calls is not None:
        message["tool_calls"] = tool_calls
    for name, value in (
        ("name", fields.string("name", None, min_length=1, max_length=MAX_NAME_LENGTH)),
        ("reasoning_content", fields.string("reasoning_content", None)),
    ):
        if value is not None:
            message[name] = value
    if role == "tool":
        message["tool_call_id"] = _required_string(fields, "tool_call_id")
    return message


def _read_content(fields: Fields, *, optional: bool) -> str | list[Message]:
    value = fields.value("content")
    if value is None:
        if optional:
            return ""
        raise fields.missing("content")
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise fields.wrong_type("content", "a string or an array of content parts")
    where = fields.path("content")
    check_count(value, where, 1, MAX_PARTS)
    return [_read_part(part, f"{where}[{index}]") for index, part in enumerate(value)]


def _read_part(part: object, where: str) -> Message:
    if not isinstance(part, dict):
        raise wrong_type(where, "an object", part)
    fields = Fields(part, where)
    if _required_string(fields, "type") != "text":
        raise fields.bad_value("type", "This server takes content parts of type 'text' only.", code="unsupported_value")
    text = fields.string("text", None)
    if text is None:
        raise fields.missing("text")
    return {"type": "text", "text": text}


def _read_tool_calls(fields: Fields) -> list[Message] | None:
    """Earlier calls of the assistant."""
    items = fields.array("tool_calls", None, min_length=1, max_length=MAX_TOOL_CALLS)
    if items is None:
        return None
    return [_read_tool_call(item, f"{fields.path('tool_calls')}[{index}]") for index, item in enumerate(items)]


def _read_tool_call(item: object, where: str) -> Message:
    if not isinstance(item, dict):
        raise wrong_type(where, "an object", item)
    fields = Fields(item, where)
    fields.choice("type", None, ("function",))
    function = fields.object("function")
    if function is None:
        raise fields.missing("function")
    return {
        "id": _required_string(fields, "id"),
        "type": "function",
        "function": {
            "name": _required_string(function, "name", MAX_NAME_LENGTH),
            "arguments": function.string("arguments", "{}"),
        },
    }


def _required_string(fields: Fields, name: str, max_length: int = 2**31) -> str:
    value = fields.string(name, None, min_length=1, max_length=max_length)
    if value is None:
        raise fields.missing(name)
    return value
