"""Section F: stop; section G: logit_bias; and the other fields that are not plain numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.bad_inputs.case import Case, bad, changed, good, raw
from tests.serving import CHAT, COMPLETIONS

BAD_STOPS: dict[str, tuple[Any, str, str]] = {
    "empty": ("", "empty_string", "stop"),
    "of-empty": ([""], "empty_string", "stop[0]"),
    "five": (["a", "b", "c", "d", "e"], "array_above_max_length", "stop"),
    "of-null": ([None], "invalid_type", "stop[0]"),
    "of-number": ([1], "invalid_type", "stop[0]"),
    "of-array": ([["a"]], "invalid_type", "stop[0]"),
    "second-is-bad": (["a", False], "invalid_type", "stop[1]"),
    "257-characters": ("x" * 257, "string_above_max_length", "stop"),
    "1MB": ("x" * 1_000_000, "string_above_max_length", "stop"),
    "number": (7, "invalid_type", "stop"),
    "object": ({}, "invalid_type", "stop"),
    "bool": (True, "invalid_type", "stop"),
}
GOOD_STOPS: dict[str, Any] = {
    "none": [],
    "null": None,
    "nul": "\x00",
    "same-twice": ["a", "a"],
    "whole-prompt": "Once upon a time",
    "space": " ",
    "newline": "\n",
    "regex": [".*", "(a+)+b", "[", "\\"],
    "overlapping": ["aba", "ab"],
    "special-token": "</s>",
    "256-characters": "x" * 256,
    "emoji": "👩‍👩‍👧",
    "replacement": "\ufffd",
}

BAD_BIASES: dict[str, tuple[Any, str, str]] = {
    "array": ([], "invalid_type", "logit_bias"),
    "string": ("x", "invalid_type", "logit_bias"),
    "empty-key": ({"": 1}, "invalid_value", "logit_bias"),
    "word": ({"a": 1}, "invalid_value", "logit_bias"),
    "negative": ({"-1": 1}, "invalid_value", "logit_bias"),
    "fraction": ({"1.5": 1}, "invalid_value", "logit_bias"),
    "space": ({" 1": 1}, "invalid_value", "logit_bias"),
    "other-digits": ({"\u0661": 1}, "invalid_value", "logit_bias"),
    "superscript": ({"²": 1}, "invalid_value", "logit_bias"),
    "no-such-token": ({"512": 1}, "invalid_value", "logit_bias"),
    "huge-token": ({"999999999": 1}, "invalid_value", "logit_bias"),
    "digits-5000": ({"9" * 5000: 1}, "invalid_value", "logit_bias"),
    "value-text": ({"1": "1"}, "invalid_type", "logit_bias.1"),
    "value-null": ({"1": None}, "invalid_type", "logit_bias.1"),
    "value-bool": ({"1": True}, "invalid_type", "logit_bias.1"),
    "101": ({"1": 101}, "decimal_above_max_value", "logit_bias.1"),
    "-101": ({"1": -101}, "decimal_below_min_value", "logit_bias.1"),
    "1e308": ({"1": 1e308}, "decimal_above_max_value", "logit_bias.1"),
    "301-keys": ({str(i): 1 for i in range(301)}, "object_above_max_properties", "logit_bias"),
}
GOOD_BIASES: dict[str, Any] = {
    "empty": {},
    "null": None,
    "edges": {"0": -100, "511": 100.0},
    "tiny": {"5": 1e-320},
    "300-keys": {str(i): -100 for i in range(300)},
}

BAD_OTHERS: dict[str, tuple[Any, str, str]] = {
    "stop_token_ids": ([512], "invalid_value", "stop_token_ids"),
    "stop_token_ids ": ([-1], "invalid_value", "stop_token_ids[0]"),
    "stop_token_ids  ": (["2"], "invalid_type", "stop_token_ids[0]"),
    "stop_token_ids   ": (list(range(257)), "array_above_max_length", "stop_token_ids"),
    "stop_token_ids    ": (2, "invalid_type", "stop_token_ids"),
    "min_tokens": (5, "invalid_value", "min_tokens"),
    "min_tokens ": (-1, "integer_below_min_value", "min_tokens"),
    "stream": ("true", "invalid_type", "stream"),
    "stream ": (1, "invalid_type", "stream"),
    "ignore_eos": ("no", "invalid_type", "ignore_eos"),
    "skip_special_tokens": (0, "invalid_type", "skip_special_tokens"),
    "no_stop_trim": ([], "invalid_type", "no_stop_trim"),
    "rid": ("a\nb", "invalid_value", "rid"),
    "rid ": (["a"], "invalid_type", "rid"),
    "rid  ": ("r" * 129, "string_above_max_length", "rid"),
    "cache_salt": (1, "invalid_type", "cache_salt"),
    "cache_salt ": ("s" * 513, "string_above_max_length", "cache_salt"),
    "extra_key": ({}, "invalid_type", "extra_key"),
    "user": ("u" * 513, "string_above_max_length", "user"),
    "service_tier": ("t" * 513, "string_above_max_length", "service_tier"),
}

UNSUPPORTED: dict[str, Any] = {
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "required",
    "functions": [{"name": "f"}],
    "function_call": "auto",
    "response_format": {"type": "json_object"},
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "prediction": {"type": "content", "content": "x"},
    "web_search_options": {},
    "suffix": "the end",
    "regex": "(a+)+b",
    "ebnf": "root ::= root",
    "json_schema": "{}",
    "lora_path": "../../etc/passwd",
    "custom_logit_processor": "gASV",
    "chat_template": "{{ messages }}",
    "prompt_embeds": "AAAA",
    "input_embeds": [[0.1]],
    "session_params": {"id": "x"},
}


def cases() -> Iterator[Case]:
    """All of them, for both routes."""
    for path in (CHAT, COMPLETIONS):
        for name, (value, code, param) in BAD_STOPS.items():
            yield bad(f"F-stop-{name}", path, code, param, stop=value)
        for name, value in GOOD_STOPS.items():
            yield good(f"F-stop-{name}", path, stop=value)
        half = changed(path)[:-1] + b',"stop":"\\ud83d"}'
        yield raw("F-stop-half-an-emoji", path, half, "invalid_json", None)
        for name, (value, code, param) in BAD_BIASES.items():
            yield bad(f"G-bias-{name}", path, code, param, logit_bias=value)
        for name, value in GOOD_BIASES.items():
            yield good(f"G-bias-{name}", path, logit_bias=value)
        nan = changed(path)[:-1] + b',"logit_bias":{"1":NaN}}'
        yield raw("G-bias-nan", path, nan, "invalid_json", None)
        for name, (value, code, param) in BAD_OTHERS.items():
            yield bad(f"H-{name}".replace(" ", "+"), path, code, param, **{name.strip(): value})
        for name, value in UNSUPPORTED.items():
            yield bad(f"H-unsupported-{name}", path, "unsupported_parameter", name, **{name: value})
            yield good(f"H-null-{name}", path, **{name: None})
