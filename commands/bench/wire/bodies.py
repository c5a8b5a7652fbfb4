"""The body of a request, by API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sgl.errors import UsageError

from ..prompt import Prompt
from .ask import Api, Ask

_NATIVE_NAMES: Final = {"max_tokens": "max_new_tokens", "seed": "sampling_seed"}
"""OpenAI's names of sampling parameters, and SGLang's."""


def encode_body(api: Api, prompt: Prompt, ask: Ask) -> bytes:
    """The JSON of one request.

    Raises:
        UsageError: The API cannot carry such a prompt.
    """
    body = _BODIES[api](prompt, ask)
    for name, value in {**ask.extra, **(prompt.extra or {})}.items():
        body[name] = value
        if value is None:
            del body[name]
    return msgspec.json.encode(body)


def _completions(prompt: Prompt, ask: Ask) -> dict[str, Any]:
    content: Any = prompt.text if prompt.text is not None else prompt.ids
    if content is None:
        raise UsageError("the completions API takes no messages", hint="use --api chat")
    return {"model": ask.model, "prompt": content, **_openai(prompt, ask)}


def _chat(prompt: Prompt, ask: Ask) -> dict[str, Any]:
    if prompt.ids is not None:
        raise UsageError("the chat API takes no token ids", hint="use --api completions, or a dataset of text")
    messages = prompt.messages if prompt.messages is not None else ({"role": "user", "content": prompt.text},)
    return {"model": ask.model, "messages": messages, **_openai(prompt, ask)}


def _generate(prompt: Prompt, ask: Ask) -> dict[str, Any]:
    if prompt.messages is not None:
        raise UsageError("SGLang's /generate takes no messages", hint="use --api chat")
    content = {"text": prompt.text} if prompt.text is not None else {"input_ids": prompt.ids}
    named = {_NATIVE_NAMES.get(name, name): value for name, value in ask.sampling.items()}
    sampling = {"temperature": 0, **named, "max_new_tokens": prompt.output_tokens}
    if ask.ignore_eos:
        sampling["ignore_eos"] = True
    return {**content, "sampling_params": sampling, "stream": ask.stream}


_BODIES: Final[Mapping[Api, Callable[[Prompt, Ask], dict[str, Any]]]] = {
    "completions": _completions,
    "chat": _chat,
    "generate": _generate,
}


def _openai(prompt: Prompt, ask: Ask) -> dict[str, Any]:
    fields: dict[str, Any] = {"temperature": 0, **ask.sampling, "max_tokens": prompt.output_tokens}
    if ask.ignore_eos:
        fields["ignore_eos"] = True
    fields["stream"] = ask.stream
    if ask.stream and ask.usage:
        options = {"include_usage": True}
        if ask.continuous_usage:
            options["continuous_usage_stats"] = True
        fields["stream_options"] = options
    return fields
