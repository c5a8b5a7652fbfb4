"""Whatever the model says and however it is cut: the stream, put together, is the whole answer."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeEngine
from tests.serving import serving

BYTES = st.integers(3, 258)
PIECES = st.integers(259, 511)
SPECIALS = st.integers(0, 1)
IDS = st.lists(st.one_of(BYTES, PIECES, SPECIALS), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    ids=IDS,
    steps=st.integers(1, 5),
    stop=st.lists(st.text(st.sampled_from("aeot é"), min_size=1, max_size=3), max_size=3),
    keep_stop=st.booleans(),
    keep_special=st.booleans(),
    logprobs=st.booleans(),
    choices=st.integers(1, 3),
)
def test_stream_equals_whole(
    ids: list[int], steps: int, stop: list[str], keep_stop: bool, keep_special: bool, logprobs: bool, choices: int
) -> None:
    fields = {
        "n": choices,
        "max_tokens": len(ids) + 1,
        "stop": stop,
        "no_stop_trim": keep_stop,
        "skip_special_tokens": not keep_special,
    }

    async def compare() -> None:
        async with serving(FakeEngine(script=[*ids, 2], tokens_per_step=steps)) as server:
            chat_fields = {**fields, "logprobs": logprobs}
            whole = (await server.chat(**chat_fields)).json()
            events = (await server.chat(stream=True, stream_options={"include_usage": True}, **chat_fields)).events()
            assert _fold_chat(events, choices) == [_essence(choice, "message") for choice in whole["choices"]]
            assert events[-2]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]

            text_fields = {**fields, "logprobs": 1 if logprobs else None, "echo": True}
            whole = (await server.complete(**text_fields)).json()
            events = (await server.complete(stream=True, **text_fields)).events()
            assert _fold_text(events, choices) == whole["choices"]

    asyncio.run(compare())


def _essence(choice: dict[str, Any], message: str) -> tuple[Any, ...]:
    logprobs = choice["logprobs"] and choice["logprobs"]["content"]
    return choice[message]["content"], logprobs or [], choice["finish_reason"], choice["matched_stop"]


def _fold_chat(events: list[Any], choices: int) -> list[tuple[Any, ...]]:
    assert events[-1] == "[DONE]"
    folded = []
    for index in range(choices):
        mine = [c for event in events[:-1] for c in event["choices"] if c["index"] == index]
        text = "".join(choice["delta"].get("content", "") for choice in mine)
        entries = [entry for choice in mine if choice["logprobs"] for entry in choice["logprobs"]["content"]]
        folded.append((text, entries, mine[-1]["finish_reason"], mine[-1]["matched_stop"]))
    return folded


def _fold_text(events: list[Any], choices: int) -> list[dict[str, Any]]:
    assert events[-1] == "[DONE]"
    folded = []
    for index in range(choices):
        first, *rest = [event["choices"][0] for event in events[:-1] if event["choices"][0]["index"] == index]
        for choice in rest:
            first["text"] += choice["text"]
            first |= {name: choice[name] for name in ("finish_reason", "matched_stop") if name in choice}
            for name, entries in (choice["logprobs"] or {}).items():
                first["logprobs"][name] += entries
        folded.append(first)
    return folded
