"""/v1/completions over the real client and a fake engine."""

from __future__ import annotations

import pytest

from sgl.errors import ContextLengthExceeded, EngineFailure
from sgl.ipc.token_ids import unpack_ids
from tests.fakes import FakeEngine, fake_info, fake_logprob
from tests.serving import COMPLETIONS, MODEL, Serving, serving, stories_tokenizer

ONCE = "Once upon a time"


def prompts_of(server: Serving) -> list[list[int]]:
    return [list(unpack_ids(request.input_ids)) for request in server.engine.requests]


async def test_whole_answer_has_openais_shape() -> None:
    async with serving() as server:
        body = (await server.complete(max_tokens=3)).json()
        assert body["id"].startswith("cmpl-")
        assert body["object"] == "text_completion"
        assert body["model"] == MODEL
        (choice,) = body["choices"]
        assert (choice["index"], choice["logprobs"], choice["finish_reason"]) == (0, None, "length")
        assert body["usage"]["completion_tokens"] == 3


async def test_default_is_sixteen_tokens() -> None:
    async with serving() as server:
        body = (await server.post(COMPLETIONS, {"model": MODEL, "prompt": ONCE})).json()
        assert body["usage"]["completion_tokens"] == 16


async def test_text_and_its_ids_are_the_same_prompt() -> None:
    ids = stories_tokenizer().encode(ONCE)
    async with serving() as server:
        from_text = (await server.complete(ONCE)).json()
        from_ids = (await server.complete(ids)).json()
        assert from_text["choices"] == from_ids["choices"]
        assert prompts_of(server) == [ids, ids]


async def test_empty_text_is_the_token_every_text_begins_with() -> None:
    async with serving() as server:
        assert (await server.complete("")).status == 200
        assert prompts_of(server) == [[stories_tokenizer().bos_token_id]]


async def test_batches_answer_in_order_of_prompts_and_choices() -> None:
    async with serving(FakeEngine(step_delay=0.001)) as server:
        alone = [(await server.complete(prompt)).json()["choices"][0]["text"] for prompt in ("Once", "A dog")]
        body = (await server.complete(["Once", "A dog"], n=2)).json()
        assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
        assert [choice["text"] for choice in body["choices"]] == [alone[0], alone[0], alone[1], alone[1]]
        lengths = [len(stories_tokenizer().encode(prompt)) for prompt in ("Once", "A dog")]
        assert body["usage"]["prompt_tokens"] == sum(lengths)
        assert body["usage"]["completion_tokens"] == 32


async def test_batch_of_ids_streams_every_choice() -> None:
    async with serving() as server:
        prompts = [[1, 300], [1, 301, 302]]
        whole = (await server.complete(prompts)).json()
        *events, done = (await server.complete(prompts, stream=True)).events()
        assert done == "[DONE]"
        for index in range(2):
            mine = [event["choices"][0] for event in events if event["choices"][0]["index"] == index]
            assert "".join(choice["text"] for choice in mine) == whole["choices"][index]["text"]
            assert [choice["finish_reason"] for choice in mine if choice["finish_reason"]] == ["length"]


async def test_stream_says_the_same_as_the_whole_answer() -> None:
    async with serving() as server:
        fields = {"max_tokens": 9, "logprobs": 2, "echo": True}
        whole = (await server.complete(**fields)).json()["choices"][0]
        *events, done = (await server.complete(stream=True, **fields)).events()
        assert done == "[DONE]"
        choices = [event["choices"][0] for event in events]
        assert "".join(choice["text"] for choice in choices) == whole["text"]
        for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            assert [entry for choice in choices for entry in choice["logprobs"][name]] == whole["logprobs"][name]


async def test_usage_chunk_comes_only_when_asked() -> None:
    async with serving() as server:
        *events, _ = (await server.complete(stream=True)).events()
        assert all(event["choices"] and "usage" not in event for event in events)
        *events, usage, _ = (await server.complete(stream=True, stream_options={"include_usage": True})).events()
        assert all(event["usage"] is None for event in events)
        assert usage["choices"] == []
        assert usage["usage"]["total_tokens"] == usage["usage"]["prompt_tokens"] + 8
        times = {"queue_ms": 1.0, "prompt_ms": 2.0, "predicted_ms": 3.0}
        assert usage["timings"] == (await server.complete(["one", "two"])).json()["timings"] == times


async def test_continuous_usage_is_exact_on_the_last_chunk_with_text() -> None:
    async with serving() as server:
        *events, _ = (await server.complete(stream=True, stream_options={"continuous_usage_stats": True})).events()
        assert events[-1]["choices"][0]["text"]
        assert events[-1]["usage"]["completion_tokens"] == 8


async def test_echo_repeats_the_prompt() -> None:
    async with serving() as server:
        plain = (await server.complete(ONCE)).json()["choices"][0]["text"]
        echoed = (await server.complete(ONCE, echo=True)).json()["choices"][0]
        assert echoed["text"] == ONCE + plain
        assert echoed["logprobs"] is None
        from_ids = (await server.complete(stories_tokenizer().encode(ONCE), echo=True)).json()["choices"][0]
        assert from_ids["text"] == ONCE + plain


async def test_scoring_a_prompt_without_generating() -> None:
    ids = stories_tokenizer().encode(ONCE)
    async with serving() as server:
        body = (await server.complete(ONCE, echo=True, logprobs=1, max_tokens=0)).json()
        choice = body["choices"][0]
        assert choice["text"] == ONCE
        assert choice["finish_reason"] == "length"
        assert choice["logprobs"]["tokens"] == [stories_tokenizer().token_text(token) for token in ids]
        assert choice["logprobs"]["token_logprobs"] == [None, *(fake_logprob(token) for token in ids[1:])]
        assert choice["logprobs"]["top_logprobs"][0] is None
        assert body["usage"]["completion_tokens"] == 0


async def test_nothing_asked_for_is_an_empty_text() -> None:
    async with serving() as server:
        choice = (await server.complete(max_tokens=0)).json()["choices"][0]
        assert (choice["text"], choice["finish_reason"]) == ("", "length")
        *events, done = (await server.complete(max_tokens=0, stream=True)).events()
        assert done == "[DONE]"
        assert [event["choices"][0]["finish_reason"] for event in events] == ["length"]


async def test_text_offsets_point_at_the_tokens() -> None:
    async with serving() as server:
        choice = (await server.complete(ONCE, echo=True, logprobs=0, max_tokens=8)).json()["choices"][0]
        logprobs = choice["logprobs"]
        offsets = logprobs["text_offset"]
        assert offsets == sorted(offsets)
        prompt_tokens = len(stories_tokenizer().encode(ONCE))
        assert offsets[prompt_tokens] == len(ONCE)
        ends = [*offsets[1:], len(choice["text"])]
        for token, start, end in zip(logprobs["tokens"], offsets, ends, strict=True):
            # A special token leaves no text, and the first piece of a text loses its leading space.
            assert choice["text"][start:end] in (token, token.removeprefix(" "), "")


async def test_offsets_inside_a_character_stay_where_it_begins() -> None:
    script = [300, *(3 + byte for byte in "é".encode()), 301, 2]
    async with serving(FakeEngine(script=script)) as server:
        choice = (await server.complete(logprobs=0, max_tokens=10)).json()["choices"][0]
        start = choice["text"].index("é")
        assert choice["logprobs"]["text_offset"] == [0, start, start, start + 1, len(choice["text"])]


async def test_alternatives_always_hold_the_token_itself() -> None:
    async with serving(FakeEngine(script=[300, 2])) as server:
        token = stories_tokenizer().token_text(300)
        for asked, entries in ((0, 1), (1, 1), (3, 3)):
            choice = (await server.complete(logprobs=asked)).json()["choices"][0]
            top = choice["logprobs"]["top_logprobs"][0]
            assert top[token] == fake_logprob(300)
            assert len(top) == entries


async def test_seeds_of_choices_do_not_depend_on_the_other_prompts() -> None:
    async with serving() as server:
        await server.complete(["Once", "A dog"], n=2, seed=5)
        await server.complete("A dog", n=2, seed=5)
        seeds = [request.seed for request in server.engine.requests]
        assert seeds[2:4] == seeds[4:6]
        assert seeds[0] == seeds[2] == 5


async def test_too_long_is_refused_with_the_numbers() -> None:
    async with serving(FakeEngine(fake_info(max_model_len=20, max_request_tokens=20))) as server:
        fits = await server.complete([1] * 12, max_tokens=8)
        assert fits.status == 200
        over = await server.complete([1] * 12, max_tokens=9)
        error = over.json()["error"]
        assert (over.status, error["code"], error["type"]) == (400, "context_length_exceeded", "invalid_request_error")
        assert "20" in error["message"]
        assert "21" in error["message"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_by_the_engine_is_a_real_status(stream: bool) -> None:
    failures = {(1, 300): ContextLengthExceeded("It does not fit.", param="prompt"), (1, 301): EngineFailure("Sorry.")}
    async with serving(FakeEngine(failures=failures)) as server:
        refused = await server.complete([1, 300], stream=stream)
        assert (refused.status, refused.json()["error"]["code"]) == (400, "context_length_exceeded")
        failed = await server.complete([1, 301], stream=stream)
        assert (failed.status, failed.json()["error"]["type"]) == (500, "server_error")


async def test_one_failing_prompt_of_a_batch_ends_the_others() -> None:
    engine = FakeEngine(failures={(1, 300): EngineFailure("Sorry.")}, step_delay=0.01)
    async with serving(engine) as server:
        answer = await server.complete([[1, 301], [1, 300], [1, 302]], stream=True, max_tokens=200)
        assert answer.status == 500
        assert server.client.in_flight == 0
        assert engine.running == 0


async def test_a_full_queue_refuses_the_whole_batch_and_leaves_nothing_behind() -> None:
    engine = FakeEngine(fake_info(max_running_requests=2, settings={"max_queued_requests": 3}))
    async with serving(engine) as server:
        answer = await server.complete(["Once"] * 6)
        assert answer.status == 503
        assert answer.json()["error"]["code"] == "queue_full"
        assert int(answer.headers["retry-after"]) >= 1
        assert server.client.in_flight == 0
        assert engine.running == 0
        assert (await server.complete(["Once"] * 5)).status == 200
