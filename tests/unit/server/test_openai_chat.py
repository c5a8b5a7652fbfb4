"""/v1/chat/completions over the real client and a fake engine."""

from __future__ import annotations

import pytest

from tests.asgi import until
from tests.fakes import FakeEngine, fake_info, fake_logprob
from tests.serving import CHAT, MODEL, STORIES, serving, stories_tokenizer


async def test_whole_answer_has_openais_shape() -> None:
    async with serving() as server:
        answer = await server.chat(max_tokens=3)
        body = answer.json()
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert body["id"].startswith("chatcmpl-")
        assert len(body["id"]) == len("chatcmpl-") + 32
        assert body["object"] == "chat.completion"
        assert body["model"] == MODEL
        assert body["system_fingerprint"].startswith("fp_")
        (choice,) = body["choices"]
        assert choice["index"] == 0
        assert choice["message"] == {"role": "assistant", "content": choice["message"]["content"], "refusal": None}
        assert choice["finish_reason"] == "length"
        assert choice["logprobs"] is None
        prompt = body["usage"]["prompt_tokens"]
        assert body["usage"] == {
            "prompt_tokens": prompt,
            "completion_tokens": 3,
            "total_tokens": prompt + 3,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
        assert body["timings"] == {"queue_ms": 1.0, "prompt_ms": 2.0, "predicted_ms": 3.0}


async def test_where_the_time_went_is_left_out_when_the_engine_was_not_asked_to_the_end() -> None:
    async with serving() as server:
        text = (await server.chat()).json()["choices"][0]["message"]["content"]
        body = (await server.chat(stop=text[3:6])).json()
        assert body["choices"][0]["finish_reason"] == "stop"
        assert "timings" not in body


async def test_prompt_is_the_rendered_template() -> None:
    async with serving() as server:
        await server.chat("Once upon a time")
        rendered = (STORIES / "chat_template.jinja").read_text()
        assert "m['content'] + ' '" in rendered
        expected = await stories_tokenizer().encode_chat([{"role": "user", "content": "Once upon a time"}])
        assert server.engine.requests[0].input_ids == b"".join(i.to_bytes(4, "little") for i in expected)


async def test_stream_names_the_role_first_then_text_then_the_end() -> None:
    async with serving() as server:
        answer = await server.chat(stream=True, max_tokens=4)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        *events, done = answer.events()
        assert done == "[DONE]"
        assert {(e["id"], e["object"], e["model"], e["created"]) for e in events} == {
            (events[0]["id"], "chat.completion.chunk", MODEL, events[0]["created"])
        }
        assert all("usage" not in event for event in events)
        choices = [event["choices"][0] for event in events]
        assert choices[0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
        assert all(choice["delta"].keys() == {"content"} for choice in choices[1:-1])
        assert choices[-1]["delta"] == {}
        assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["length"]


async def test_stream_says_the_same_as_the_whole_answer() -> None:
    async with serving() as server:
        whole = (await server.chat(max_tokens=12, logprobs=True, top_logprobs=2)).json()
        *events, _ = (
            await server.chat(
                stream=True, max_tokens=12, logprobs=True, top_logprobs=2, stream_options={"include_usage": True}
            )
        ).events()
        choices = [event["choices"][0] for event in events if event["choices"]]
        assert "".join(c["delta"].get("content", "") for c in choices) == whole["choices"][0]["message"]["content"]
        entries = [entry for c in choices if c["logprobs"] for entry in c["logprobs"]["content"]]
        assert entries == whole["choices"][0]["logprobs"]["content"]
        assert events[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


async def test_usage_chunk_comes_only_when_asked_and_is_null_before() -> None:
    async with serving() as server:
        *events, usage, done = (await server.chat(stream=True, stream_options={"include_usage": True})).events()
        assert done == "[DONE]"
        assert usage["choices"] == []
        assert usage["usage"]["completion_tokens"] == 8
        assert all(event["usage"] is None for event in events)
        assert usage["timings"] == {"queue_ms": 1.0, "prompt_ms": 2.0, "predicted_ms": 3.0}
        assert all("timings" not in event for event in events)


async def test_continuous_usage_counts_up() -> None:
    async with serving() as server:
        options = {"include_usage": True, "continuous_usage_stats": True}
        *events, _ = (await server.chat(stream=True, max_tokens=4, stream_options=options)).events()
        counts = [event["usage"]["completion_tokens"] for event in events]
        assert counts == sorted(counts)
        assert counts[-1] == 4
        assert all(
            event["usage"]["total_tokens"] == event["usage"]["prompt_tokens"] + count
            for event, count in zip(events, counts, strict=True)
        )


async def test_logprobs_carry_text_bytes_and_alternatives() -> None:
    async with serving(FakeEngine(script=[300, 2])) as server:
        body = (await server.chat(logprobs=True, top_logprobs=3)).json()
        first, end = body["choices"][0]["logprobs"]["content"]
        tokenizer = stories_tokenizer()
        assert first["token"] == tokenizer.token_text(300)
        assert first["bytes"] == list(tokenizer.token_bytes(300))
        assert first["logprob"] == fake_logprob(300)
        assert [entry["logprob"] for entry in first["top_logprobs"]] == [fake_logprob(300) - step for step in range(3)]
        assert end["token"] == tokenizer.token_text(2)
        assert body["choices"][0]["finish_reason"] == "stop"
        assert body["choices"][0]["matched_stop"] == 2
        assert body["usage"]["completion_tokens"] == 2


async def test_logprobs_without_alternatives() -> None:
    async with serving() as server:
        body = (await server.chat(logprobs=True, max_tokens=1)).json()
        assert body["choices"][0]["logprobs"]["content"][0]["top_logprobs"] == []


async def test_half_characters_in_logprobs_have_exact_bytes() -> None:
    # Ids 3 to 258 of the tiny model are the single bytes.
    ids = [3 + byte for byte in "é".encode()]
    async with serving(FakeEngine(script=[*ids, 2])) as server:
        body = (await server.chat(logprobs=True)).json()
        choice = body["choices"][0]
        assert choice["message"]["content"] == "é"
        assert b"".join(bytes(entry["bytes"]) for entry in choice["logprobs"]["content"][:2]) == "é".encode()


async def test_n_choices_are_independent_generations_with_seeds_of_their_own() -> None:
    async with serving() as server:
        body = (await server.chat(n=3, seed=11, max_tokens=2)).json()
        assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
        assert body["usage"]["completion_tokens"] == 6
        assert body["usage"]["prompt_tokens"] == len(server.engine.requests[0].input_ids) // 4
        seeds = [request.seed for request in server.engine.requests]
        assert seeds[0] == 11
        assert len(set(seeds)) == 3
        await server.chat(n=3, seed=11, max_tokens=2)
        assert [request.seed for request in server.engine.requests[3:]] == seeds


async def test_n_choices_stream_interleaved_and_complete() -> None:
    async with serving(FakeEngine(step_delay=0.001)) as server:
        whole = (await server.chat(n=3, max_tokens=5)).json()
        *events, done = (await server.chat(n=3, max_tokens=5, stream=True)).events()
        assert done == "[DONE]"
        assert [event["choices"][0]["delta"].get("role") for event in events[:3]] == ["assistant"] * 3
        for index in range(3):
            mine = [event["choices"][0] for event in events if event["choices"][0]["index"] == index]
            text = "".join(choice["delta"].get("content", "") for choice in mine)
            assert text == whole["choices"][index]["message"]["content"]
            assert [choice["finish_reason"] for choice in mine if choice["finish_reason"]] == ["length"]


async def test_stop_string_never_leaks() -> None:
    async with serving() as server:
        full = (await server.chat(max_tokens=12)).json()["choices"][0]["message"]["content"]
        stop = full[3:6]
        *events, _ = (await server.chat(max_tokens=12, stop=stop, stream=True)).events()
        text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
        assert text == full[: full.index(stop)]
        assert events[-1]["choices"][0]["finish_reason"] == "stop"
        assert events[-1]["choices"][0]["matched_stop"] == stop


async def test_cached_tokens_are_told() -> None:
    async with serving() as server:
        await server.chat()
        body = (await server.chat()).json()
        assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == body["usage"]["prompt_tokens"] - 1


async def test_max_tokens_fills_the_context_when_absent() -> None:
    async with serving(FakeEngine(fake_info(max_model_len=24, max_request_tokens=24))) as server:
        body = (await server.post(CHAT, {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]})).json()
        assert body["usage"]["total_tokens"] == 24


async def test_names_of_the_model() -> None:
    async with serving() as server:
        assert (await server.chat(model="second-name")).json()["model"] == "second-name"
        assert (await server.chat(model="default")).json()["model"] == MODEL
        refused = await server.chat(model="gpt-4")
        assert refused.status == 404
        assert refused.json()["error"]["code"] == "model_not_found"
        assert refused.json()["error"]["param"] == "model"
        assert MODEL in refused.json()["error"]["message"]


async def test_extensions_reach_the_engine() -> None:
    async with serving() as server:
        await server.chat(top_k=5, min_p=0.1, priority=3, rid="mine", cache_salt="a", ignore_eos=True)
        (request,) = server.engine.requests
        assert (request.sampling.top_k, request.sampling.min_p, request.sampling.ignore_eos) == (5, 0.1, True)
        assert request.priority == 3
        assert request.namespace != ""


async def test_salts_separate_prefix_caches() -> None:
    async with serving() as server:
        for fields in (
            {},
            {"cache_salt": "a"},
            {"extra_key": "a"},
            {"cache_salt": "a", "extra_key": "b"},
            {"cache_salt": "a"},
        ):
            await server.chat(**fields)
        namespaces = [request.namespace for request in server.engine.requests]
        assert namespaces[0] == ""
        assert namespaces[1] == namespaces[4]
        assert len(set(namespaces)) == 4


async def test_rid_is_what_an_operator_aborts() -> None:
    async with serving(FakeEngine(held=True)) as server:
        connection = server.open(CHAT, _body(rid="mine"))
        await until(lambda: server.client.in_flight > 0)
        assert server.client.abort_matching("min") == 0
        assert server.client.abort_matching("mine") == 1
        await connection.ended()
        assert connection.answer.status == 503
        assert connection.answer.json()["error"]["code"] == "request_aborted"


@pytest.mark.parametrize(
    "text", ["data: x\n\ndata: [DONE]\n\n", "a\r\nb", "\u2028\u2029", '"quoted"\\', "\x00", "\ufeff"]
)
async def test_any_text_survives_the_framing(text: str) -> None:
    script = [*(3 + byte for byte in text.encode()), 2]
    async with serving(FakeEngine(script=script)) as server:
        *events, done = (await server.chat(stream=True, max_tokens=100)).events()
        assert done == "[DONE]"
        streamed = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
        whole = (await server.chat(max_tokens=100)).json()["choices"][0]["message"]["content"]
        assert streamed == whole == text


def _body(**fields: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8, **fields}
