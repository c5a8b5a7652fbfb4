"""From a client's messages to the variables of a chat template, and to the prompt text.

What the template sees is what transformers' ``apply_chat_template`` shows it, after what OpenAI's wire
format needs: contents given as text parts, and tool call arguments, which are JSON text on the wire and
objects in templates.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sgl.errors import RequestError, echo
from sgl.tokenizer.helper import RenderHelper

RESERVED: Final = frozenset(
    {"messages", "tools", "add_generation_prompt", "continue_final_message", "chat_template", "tokenize"}
)
"""Names ``chat_template_kwargs`` may not set; the special tokens' names are refused as well."""

_REASONING_FIELDS: Final = ("reasoning_content", "thinking", "reasoning")
_END_MARK_DIGITS: Final = 38  # 126 bits: no client can guess where its own text will be cut.


class ChatTemplate:
    """The chat templates of one model.

    Args:
        templates: Name -> Jinja text, not empty; ``tool_use`` is used for requests with tools, ``default``
            for all others.
        special_tokens: ``bos_token`` and the like -> text; visible to the templates.
        helper: Renders; started by the caller.
    """

    def __init__(self, templates: Mapping[str, str], special_tokens: Mapping[str, str], helper: RenderHelper) -> None:
        self._names = frozenset(templates)
        self._special_names = frozenset(special_tokens)
        self._helper = helper

    def variables(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None,
        add_generation_prompt: bool,
        template_kwargs: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Makes what the template sees of one request.

        Raises:
            RequestError: A message is not a message, or a template argument is reserved.
        """
        for name in template_kwargs or ():
            if name in RESERVED or name in self._special_names:
                raise RequestError(
                    f"chat_template_kwargs cannot set {echo(name)}.", param="chat_template_kwargs", code="invalid_value"
                )
        if not messages:
            raise RequestError("messages is empty; give at least one message.", param="messages", code="empty_array")
        parts = self._helper.wants_parts
        return {
            "documents": None,
            **(template_kwargs or {}),
            "messages": [_message(message, f"messages[{n}]", parts=parts) for n, message in enumerate(messages)],
            "tools": list(tools) if tools else None,
            "add_generation_prompt": add_generation_prompt,
        }

    async def render(self, variables: dict[str, Any], *, continue_final_message: bool = False) -> str:
        """Renders the prompt text.

        Args:
            variables: From `variables`.
            continue_final_message: The text ends with the content of the last message, without what the
                template writes after it; a template that strips contents strips the end of it, too.

        Raises:
            RequestError: The template refused the messages or exceeded a limit.
        """
        name = "tool_use" if variables["tools"] and "tool_use" in self._names else "default"
        if name not in self._names:
            raise RequestError(
                "This model's chat templates have names and none is called 'default'; "
                "start the server with --chat-template FILE.",
                param="messages",
            )
        if not continue_final_message:
            return await self._helper.render(name, variables)
        mark = str(secrets.randbelow(10**_END_MARK_DIGITS)).zfill(_END_MARK_DIGITS)
        text = await self._helper.render(name, {**variables, "messages": _marked(variables["messages"], mark)})
        start = text.rfind(mark)
        if start < 0:
            raise RequestError(
                "continue_final_message is set, but the chat template does not show the last message's content.",
                param="continue_final_message",
            )
        # The mark ends with a space: where the template stripped it, it would have stripped the content's end.
        kept = text.startswith(mark + " ", start)
        return text[:start] if kept else text[:start].rstrip()

    def close(self) -> None:
        """Ends the helper."""
        self._helper.close()


def _message(message: object, where: str, *, parts: bool) -> dict[str, Any]:
    """One message as templates expect it: no None values, one content shape, tool arguments as objects."""
    if not isinstance(message, Mapping):
        raise RequestError(f"{where} must be an object.", param=where, code="invalid_type")
    shown = {key: value for key, value in message.items() if value is not None}
    if "content" in shown:
        shown["content"] = _content(shown["content"], f"{where}.content", parts=parts)
    if "tool_calls" in shown:
        shown["tool_calls"] = [_tool_call(call, f"{where}.tool_calls") for call in _array(shown, "tool_calls", where)]
    reasoning = next((shown[key] for key in _REASONING_FIELDS if key in shown), None)
    if reasoning is not None:  # Each family of templates reads its own name for it.
        shown = {"thinking": reasoning, **shown, "reasoning_content": reasoning}
    return shown


def _content(content: object, where: str, *, parts: bool) -> str | list[dict[str, str]]:
    """Text, or a list with one text part, whichever the template reads.

    Several parts become one text: with line breaks between them for a template of strings, as vLLM does;
    without anything for a template of parts, which would write them that way itself.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if parts else content
    if not isinstance(content, Sequence):
        raise RequestError(f"{where} must be text or a list of parts.", param=where, code="invalid_type")
    texts = [_part_text(part, f"{where}[{n}]") for n, part in enumerate(content)]
    return [{"type": "text", "text": "".join(texts)}] if parts else "\n".join(texts)


def _part_text(part: object, where: str) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": str(kind)} if kind != "text":
            raise RequestError(
                f"{where} has type {echo(kind)}; this model takes text parts only.",
                param=where,
                code="unsupported_content_part",
            )
    raise RequestError(f"{where} must be {{'type': 'text', 'text': ...}}.", param=where, code="invalid_type")


def _tool_call(call: object, where: str) -> dict[str, Any]:
    """One tool call with its arguments as an object; text that is not a JSON object stays text."""
    if not isinstance(call, Mapping):
        raise RequestError(f"{where} must hold objects.", param=where, code="invalid_type")
    function = call.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("arguments"), str):
        return dict(call)
    return {**call, "function": {**function, "arguments": _arguments(function["arguments"])}}


def _arguments(text: str) -> str | dict[str, Any]:
    """A model's earlier answer may hold broken arguments; they are then shown as they were."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


def _array(message: Mapping[str, Any], key: str, where: str) -> list[object]:
    value = message[key]
    if not isinstance(value, list):
        raise RequestError(f"{where}.{key} must be an array.", param=f"{where}.{key}", code="invalid_type")
    return value


def _marked(messages: Sequence[Mapping[str, Any]], mark: str) -> list[Mapping[str, Any]]:
    """The messages with ``mark`` and a space put behind the last one's text."""
    last = messages[-1]
    content = last.get("content")
    if isinstance(content, str):
        marked: object = f"{content}{mark} "
    elif content:
        marked = [*content[:-1], {**content[-1], "text": f"{content[-1]['text']}{mark} "}]
    else:
        raise RequestError(
            "continue_final_message is set, but the last message has no content to continue.",
            param="continue_final_message",
        )
    return [*messages[:-1], {**last, "content": marked}]
