"""Section A: bodies that are not what a JSON object in UTF-8 looks like; section C: the top level of one that is."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bad_inputs.case import ABSENT, BASES, Case, bad, changed, good, raw
from tests.serving import CHAT, COMPLETIONS, MODEL

NOT_JSON = {
    "empty": b"",
    "space": b" ",
    "exponent": b"1e999",
    "open": b"{",
    "close": b"}",
    "open-key": b'{"',
    "key-only": b'{"a"',
    "no-value": b'{"a":}',
    "trailing-comma": b'{"a":1,}',
    "single-quotes": b"{'a':1}",
    "bare-key": b"{a:1}",
    "trailing-word": b'{"a":1}x',
    "two-objects": b'{"a":1}{"b":2}',
    "comment": b"//c\n{}",
    "nan": b'{"a":NaN}',
    "minus-infinity": b"-Infinity",
    "infinity-value": b'{"a":Infinity}',
    "leading-zero": b'{"a":01}',
    "plus": b'{"a":+1}',
    "no-integer-part": b'{"a":.5}',
    "no-fraction": b'{"a":1.}',
    "hexadecimal": b'{"a":0x1}',
    "nul": b"\x00",
    "control-in-string": b'{"a":"\x1f"}',
    "byte-order-mark": b"\xef\xbb\xbf{}",
    "utf-16": "{}".encode("utf-16-le"),
    "utf-16-bom": "{}".encode("utf-16"),
    "latin-1": '{"a":"é"}'.encode("latin-1"),
    "overlong": b'{"a":"\xc0\x80"}',
    "encoded-surrogate": b'{"a":"\xed\xa0\x80"}',
    "lone-high-surrogate": b'{"a":"\\ud800"}',
    "swapped-surrogates": b'{"a":"\\udc00\\ud800"}',
    "bad-escape": b'{"a":"\\x41"}',
    "deep-arrays": b"[" * 100_000,
    "deep-objects": b'{"a":' * 100_000,
    "depth-65": b'{"a":' + b"[" * 64 + b"]" * 64 + b"}",
    "number-of-5000-digits": b'{"a":1' + b"0" * 5000 + b"}",
    "out-of-range": b'{"a":1e999}',
    "spaces": b" " * 1_000_000,
}

NOT_OBJECTS = {
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "string": b'""',
    "array": b"[]",
    "array-of-object": b"[{}]",
}

WRONG_TYPES: dict[str, object] = {"string": "x", "int": 1, "list": [], "object": {}, "bool": True, "float": 1.5}

PROMPT_FIELD = {CHAT: "messages", COMPLETIONS: "prompt"}


def cases() -> Iterator[Case]:
    """Both sections for both routes."""
    for path in (CHAT, COMPLETIONS):
        for name, body in NOT_JSON.items():
            yield raw(f"A-{name}", path, body, "invalid_json", None)
        for name, body in NOT_OBJECTS.items():
            yield raw(f"A-{name}", path, body, "invalid_type", None)
        yield raw("A-empty-object", path, b"{}", "missing_required_parameter", "model")
        yield raw("A-one-byte-too-many", path, b" " * (4 * 1024 * 1024 + 1), "request_too_large", None, 413)
        yield from _top_level(path)


def _top_level(path: str) -> Iterator[Case]:
    prompt = PROMPT_FIELD[path]
    for field in ("model", prompt):
        yield bad(f"C-{field}-absent", path, "missing_required_parameter", field, **{field: ABSENT})
        yield bad(f"C-{field}-null", path, "missing_required_parameter", field, **{field: None})
    for name, value in WRONG_TYPES.items():
        if name == "string":
            yield bad("C-model-unknown", path, "model_not_found", "model", 404, model=value)
        else:
            yield bad(f"C-model-{name}", path, "invalid_type", "model", model=value)
        if name == "list":
            yield bad(f"C-{prompt}-{name}", path, "empty_array", prompt, **{prompt: value})
        elif not (path == COMPLETIONS and name == "string"):
            yield bad(f"C-{prompt}-{name}", path, "invalid_type", prompt, **{prompt: value})
    for model in ("../../etc/passwd", MODEL + "\x00", MODEL.upper(), "é" * 200, "a\nb", "\\\\host\\share"):
        yield bad(f"C-model-{model!r:.12}", path, "model_not_found", "model", 404, model=model)
    yield bad("C-model-empty", path, "empty_string", "model", model="")
    yield bad("C-model-long", path, "string_above_max_length", "model", model="m" * 257)
    yield good("C-both-prompts", path, **{**BASES[CHAT], **BASES[COMPLETIONS]})
    yield good("C-ten-thousand-unknown-keys", path, **{f"k{i}": i for i in range(10_000)})
    yield good("C-empty-key", path, **{"": 1})
    yield good("C-key-of-1MB", path, **{"k" * 1_000_000: 1})
    for key in ("__proto__", "__class__", "constructor", "$ref", "_body", "model.name"):
        yield good(f"C-key-{key}", path, **{key: {"a": 1}})
    yield good("C-depth-64", path, nested=_nested(63))
    twice = changed(path)[:-1] + b',"max_tokens":"x","max_tokens":3}'
    yield raw("C-last-of-equal-keys", path, twice, None)
    twice = changed(path)[:-1] + b',"max_tokens":3,"max_tokens":"x"}'
    yield raw("C-last-of-equal-keys-bad", path, twice, "invalid_type", "max_tokens")


def _nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value
