"""Traces: times, lengths and shared blocks, of JSON lines and of tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.data.dataset import one_pass
from sgl_cli.bench.data.filler import IdFiller
from sgl_cli.bench.data.trace import Trace

IDS = IdFiller(range(1000, 30000))

MOONCAKE = [
    {"timestamp": 500, "input_length": 1100, "output_length": 52, "hash_ids": [46, 47, 48]},
    {"timestamp": 500, "input_length": 1030, "output_length": 26, "hash_ids": [46, 47, 49]},
    {"timestamp": 3500, "input_length": 700, "output_length": 5, "hash_ids": [46]},
    {"timestamp": 4500, "input_length": 10, "output_length": 0, "hash_ids": []},
]


def trace(tmp_path: Path, text: str, **options: float) -> Trace:
    path = tmp_path / "t.txt"
    path.write_text(text, encoding="utf-8")
    return Trace(path, IDS, speed=options.get("speed", 1.0))


def mooncake(tmp_path: Path, **options: float) -> Trace:
    return trace(tmp_path, "\n".join(map(json.dumps, MOONCAKE)), **options)


def test_mooncake_requests_share_the_blocks_they_shared(tmp_path: Path) -> None:
    first, second, third = one_pass(mooncake(tmp_path))
    assert [prompt.at for prompt in (first, second, third)] == [0.0, 0.0, 3.0]
    assert [prompt.input_tokens for prompt in (first, second, third)] == [1100, 1030, 700]
    assert [prompt.output_tokens for prompt in (first, second, third)] == [52, 26, 5]
    assert first.ids is not None
    assert second.ids is not None
    assert third.ids is not None
    assert first.ids[:1024] == second.ids[:1024]
    assert first.ids[1024:1030] != second.ids[1024:1030]
    assert third.ids[:512] == first.ids[:512]
    assert third.ids[512:] != first.ids[512:700]


def test_a_trace_can_be_played_faster_and_again(tmp_path: Path) -> None:
    data = mooncake(tmp_path, speed=2)
    assert [prompt.at for prompt in data.prompts(6)] == [0.0, 0.0, 1.5, 2.25, 2.25, 3.75]
    assert data.repeats_after == 3
    assert [prompt.at for prompt in data.prompts(2, start=2)] == [0.0, 0.75]


def test_a_table_like_burstgpt(tmp_path: Path) -> None:
    text = (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,ChatGPT,472,18,490,Conversation log\n"
        "45.5,GPT-4,1087,0,1087,API log\n"
        "118,GPT-4,417,276,693,API log\n"
    )
    prompts = list(one_pass(trace(tmp_path, text)))
    assert [(prompt.at, prompt.input_tokens, prompt.output_tokens) for prompt in prompts] == [
        (0.0, 472, 18),
        (113.0, 417, 276),
    ]


def test_a_table_like_azures(tmp_path: Path) -> None:
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:03.9799600,4808,10\n"
        "2023-11-16 18:17:04.2299600,3180,8\n"
    )
    first, second = one_pass(trace(tmp_path, text))
    assert (first.at, first.input_tokens) == (0.0, 4808)
    assert second.at == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"timestamp": 1, "input_length": 5}', "line 1: no output_length"),
        ('{"timestamp": 1, "input_length": "x", "output_length": 1}', "line 1: input_length must be a whole number"),
        ('{"timestamp": -1, "input_length": 1, "output_length": 1}', "line 1: timestamp must be a time"),
        ('{"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": 3}', "line 1: hash_ids must be a list"),
        (
            '{"timestamp": 9, "input_length": 1, "output_length": 1}\n'
            '{"timestamp": 1, "input_length": 1, "output_length": 1}',
            "line 2: it is earlier than the line before",
        ),
        ("Time,Tokens\n1,2\n", "line 2: no timestamp"),
        ("Timestamp,Request tokens,Response tokens\n1,2\n", "line 2: no output_length"),
        ("Timestamp,Request tokens,Response tokens\nnan,2,3\n", "line 2: timestamp must be a time"),
        ("", "t.txt has no prompts"),
    ],
)
def test_a_bad_trace_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(trace(tmp_path, text).prompts(2))
    assert words in str(caught.value)
