"""`Fields`: typed reads with OpenAI's messages, and the decoding of bodies."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.errors import RequestError
from sgl.protocol.fields import MAX_DEPTH, Fields, check_token_ids, decode_object


def refusal(act: Callable[[], object]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        act()
    return caught.value


@pytest.mark.parametrize(
    ("value", "message", "code"),
    [
        (
            0,
            "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            "integer_below_min_value",
        ),
        (
            130,
            "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 130 instead.",
            "integer_above_max_value",
        ),
        ("1", "Invalid type for 'n': expected an integer, but got a string instead.", "invalid_type"),
        (True, "Invalid type for 'n': expected an integer, but got a boolean instead.", "invalid_type"),
        (1.0, "Invalid type for 'n': expected an integer, but got a decimal number instead.", "invalid_type"),
        ([1], "Invalid type for 'n': expected an integer, but got an array instead.", "invalid_type"),
        ({}, "Invalid type for 'n': expected an integer, but got an object instead.", "invalid_type"),
    ],
)
def test_integer_refuses_in_openais_words(value: object, message: str, code: str) -> None:
    error = refusal(lambda: Fields({"n": value}).integer("n", 1, low=1, high=128))
    assert (error.message, error.param, error.code, error.http_status) == (message, "n", code, 400)


def test_integer_is_64_bits_unless_said_otherwise() -> None:
    assert Fields({"seed": 2**63 - 1}).integer("seed", None) == 2**63 - 1
    assert refusal(lambda: Fields({"seed": 2**63}).integer("seed", None)).code == "integer_above_max_value"
    assert refusal(lambda: Fields({"seed": -(2**63) - 1}).integer("seed", None)).code == "integer_below_min_value"
    huge = refusal(lambda: Fields({"seed": 10**400}).integer("seed", None))
    assert len(huge.message) < 200


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (2.0000001, "decimal_above_max_value"),
        (10**400, "decimal_above_max_value"),
        (-(10**400), "decimal_below_min_value"),
        (-0.1, "decimal_below_min_value"),
        ("1", "invalid_type"),
        (False, "invalid_type"),
    ],
)
def test_number_refuses(value: object, code: str) -> None:
    assert refusal(lambda: Fields({"temperature": value}).number("temperature", 1.0, low=0, high=2)).code == code


def test_number_takes_integers_and_tiny_values() -> None:
    assert Fields({"t": 1}).number("t", None) == 1.0
    assert Fields({"t": 1e-320}).number("t", None, low=0) == 1e-320
    assert math.copysign(1, Fields({"t": -0.0}).number("t", 1.0, low=0)) == -1


def test_null_and_absent_are_the_default() -> None:
    for body in ({}, {"x": None}):
        fields = Fields(body)
        assert fields.integer("x", 7) == 7
        assert fields.number("x", 0.5) == 0.5
        assert fields.boolean("x", True) is True
        assert fields.string("x", "d") == "d"
        assert fields.array("x", None) is None
        assert fields.mapping("x", {}) == {}
        assert fields.object("x") is None
        assert not fields.has("x")


def test_paths_of_nested_objects_are_told() -> None:
    inner = Fields({"stream_options": {"include_usage": 1}}).object("stream_options")
    assert inner is not None
    assert refusal(lambda: inner.boolean("include_usage", False)).param == "stream_options.include_usage"
    assert inner.missing("x").message == "Missing required parameter: 'stream_options.x'."


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda: Fields({"x": ""}).string("x", None, min_length=1), "empty_string"),
        (lambda: Fields({"x": "a"}).string("x", None, min_length=2), "string_below_min_length"),
        (lambda: Fields({"x": "aaa"}).string("x", None, max_length=2), "string_above_max_length"),
        (lambda: Fields({"x": []}).array("x", None, min_length=1), "empty_array"),
        (lambda: Fields({"x": [1]}).array("x", None, min_length=2), "array_below_min_length"),
        (lambda: Fields({"x": [1, 2, 3]}).array("x", None, max_length=2), "array_above_max_length"),
        (lambda: Fields({"x": "z"}).choice("x", None, ("a", "b")), "invalid_value"),
        (lambda: Fields({"x": 3}).choice("x", None, ("a", "b")), "invalid_type"),
        (lambda: Fields({"x": 1}).boolean("x", False), "invalid_type"),
        (lambda: Fields({"x": {}}).array("x", None), "invalid_type"),
        (lambda: Fields({"x": []}).mapping("x", None), "invalid_type"),
    ],
)
def test_other_readers_refuse(act: Callable[[], object], code: str) -> None:
    error = refusal(act)
    assert (error.param, error.code) == ("x", code)


def test_unread_names_what_nobody_asked_for() -> None:
    fields = Fields({"model": "m", "colour": "red", "n": None})
    fields.string("model", None)
    fields.integer("n", 1)
    assert fields.unread() == ["colour"]


@pytest.mark.parametrize(
    ("ids", "param", "code"),
    [
        ([1, "a"], "prompt[1]", "invalid_type"),
        ([1.5], "prompt[0]", "invalid_type"),
        ([True], "prompt[0]", "invalid_type"),
        ([None], "prompt[0]", "invalid_type"),
        ([0, -1], "prompt[1]", "invalid_value"),
        ([3, 512], "prompt[1]", "invalid_value"),
        ([2**64], "prompt[0]", "invalid_value"),
    ],
)
def test_token_ids_name_the_bad_item(ids: list[object], param: str, code: str) -> None:
    error = refusal(lambda: check_token_ids(ids, "prompt", 512))
    assert (error.param, error.code) == (param, code)


def test_token_ids_in_range_pass() -> None:
    assert check_token_ids([0, 511, 3], "prompt", 512) == [0, 511, 3]
    assert check_token_ids([], "prompt", 512) == []


def test_decode_gives_objects_and_the_last_of_equal_names() -> None:
    assert decode_object(b'{"a": 1, "b": [null, "\\u0000"], "a": 2}') == {"a": 2, "b": [None, "\0"]}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a":1,}', "byte 7"),
        (b'{"a":NaN}', "byte 5"),
        (b"", "truncated"),
        (b'{"a":1e999}', "out of range"),
        (b'{"a":"\xc0\x80"}', "UTF-8"),
        (b"[" * 100_000, "deep"),
        (b'{"a":' * 100_000, "deep"),
    ],
)
def test_decode_says_what_is_wrong(raw: bytes, said: str) -> None:
    error = refusal(lambda: decode_object(raw))
    assert error.code == "invalid_json"
    assert said in error.message


@pytest.mark.parametrize("raw", [b"null", b"true", b"0", b'""', b"[]", b"[{}]"])
def test_decode_takes_objects_only(raw: bytes) -> None:
    assert refusal(lambda: decode_object(raw)).code == "invalid_type"


def test_depth_is_bounded_exactly() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"

    assert decode_object(nested(MAX_DEPTH))
    assert refusal(lambda: decode_object(nested(MAX_DEPTH + 1))).code == "invalid_json"


@given(st.binary(max_size=200))
def test_decode_never_raises_anything_else(raw: bytes) -> None:
    with contextlib.suppress(RequestError):
        assert isinstance(decode_object(raw), dict)
