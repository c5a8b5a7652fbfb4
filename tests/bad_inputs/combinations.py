"""Section M: fields that are fine alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.bad_inputs.case import BASES, Case, bad, changed, good, raw
from tests.bad_inputs.numbers import FIELDS
from tests.serving import CHAT, COMPLETIONS

DEFAULTS: dict[str, Any] = {
    "temperature": 1,
    "top_p": 1,
    "n": 1,
    "stream": False,
    "stop": None,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logit_bias": {},
    "user": "",
    "seed": None,
    "stream_options": None,
}
CAPS: dict[str, Any] = {
    "n": 16,
    "temperature": 2,
    "top_p": 1,
    "top_k": 2**31 - 1,
    "min_p": 1,
    "presence_penalty": 2,
    "frequency_penalty": 2,
    "repetition_penalty": 2,
    "stop": ["x" * 256] * 4,
    "stop_token_ids": list(range(256, 512)),
    "logit_bias": {str(i): 100 for i in range(300)},
    "seed": 2**63 - 1,
    "user": "u" * 512,
    "rid": "r" * 128,
    "cache_salt": "s" * 512,
    "priority": 2**31 - 1,
}


def cases() -> Iterator[Case]:
    """All of them."""
    for path in (CHAT, COMPLETIONS):
        yield bad("M-options-without-stream", path, "invalid_value", "stream_options", stream_options={})
        yield bad("M-options-array", path, "invalid_type", "stream_options", stream=True, stream_options=[])
        yield bad(
            "M-usage-text",
            path,
            "invalid_type",
            "stream_options.include_usage",
            stream=True,
            stream_options={"include_usage": "yes"},
        )
        yield good("M-n-greedy", path, n=4, temperature=0)
        yield good("M-n-seeded", path, n=4, seed=7)
        yield good("M-one-token-and-a-stop", path, max_tokens=1, stop="a")
        yield bad("M-more-at-least-than-at-most", path, "invalid_value", "min_tokens", min_tokens=9)
        yield good("M-as-many-at-least-as-at-most", path, min_tokens=4)
        yield good("M-all-defaults", path, **DEFAULTS)
        yield good("M-all-null", path, **dict.fromkeys(sorted({*FIELDS[path], *DEFAULTS, *CAPS})))
        yield good("M-all-at-their-caps", path, **CAPS)
        reverse = json.dumps(dict(reversed(list({**BASES[path], **DEFAULTS}.items())))).encode()
        yield raw("M-reverse-order", path, reverse, None)
        body = changed(path, **DEFAULTS)
        yield raw("M-every-field-twice", path, body[:-1] + b"," + body[1:], None)
        yield bad("M-two-reasons", path, "model_not_found", "model", 404, model="nobody")
    yield bad("M-top-without-logprobs", CHAT, "invalid_value", "top_logprobs", top_logprobs=2)
    yield bad("M-top-with-logprobs-false", CHAT, "invalid_value", "top_logprobs", top_logprobs=0, logprobs=False)
    yield bad("M-logprobs-number", CHAT, "invalid_type", "logprobs", logprobs=5)
    yield bad("M-two-limits", CHAT, "invalid_value", "max_tokens", max_tokens=4, max_completion_tokens=5)
    yield good("M-two-equal-limits", CHAT, max_tokens=4, max_completion_tokens=4)
    yield bad("M-continue-a-user", CHAT, "invalid_value", "continue_final_message", continue_final_message=True)
    yield bad("M-kwargs-array", CHAT, "invalid_type", "chat_template_kwargs", chat_template_kwargs=[])
    yield bad("M-kwargs-messages", CHAT, "invalid_value", "chat_template_kwargs", chat_template_kwargs={"messages": []})
    yield good("M-kwargs", CHAT, chat_template_kwargs={"enable_thinking": False, "__class__": 1})
    yield bad("M-best-of", COMPLETIONS, "unsupported_parameter", "best_of", best_of=3, n=2)
    yield good("M-best-of-n", COMPLETIONS, best_of=2, n=2)
    yield bad("M-echo-text", COMPLETIONS, "invalid_type", "echo", echo="yes")
    yield bad("M-logprobs-true", COMPLETIONS, "invalid_type", "logprobs", logprobs=True)
    yield good("M-echo-logprobs-nothing", COMPLETIONS, echo=True, logprobs=5, max_tokens=0)
    yield good("M-penalties-and-an-empty-prompt", COMPLETIONS, prompt="", repetition_penalty=1.3, presence_penalty=1)
    yield good("M-stop-inside-the-echo", COMPLETIONS, echo=True, stop="upon")
    yield good("M-exactly-the-context", COMPLETIONS, prompt=[1] * 500, max_tokens=12)
    yield bad(
        "M-one-beyond-the-context", COMPLETIONS, "context_length_exceeded", "prompt", prompt=[1] * 500, max_tokens=13
    )
    yield bad("M-far-beyond-the-context", COMPLETIONS, "context_length_exceeded", "", max_tokens=2**31 - 1)
    yield bad("M-refused-in-a-stream", COMPLETIONS, "context_length_exceeded", "", max_tokens=10_000, stream=True)
