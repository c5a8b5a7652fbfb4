from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Sequence
from typing import Any

import pytest

from sgl.errors import (
    ContextLengthExceeded,
    Draining,
    EngineDead,
    EngineFailure,
    QueueFull,
    RequestError,
    Unavailable,
)
from sgl.ipc.token_ids import unpack_ids
from sgl.protocol.messages import Delta, LogprobRequest, Outputs, Stats, Timings
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.client import EngineClient, FinishReason, GenerateSpec, Generation, Transport, Update
from sgl.tokenizer.load import Tokenizer
from tests.fakes import FakeEngine, fake_info, fake_token
from tests.unit.runtime.conftest import Connect

EOS = 2


def spec(prompt: Sequence[int] = (1, 300, 301), **sampling: Any) -> GenerateSpec:
    """A request whose answer is a text of its own, as in a chat."""
    return GenerateSpec(list(prompt), SamplingParams(**{"max_new_tokens": 8, **sampling}), continues=False)


async def updates_of(generation: Generation) -> list[Update]:
    return [update async for update in generation]


def test_the_fake_is_a_transport() -> None:
    transport: Transport = FakeEngine()
    assert transport is not None


# -- answers ---------------------------------------------------------------------------------------


async def test_an_answer_is_streamed_token_by_token(connect: Connect, tokenizer: Tokenizer) -> None:
    async with connect(FakeEngine()) as client:
        generation = client.submit(spec())
        updates = await updates_of(generation)
    ids = [fake_token([1, 300, 301], position, 512) for position in range(8)]
    assert [update.token_ids for update in updates] == [[token] for token in ids]
    assert [update.finish for update in updates] == [None] * 7 + [FinishReason("length")]
    assert generation.output_ids == ids
    assert generation.text == "".join(update.text for update in updates) == tokenizer.decode(ids)
    assert (generation.prompt_tokens, generation.completion_tokens) == (3, 8)
    assert generation.timings == Timings(0.001, 0.002, 0.003)
    assert generation.created_at <= generation.first_token_at <= generation.ended_at  # type: ignore[operator]
    assert client.in_flight == 0


async def test_waiting_for_the_whole_gives_what_the_stream_gives(connect: Connect) -> None:
    async with connect(FakeEngine()) as client:
        streamed, whole = client.submit(spec()), client.submit(spec())
        await asyncio.gather(updates_of(streamed), whole.wait())
    assert (whole.text, whole.output_ids, whole.finish) == (streamed.text, streamed.output_ids, streamed.finish)
    assert await updates_of(whole) == []


async def test_a_slow_consumer_gets_several_steps_in_one_update(connect: Connect) -> None:
    async with connect(FakeEngine()) as client:
        generation = client.submit(spec(max_new_tokens=50))
        first = await anext(generation)
        while not generation.ended:
            await asyncio.sleep(0)
        rest = await updates_of(generation)
    assert len(first.token_ids) == 1
    assert len(rest) == 1
    assert first.token_ids + rest[0].token_ids == generation.output_ids
    assert first.text + rest[0].text == generation.text
    assert rest[0].finish == FinishReason("length")


async def test_many_requests_at_once_get_their_own_answers(connect: Connect) -> None:
    async with connect(FakeEngine(tokens_per_step=3)) as client:
        prompts = [[1, 259 + number, 300] for number in range(60)]
        generations = [client.submit(spec(prompt, max_new_tokens=20)) for prompt in prompts]
        await asyncio.gather(*(generation.wait() for generation in generations))
    for prompt, generation in zip(prompts, generations, strict=True):
        assert generation.output_ids == [fake_token(prompt, position, 512) for position in range(20)]
    assert len({generation.id for generation in generations}) == 60
    assert all(len(generation.id) == 32 for generation in generations)


async def test_the_engine_is_sent_what_was_asked_and_a_seed(connect: Connect) -> None:
    engine = FakeEngine()
    async with connect(engine) as client:
        drawn, given = client.submit(spec()), client.submit(spec(seed=-5))
        await asyncio.gather(drawn.wait(), given.wait())
    first, second = engine.requests
    assert list(unpack_ids(first.input_ids)) == [1, 300, 301]
    assert first.seed == drawn.seed
    assert 0 <= first.seed < 2**63
    assert second.seed == given.seed == -5
    assert first.rid != second.rid
    assert drawn.journal.request == first


async def test_a_prompt_may_only_be_computed(connect: Connect) -> None:
    async with connect(FakeEngine()) as client:
        generation = client.submit(spec(max_new_tokens=0))
        assert await updates_of(generation) == [Update("", [], [], FinishReason("length"))]
    assert (generation.text, generation.completion_tokens, generation.first_token_at) == ("", 0, None)


async def test_the_prefix_cache_is_reported(connect: Connect) -> None:
    async with connect(FakeEngine()) as client:
        cold, warm = client.submit(spec([1, 300, 301])), client.submit(spec([1, 300, 302]))
        await asyncio.gather(cold.wait(), warm.wait())
    assert (cold.cached_tokens, warm.cached_tokens) == (0, 2)


async def test_log_probabilities_come_with_their_tokens(connect: Connect) -> None:
    asked = LogprobRequest(output=True, top=2, prompt_start=0, token_ids=(7,))
    async with connect(FakeEngine()) as client:
        generation = client.submit(dataclasses.replace(spec(max_new_tokens=3), logprobs=asked))
        updates = await updates_of(generation)
    assert [len(update.logprobs) for update in updates] == [1, 1, 1]
    assert [entry.token_id for entry in generation.output_logprobs] == generation.output_ids
    assert all(len(entry.top) == 2 and entry.chosen[0][0] == 7 for entry in generation.output_logprobs)
    assert generation.prompt_logprobs is not None
    assert generation.prompt_logprobs[0] is None
    assert [entry.token_id for entry in generation.prompt_logprobs[1:] if entry is not None] == [300, 301]


# -- ends ------------------------------------------------------------------------------------------


async def test_an_end_token_counts_and_leaves_no_text(connect: Connect, tokenizer: Tokenizer) -> None:
    async with connect(FakeEngine(script=[300, 301, EOS])) as client:
        generation = await client.submit(spec()).wait()
    assert generation.finish == FinishReason("stop", EOS)
    assert generation.output_ids == [300, 301, EOS]
    assert generation.completion_tokens == 3
    assert generation.text == tokenizer.decode([300, 301])


async def test_a_completion_goes_on_with_the_text_of_its_prompt(connect: Connect, tokenizer: Tokenizer) -> None:
    script = tokenizer.encode("was a girl", add_special_tokens=False)
    prompts = {"Once there": " was a girl", "": "was a girl"}
    for prompt, text in prompts.items():
        async with connect(FakeEngine(script=script)) as client:
            asked = dataclasses.replace(spec(tokenizer.encode(prompt), max_new_tokens=len(script)), continues=True)
            assert (await client.submit(asked).wait()).text == text


@pytest.mark.parametrize("keep", [False, True])
async def test_a_stop_token_is_text_only_when_it_is_kept(connect: Connect, tokenizer: Tokenizer, keep: bool) -> None:
    async with connect(FakeEngine(script=[300, 301, 302])) as client:
        generation = await client.submit(spec(stop_token_ids=(302,), no_stop_trim=keep)).wait()
    assert generation.finish == FinishReason("stop", 302)
    assert generation.completion_tokens == 3
    assert generation.text == tokenizer.decode([300, 301, 302] if keep else [300, 301])


async def test_a_stop_string_ends_the_request_and_never_leaks(connect: Connect, tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("Once upon a time, there was a little girl named Lily.", add_special_tokens=False)
    engine = FakeEngine(script=ids, step_delay=0.001)
    async with connect(engine) as client:
        generation = client.submit(spec(max_new_tokens=200, stop=("little girl",)))
        updates = await updates_of(generation)
        assert generation.text == "Once upon a time, there was a "
        assert "".join(update.text for update in updates) == generation.text
        assert generation.finish == FinishReason("stop", "little girl")
        assert tokenizer.decode(generation.output_ids).endswith("little girl")
        assert generation.completion_tokens == len(generation.output_ids) < len(ids)
        assert engine.aborts == [generation.journal.request.rid]
        assert engine.running == 0
        assert client.in_flight == 0


async def test_what_the_engine_computed_beyond_a_stop_string_is_dropped(connect: Connect, tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("the cat sat on the mat", add_special_tokens=False)
    asked = dataclasses.replace(spec(max_new_tokens=200, stop=("sat",)), logprobs=LogprobRequest(output=True))
    async with connect(FakeEngine(script=ids, tokens_per_step=100)) as client:
        generation = client.submit(asked)
        (update,) = await updates_of(generation)
    assert tokenizer.decode(update.token_ids).endswith("sat")
    assert len(update.logprobs) == len(update.token_ids) == generation.completion_tokens
    assert generation.text == "the cat "


async def test_a_possible_beginning_of_a_stop_string_comes_with_the_end(connect: Connect, tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("the cat sat", add_special_tokens=False)
    async with connect(FakeEngine(script=[*ids, EOS])) as client:
        generation = client.submit(spec(max_new_tokens=50, stop=("sat on",)))
        updates = await updates_of(generation)
    assert generation.text == "the cat sat"
    assert updates[-1].text.endswith("sat")


@pytest.mark.parametrize("text", ["naïve café", "日本語 and 😀👍🏽", "a\ufffdb", "\r\n\u2028\0"])
async def test_no_update_breaks_a_character(connect: Connect, tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False)
    async with connect(FakeEngine(script=[*ids, EOS])) as client:
        generation = client.submit(spec(max_new_tokens=200))
        updates = await updates_of(generation)
    assert generation.text == "".join(update.text for update in updates) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in update.text for update in updates)


async def test_an_abort_ends_the_iteration_and_is_sent_once(connect: Connect) -> None:
    engine = FakeEngine(step_delay=0.001)
    async with connect(engine) as client:
        generation = client.submit(spec(max_new_tokens=400))
        await anext(generation)
        generation.abort("too slow")
        generation.abort()
        (last,) = await updates_of(generation)
        assert last.finish == generation.finish == FinishReason("abort", message="too slow")
        assert engine.aborts == [generation.journal.request.rid]
        assert (engine.running, client.in_flight) == (0, 0)
    generation.abort()
    assert len(engine.aborts) == 1


async def test_an_ended_request_is_not_aborted(connect: Connect) -> None:
    engine = FakeEngine()
    async with connect(engine) as client:
        generation = await client.submit(spec()).wait()
        generation.abort()
    assert engine.aborts == []
    assert generation.finish == FinishReason("length")


async def test_aborting_by_label_takes_exact_matches_only(connect: Connect) -> None:
    async with connect(FakeEngine(held=True)) as client:
        labels = ["a", "a", "ab", ""]
        generations = [client.submit(dataclasses.replace(spec(), label=label)) for label in labels]
        assert client.abort_matching("a") == 2
        assert client.abort_matching("nobody") == 0
        assert [generation.ended for generation in generations] == [True, True, False, False]
        assert client.abort_all() == 2
        assert client.in_flight == 0


async def test_what_the_engine_refuses_is_raised_as_it_was(connect: Connect) -> None:
    refused = ContextLengthExceeded("too long", param="prompt")
    broken = EngineFailure("not a finite number")
    full = QueueFull("full")
    wrong = RequestError("no", param="top_k", code="invalid_value")
    engine = FakeEngine(failures={(1,): refused, (2,): broken, (3,): full, (4,): wrong})
    async with connect(engine) as client:
        for number, error in enumerate((refused, broken, full, wrong), start=1):
            with pytest.raises(type(error)) as caught:
                await anext(client.submit(spec([number])))
            assert (caught.value.message, caught.value.code) == (error.message, error.code)
            assert (caught.value.http_status, caught.value.param) == (error.http_status, error.param)
        assert client.in_flight == 0
        assert (await client.submit(spec([5])).wait()).completion_tokens == 8


# -- refusals on submission ------------------------------------------------------------------------


async def test_a_request_that_cannot_be_served_never_reaches_the_engine(connect: Connect) -> None:
    engine = FakeEngine()
    async with connect(engine) as client:
        with pytest.raises(ContextLengthExceeded):
            client.submit(spec(max_new_tokens=510))
        with pytest.raises(RequestError):
            client.submit(spec(top_p=2.0))
        with pytest.raises(RequestError):
            client.submit(spec([]))
        assert client.in_flight == 0
    assert engine.requests == []


async def test_a_full_queue_refuses_and_recovers(connect: Connect) -> None:
    info = fake_info(max_running_requests=2, settings={"max_queued_requests": 3})
    engine = FakeEngine(info, held=True)
    async with connect(engine) as client:
        accepted = [client.submit(spec()) for _ in range(5)]
        with pytest.raises(QueueFull) as caught:
            client.submit(spec())
        assert caught.value.retry_after >= 1
        engine.release()
        await asyncio.gather(*(generation.wait() for generation in accepted))
        assert (await client.submit(spec()).wait()).completion_tokens == 8


async def test_draining_finishes_what_runs_and_takes_nothing_new(connect: Connect) -> None:
    engine = FakeEngine(step_delay=0.001)
    async with connect(engine) as client:
        generation = client.submit(spec(max_new_tokens=20))
        client.begin_drain()
        assert client.draining
        with pytest.raises(Draining):
            client.submit(spec())
        assert not await client.drained(0.0)
        assert await client.drained(5.0)
        assert generation.finish == FinishReason("length")


async def test_closing_aborts_and_tells_nobody_that_the_engine_died(connect: Connect) -> None:
    engine = FakeEngine(held=True)
    deaths: list[EngineDead] = []
    async with connect(engine) as client:
        client.on_death(deaths.append)
        generation = client.submit(spec())
    assert engine.closed
    assert generation.finish is not None
    assert generation.finish.kind == "abort"
    assert deaths == []
    with pytest.raises(EngineDead):
        client.submit(spec())


# -- questions -------------------------------------------------------------------------------------


async def test_a_probe_brings_the_counters(connect: Connect) -> None:
    async with connect(FakeEngine(held=True)) as client:
        client.submit(spec())
        stats = await client.probe(5.0)
        assert (stats.queued, client.stats) == (1, stats)


async def test_unasked_counters_are_kept_too(connect: Connect) -> None:
    engine = FakeEngine()
    async with connect(engine) as client:
        client.start()
        engine.say(Stats(running=7))
        await client.probe(5.0)
        engine.say(Stats(running=9))
        await asyncio.sleep(0.01)
        assert client.stats.running == 9


async def test_a_probe_without_an_answer_ends(tokenizer: Tokenizer) -> None:
    class Mute(FakeEngine):
        def send(self, body: object) -> None: ...

    engine = Mute()
    client = EngineClient(engine, engine.info, tokenizer)
    with pytest.raises(Unavailable, match=r"did not answer within 0\.01 s"):
        await client.probe(0.01)
    await client.close()


async def test_flushing_waits_for_running_requests_if_asked_to(connect: Connect) -> None:
    async with connect(FakeEngine(step_delay=0.001)) as client:
        client.submit(spec(max_new_tokens=50))
        assert await client.flush_cache(0.0) == (False, "1 requests are running")
        assert await client.flush_cache(5.0) == (True, "Cache flushed.")
        again = await client.submit(spec()).wait()
        assert again.cached_tokens == 0


# -- trouble ---------------------------------------------------------------------------------------


async def test_a_dead_engine_ends_everything_at_once(connect: Connect) -> None:
    engine = FakeEngine(held=True)
    deaths: list[EngineDead] = []
    async with connect(engine) as client:
        client.on_death(deaths.append)
        streams = [asyncio.ensure_future(anext(client.submit(spec()))) for _ in range(3)]
        waits = [asyncio.ensure_future(client.submit(spec()).wait()) for _ in range(3)]
        await asyncio.sleep(0.01)
        died = time.monotonic()
        engine.die()
        results = await asyncio.gather(*streams, *waits, return_exceptions=True)
        assert time.monotonic() - died < 5.0  # A moment on any machine; nobody waits for a timeout.
        assert all(isinstance(result, EngineDead) for result in results)
        assert (client.alive, client.in_flight) == (False, 0)
        assert len(deaths) == 1
        for use in (client.probe(1.0), client.flush_cache(1.0)):
            with pytest.raises(EngineDead):
                await use
        with pytest.raises(EngineDead):
            client.submit(spec())
        late: list[EngineDead] = []
        client.on_death(late.append)
        assert len(late) == 1


async def test_what_came_before_the_death_is_delivered_first(connect: Connect) -> None:
    async with connect(FakeEngine(die_after_steps=3)) as client:
        generation = client.submit(spec())
        got = [(await anext(generation)).token_ids for _ in range(3)]
        with pytest.raises(EngineDead):
            await anext(generation)
    assert generation.finish is None
    assert [[token] for token in generation.output_ids] == got


async def test_repeated_news_are_dropped(connect: Connect) -> None:
    engine = FakeEngine(held=True)
    async with connect(engine) as client:
        generation = client.submit(spec())
        rid = generation.journal.request.rid
        for delta in (Delta(rid, 0, [300]), Delta(rid, 0, [300]), Delta(rid, 0, [300, 301]), Delta(rid, 2, [302])):
            engine.say(Outputs([delta]))
        await client.probe(5.0)
        assert generation.output_ids == [300, 301, 302]


async def test_lost_news_fail_the_one_request(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    engine = FakeEngine(held=True)
    async with connect(engine) as client:
        broken, other = client.submit(spec()), client.submit(spec())
        rid = broken.journal.request.rid
        engine.say(Outputs([Delta(rid, 0, [300]), Delta(rid, 2, [302])]))
        with pytest.raises(EngineFailure, match="skipped from output position 1 to 2"):
            await broken.wait()
        assert engine.aborts == [rid]
        assert not other.ended
        engine.release()
        assert (await other.wait()).completion_tokens == 8


async def test_a_fault_in_turning_ids_into_text_fails_the_one_request(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    engine = FakeEngine(held=True)
    async with connect(engine) as client:
        broken, other = client.submit(spec()), client.submit(spec())
        engine.say(Outputs([Delta(broken.journal.request.rid, 0, ["x"])]))  # type: ignore[list-item]
        with caplog.at_level(logging.CRITICAL), pytest.raises(EngineFailure, match="could not be turned into text"):
            await broken.wait()
        engine.release()
        assert (await other.wait()).completion_tokens == 8


async def test_news_of_unknown_requests_are_ignored(connect: Connect) -> None:
    engine = FakeEngine()
    async with connect(engine) as client:
        client.start()
        engine.say(Outputs([Delta(999, 0, [300])]))
        assert (await client.submit(spec()).wait()).completion_tokens == 8


class Notes:
    """An observer that writes down what it hears."""

    def __init__(self) -> None:
        self.tokens = 0
        self.ends: list[object] = []

    def advanced(self, generation: Generation, tokens: int) -> None:
        self.tokens += tokens

    def ended(self, generation: Generation) -> None:
        self.ends.append(generation.finish or generation.error)


async def test_an_observer_hears_of_every_token_and_every_end(connect: Connect) -> None:
    engine = FakeEngine(failures={(4,): EngineFailure("no")})
    async with connect(engine) as client:
        notes = client.observer = Notes()
        await client.submit(spec()).wait()
        client.submit(spec()).abort()
        with pytest.raises(EngineFailure):
            await client.submit(spec([4])).wait()
    assert notes.tokens == 8
    assert [str(end) for end in notes.ends][2] == "no"
    assert notes.ends[0] == FinishReason("length")
