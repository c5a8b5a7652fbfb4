"""/generate over the real client and a fake engine: SGLang's wire contract."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from sgl.errors import EngineFailure
from tests.asgi import Answer, call, parse_events
from tests.fakes import FakeEngine, fake_info, fake_logprob, fake_token
from tests.serving import Serving, serving, stories_tokenizer

TEXT = "Once upon a time"
EOS = 2


async def generate(server: Serving, sampling: dict[str, Any] | list[Any] | None = None, **fields: Any) -> Answer:
    """Posts to /generate; the prompt is `TEXT` unless ``fields`` has one."""
    if not fields.keys() & {"text", "input_ids"}:
        fields["text"] = TEXT
    return await server.post("/generate", {"sampling_params": sampling, **fields})


def prompt_ids(text: str = TEXT) -> list[int]:
    return stories_tokenizer().encode(text)


def refused(answer: Answer) -> tuple[int, str | None, str | None]:
    """Status, param and code of an error."""
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return answer.status, error["param"], error["code"]


# -- whole answers ---------------------------------------------------------------------------------


async def test_answer_has_text_output_ids_and_meta_info() -> None:
    async with serving() as server:
        answer = await generate(server, {"max_new_tokens": 3})
        body = answer.json()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert body.keys() == {"text", "output_ids", "meta_info"}
    ids = prompt_ids()
    assert body["output_ids"] == [fake_token(ids, position, 512) for position in range(3)]
    assert body["text"] == stories_tokenizer().decode([*ids, *body["output_ids"]]).removeprefix(
        stories_tokenizer().decode(ids)
    )
    meta = body["meta_info"]
    assert meta["finish_reason"] == {"type": "length", "length": 3}
    assert meta["prompt_tokens"] == len(ids)
    assert meta["completion_tokens"] == 3
    assert meta["cached_tokens"] == 0
    assert meta["num_retractions"] == 0
    assert meta["weight_version"] == "default"
    assert meta["queue_time"] == 0.001
    assert meta["e2e_latency"] >= meta["first_token_latency"] > 0
    assert len(meta["id"]) == 32
    assert "input_token_logprobs" not in meta


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_token_ids_are_taken_as_they_are(method: str) -> None:
    async with serving() as server:
        body = {"input_ids": [1, 300, 301], "sampling_params": {"max_new_tokens": 2}}
        answer = await call(server.app, method, "/generate", json_body=body)
    assert answer.json()["meta_info"]["prompt_tokens"] == 3
    assert answer.json()["output_ids"] == [fake_token([1, 300, 301], position, 512) for position in range(2)]


async def test_end_token_counts_and_names_what_matched() -> None:
    async with serving(FakeEngine(script=[300, 301, EOS])) as server:
        body = (await generate(server, {"max_new_tokens": 9})).json()
    assert body["output_ids"] == [300, 301, EOS]
    assert body["meta_info"]["completion_tokens"] == 3
    assert body["meta_info"]["finish_reason"] == {"type": "stop", "matched": EOS}


async def test_stop_string_is_cut_and_named() -> None:
    ids = prompt_ids(TEXT)[1:]
    async with serving(FakeEngine(script=ids)) as server:
        body = (await generate(server, {"max_new_tokens": 9, "stop": "upon"}, input_ids=[1])).json()
        keeping = {"max_new_tokens": 9, "stop": ["upon"], "no_stop_trim": True}
        kept = (await generate(server, keeping, input_ids=[1])).json()
    assert body["meta_info"]["finish_reason"] == {"type": "stop", "matched": "upon"}
    assert body["text"].strip() == "Once"
    assert kept["text"].strip() == "Once upon"


async def test_no_new_tokens_computes_the_prompt_only() -> None:
    async with serving() as server:
        body = (await generate(server, {"max_new_tokens": 0})).json()
    assert (body["text"], body["output_ids"]) == ("", [])
    assert body["meta_info"]["completion_tokens"] == 0
    assert body["meta_info"]["finish_reason"] == {"type": "length", "length": 0}
    assert body["meta_info"]["prompt_tokens"] == len(prompt_ids())


async def test_cached_tokens_are_reported() -> None:
    async with serving() as server:
        await generate(server, {"max_new_tokens": 1})
        body = (await generate(server, {"max_new_tokens": 1})).json()
    assert body["meta_info"]["cached_tokens"] == len(prompt_ids()) - 1


async def test_prompt_ids_are_repeated_on_request() -> None:
    async with serving() as server:
        body = (await generate(server, {"max_new_tokens": 1}, return_prompt_token_ids=True)).json()
    assert body["prompt_token_ids"] == prompt_ids()


# -- how much is generated -------------------------------------------------------------------------


async def test_default_is_128_tokens() -> None:
    async with serving() as server:
        body = (await generate(server)).json()
        null = (await generate(server, {"max_new_tokens": None})).json()
    assert body["meta_info"]["completion_tokens"] == 128
    assert null["meta_info"]["completion_tokens"] == 128


async def test_default_yields_to_the_context() -> None:
    async with serving() as server:
        body = (await generate(server, input_ids=[300] * 500)).json()
    assert body["meta_info"]["completion_tokens"] == 12


async def test_what_was_asked_for_must_fit() -> None:
    async with serving() as server:
        fits = await generate(server, {"max_new_tokens": 12}, input_ids=[300] * 500)
        over = await generate(server, {"max_new_tokens": 13}, input_ids=[300] * 500)
        full = await generate(server, input_ids=[300] * 512)
    assert fits.status == 200
    assert refused(over)[::2] == (400, "context_length_exceeded")
    assert "512" in over.json()["error"]["message"]
    assert "513" in over.json()["error"]["message"]
    assert refused(full)[::2] == (400, "context_length_exceeded")


# -- several answers -------------------------------------------------------------------------------


async def test_list_of_prompts_gives_a_list() -> None:
    async with serving() as server:
        body = (await generate(server, {"max_new_tokens": 2}, text=["Once", "upon a time"])).json()
        single = (await generate(server, {"max_new_tokens": 2}, text=["Once"])).json()
    lengths = [len(prompt_ids("Once")), len(prompt_ids("upon a time"))]
    assert [one["meta_info"]["prompt_tokens"] for one in body] == lengths
    assert len(single) == 1


async def test_samples_of_a_prompt_lie_side_by_side_with_seeds_of_their_own() -> None:
    async with serving() as server:
        sampling = {"max_new_tokens": 1, "n": 2, "sampling_seed": 7}
        body = (await generate(server, sampling, input_ids=[[1, 300], [1, 301, 302]])).json()
        seeds = [request.seed for request in server.engine.requests]
    assert [one["meta_info"]["prompt_tokens"] for one in body] == [2, 2, 3, 3]
    assert seeds[0] == seeds[2] == 7
    assert seeds[1] == seeds[3] != 7


async def test_samples_of_one_prompt_are_a_list() -> None:
    async with serving() as server:
        body = (await generate(server, {"max_new_tokens": 1, "n": 3}, rid="mine")).json()
    assert [one["meta_info"]["id"] for one in body] == ["mine_0", "mine_1", "mine_2"]


async def test_every_prompt_may_have_values_of_its_own() -> None:
    async with serving() as server:
        body = (
            await generate(
                server,
                [{"max_new_tokens": 1}, {"max_new_tokens": 2}],
                text=["Once", "upon"],
                rid=["a", "b"],
                return_logprob=[True, False],
                top_logprobs_num=[2, None],
                cache_salt=["x", None],
            )
        ).json()
        requests = server.engine.requests
    assert [one["meta_info"]["completion_tokens"] for one in body] == [1, 2]
    assert [one["meta_info"]["id"] for one in body] == ["a", "b"]
    assert len(body[0]["meta_info"]["output_top_logprobs"][0]) == 2
    assert "output_token_logprobs" not in body[1]["meta_info"]
    assert requests[0].namespace != requests[1].namespace == ""


async def test_one_name_for_many_answers_is_numbered() -> None:
    async with serving() as server:
        body = (await generate(server, {"max_new_tokens": 1}, text=["Once", "upon"], rid="batch")).json()
    assert [one["meta_info"]["id"] for one in body] == ["batch_0", "batch_1"]


async def test_one_refused_prompt_refuses_all_and_leaves_nothing_running() -> None:
    async with serving(FakeEngine(step_delay=0.01)) as server:
        answer = await generate(server, {"max_new_tokens": 400}, input_ids=[[1, 300], [300] * 200])
        assert refused(answer)[::2] == (400, "context_length_exceeded")
        assert server.engine.running == 0
        assert server.client.in_flight == 0


# -- log probabilities -----------------------------------------------------------------------------


async def test_logprobs_are_triples() -> None:
    async with serving() as server:
        body = (await generate(server, {"max_new_tokens": 2}, return_logprob=True)).json()
    meta = body["meta_info"]
    assert meta["input_token_logprobs"] == []
    assert meta["output_token_logprobs"] == [[fake_logprob(token), token, None] for token in body["output_ids"]]
    assert meta["output_token_logprobs_length"] == 2
    assert "output_top_logprobs" not in meta


@pytest.mark.parametrize("start", [0, 2])
async def test_first_input_logprob_is_null_wherever_it_starts(start: int) -> None:
    ids = [1, 300, 301, 302]
    async with serving() as server:
        body = (
            await generate(
                server,
                {"max_new_tokens": 0},
                input_ids=ids,
                return_logprob=True,
                logprob_start_len=start,
                top_logprobs_num=2,
                token_ids_logprob=[5],
                return_text_in_logprobs=True,
            )
        ).json()
    meta = body["meta_info"]
    text = stories_tokenizer().token_text
    first, *rest = meta["input_token_logprobs"]
    assert first == [None, ids[start], text(ids[start])]
    assert rest == [[fake_logprob(token), token, text(token)] for token in ids[start + 1 :]]
    assert meta["input_top_logprobs"][0] is None
    assert meta["input_top_logprobs"][1][0] == [fake_logprob(ids[start + 1]), ids[start + 1], text(ids[start + 1])]
    assert meta["input_token_ids_logprobs"] == [None, *[[[fake_logprob(5), 5, text(5)]]] * (len(ids) - start - 1)]
    assert meta["output_token_logprobs"] == meta["output_top_logprobs"] == meta["output_token_ids_logprobs"] == []


async def test_logprob_start_at_the_end_of_the_prompt_is_output_only() -> None:
    async with serving() as server:
        fields = {"input_ids": [1, 2], "return_logprob": True}
        at_end = await generate(server, {"max_new_tokens": 1}, logprob_start_len=2, **fields)
        beyond = await generate(server, {"max_new_tokens": 1}, logprob_start_len=3, **fields)
    assert at_end.json()["meta_info"]["input_token_logprobs"] == []
    assert refused(beyond) == (400, "logprob_start_len", "invalid_value")


# -- streams ---------------------------------------------------------------------------------------


async def test_stream_is_cumulative_and_ends_like_the_whole_answer() -> None:
    async with serving(FakeEngine(script=[300, 301, 302, EOS])) as server:
        fields = {"return_logprob": True, "return_text_in_logprobs": True, "rid": "mine"}
        whole = (await generate(server, {"max_new_tokens": 9}, **fields)).json()
        answer = await generate(server, {"max_new_tokens": 9}, stream=True, **fields)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert answer.body.count(b"[DONE]") == 1
    *chunks, _ = answer.events()
    assert [chunk["meta_info"]["completion_tokens"] for chunk in chunks] == [1, 2, 3, 4]
    for earlier, later in itertools.pairwise(chunks):
        assert later["text"].startswith(earlier["text"])
        assert later["output_ids"][: len(earlier["output_ids"])] == earlier["output_ids"]
        assert earlier["meta_info"]["finish_reason"] is None
    assert all(chunk["meta_info"]["id"] == "mine" for chunk in chunks)
    assert all("index" not in chunk for chunk in chunks)
    last = chunks[-1]
    for key in ("finish_reason", "prompt_tokens", "cached_tokens", "output_token_logprobs"):
        assert last["meta_info"].keys() == whole["meta_info"].keys()
        if key != "cached_tokens":
            assert last["meta_info"][key] == whole["meta_info"][key]
    assert (last["text"], last["output_ids"]) == (whole["text"], whole["output_ids"])


async def test_stream_of_many_answers_names_the_index() -> None:
    async with serving() as server:
        answer = await generate(server, {"max_new_tokens": 3, "n": 2}, input_ids=[[1, 300], [1, 301]], stream=True)
        *chunks, done = answer.events()
    assert done == "[DONE]"
    last = {chunk["index"]: chunk for chunk in chunks}
    assert sorted(last) == [0, 1, 2, 3]
    assert all(chunk["meta_info"]["finish_reason"] == {"type": "length", "length": 3} for chunk in last.values())
    assert last[0]["output_ids"] == last[1]["output_ids"] != last[2]["output_ids"]


async def test_stream_interval_spaces_chunks() -> None:
    async with serving() as server:
        answer = await generate(server, {"max_new_tokens": 8, "stream_interval": 3}, stream=True)
        *chunks, _ = answer.events()
    assert [chunk["meta_info"]["completion_tokens"] for chunk in chunks] == [3, 6, 8]


async def test_stream_without_new_tokens_is_one_chunk() -> None:
    async with serving() as server:
        chunk, done = (await generate(server, {"max_new_tokens": 0}, stream=True)).events()
    assert chunk["text"] == ""
    assert chunk["meta_info"]["finish_reason"]["type"] == "length"
    assert done == "[DONE]"


# -- ends before the end ---------------------------------------------------------------------------


async def test_refusal_before_the_first_token_has_its_own_status() -> None:
    failure = EngineFailure("nan_logits", code="nan_logits")
    async with serving(FakeEngine(failures={(1, 300): failure})) as server:
        for stream in (False, True):
            answer = await generate(server, {"max_new_tokens": 2}, input_ids=[1, 300], stream=stream)
            assert refused(answer) == (500, None, "nan_logits")


async def test_death_in_a_stream_is_an_error_event_then_done() -> None:
    async with serving(FakeEngine(die_after_steps=3)) as server:
        answer = await generate(server, {"max_new_tokens": 50}, stream=True)
    *chunks, error, done = answer.events()
    assert all("error" not in chunk for chunk in chunks)
    assert error["error"]["code"] == "engine_dead"
    assert done == "[DONE]"


async def test_disconnect_aborts() -> None:
    async with serving(FakeEngine(step_delay=0.005)) as server:
        body = {"text": TEXT, "sampling_params": {"max_new_tokens": 400}, "stream": True}
        connection = server.open("/generate", body)
        await connection.until_sent(3)
        connection.disconnect()
        await connection.ended()
        await asyncio.sleep(0.02)
        assert server.engine.running == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_abort_request_ends_with_finish_reason_abort(stream: bool) -> None:
    async with serving(FakeEngine(step_delay=0.005)) as server:
        body = {"text": TEXT, "sampling_params": {"max_new_tokens": 400}, "stream": stream, "rid": "mine"}
        connection = server.open("/generate", body)
        while not server.client.in_flight:
            await asyncio.sleep(0.005)
        prefix = await server.post("/abort_request", {"rid": "min"})
        assert prefix.json() == {"aborted": 0}
        aborted = await server.post("/abort_request", {"rid": "mine"})
        assert aborted.json() == {"aborted": 1}
        await connection.ended()
        answer = connection.answer
    last = parse_events(answer.body)[-2] if stream else answer.json()
    assert answer.status == 200
    assert last["meta_info"]["finish_reason"]["type"] == "abort"
    assert last["meta_info"]["finish_reason"]["message"]


async def test_queue_timeout_is_503() -> None:
    async with serving(FakeEngine(held=True), queue_timeout=0.02) as server:
        assert refused(await generate(server)) == (503, None, "queue_timeout")
        assert server.engine.running == 0


# -- what clients of SGLang send -------------------------------------------------------------------


async def test_what_the_frontend_language_sends_is_taken() -> None:
    sampling = {
        "skip_special_tokens": True,
        "spaces_between_special_tokens": True,
        "max_new_tokens": 2,
        "min_new_tokens": 0,
        "n": 1,
        "stop": [],
        "stop_token_ids": [],
        "stop_regex": [],
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": -1,
        "min_p": 0.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "ignore_eos": False,
        "regex": None,
        "json_schema": None,
        "ebnf": "",
        "structural_tag": None,
    }
    async with serving() as server:
        assert (await generate(server, sampling)).status == 200


async def test_what_the_bench_client_sends_is_taken() -> None:
    async with serving() as server:
        answer = await generate(
            server,
            {"temperature": 0.0, "max_new_tokens": 4, "ignore_eos": True},
            stream=True,
            lora_path=None,
            return_logprob=False,
            return_routed_experts=False,
            logprob_start_len=-1,
            image_data=[],
        )
        assert answer.status == 200


async def test_null_is_the_default_everywhere() -> None:
    top = "rid stream return_logprob logprob_start_len top_logprobs_num token_ids_logprob priority extra_key cache_salt"
    beside = "lora_path return_text_in_logprobs sampling_params"
    sampling = "temperature top_p top_k stop n logit_bias sampling_seed ignore_eos stop_token_ids min_new_tokens"
    nulls = dict.fromkeys(f"{top} {beside}".split())
    async with serving() as server:
        assert (await server.post("/generate", {"text": TEXT, **nulls})).status == 200
        assert (await generate(server, {"max_new_tokens": 1, **dict.fromkeys(sampling.split())})).status == 200


async def test_unknown_fields_beside_the_prompt_are_ignored() -> None:
    async with serving() as server:
        assert (await generate(server, {"max_new_tokens": 1}, conversation_id="x", whatever={"a": 1})).status == 200


async def test_salts_separate_caches() -> None:
    async with serving() as server:
        for salts in ({}, {"cache_salt": "ab"}, {"extra_key": "ab"}, {"cache_salt": "a", "extra_key": "b"}):
            await generate(server, {"max_new_tokens": 1}, **salts)
        namespaces = [request.namespace for request in server.engine.requests]
    assert len(set(namespaces)) == 4
    assert namespaces[0] == ""


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampling", "param", "code"),
    [
        ({"regex": "a*"}, "sampling_params.regex", "unsupported_parameter"),
        ({"json_schema": "{}"}, "sampling_params.json_schema", "unsupported_parameter"),
        ({"ebnf": "root ::= x"}, "sampling_params.ebnf", "unsupported_parameter"),
        ({"structural_tag": "{}"}, "sampling_params.structural_tag", "unsupported_parameter"),
        ({"stop_regex": ["a*"]}, "sampling_params.stop_regex", "unsupported_parameter"),
        ({"beam_width": 4}, "sampling_params.beam_width", "unsupported_parameter"),
        ({"temprature": 1.0}, "sampling_params.temprature", "unknown_parameter"),
        ({"seed": 1}, "sampling_params.seed", "unknown_parameter"),
        ({"temperature": "1"}, "sampling_params.temperature", "invalid_type"),
        ({"temperature": -1}, "temperature", "invalid_value"),
        ({"top_p": 1.5}, "top_p", "invalid_value"),
        ({"top_k": -2}, "top_k", "invalid_value"),
        ({"max_new_tokens": -1}, "sampling_params.max_new_tokens", "integer_below_min_value"),
        ({"max_new_tokens": 1.0}, "sampling_params.max_new_tokens", "invalid_type"),
        ({"max_new_tokens": 2**31}, "sampling_params.max_new_tokens", "integer_above_max_value"),
        ({"n": 0}, "sampling_params.n", "integer_below_min_value"),
        ({"n": 129}, "sampling_params.n", "integer_above_max_value"),
        ({"stop": 1}, "sampling_params.stop", "invalid_type"),
        ({"stop": [""]}, "stop", "invalid_value"),
        ({"stop": ["a"] * 33}, "sampling_params.stop", "array_above_max_length"),
        ({"stop_token_ids": [512]}, "stop_token_ids", "invalid_value"),
        ({"logit_bias": {"a": 1}}, "sampling_params.logit_bias", "invalid_value"),
        ({"logit_bias": {"1": None}}, "sampling_params.logit_bias.1", "invalid_type"),
        ({"logit_bias": {"1": 101}}, "sampling_params.logit_bias.1", "decimal_above_max_value"),
        ({"logit_bias": {"512": 1}}, "logit_bias", "invalid_value"),
        ({"sampling_seed": 2**63}, "sampling_params.sampling_seed", "integer_above_max_value"),
        ("x", "sampling_params", "invalid_type"),
        ([{}], "sampling_params", "invalid_type"),
    ],
)
async def test_bad_sampling_is_refused_by_name(sampling: Any, param: str, code: str) -> None:
    async with serving() as server:
        answer = await generate(server, sampling)
        assert refused(answer) == (400, param, code)
        assert server.engine.requests == []


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"text": None}, "text", "missing_required_parameter"),
        ({"text": 1}, "text", "invalid_type"),
        ({"text": []}, "text", "empty_array"),
        ({"text": ["a", None]}, "text[1]", "invalid_type"),
        ({"text": "a", "input_ids": [1]}, "input_ids", "invalid_value"),
        ({"input_ids": []}, "input_ids", "empty_array"),
        ({"input_ids": [[]]}, "prompt", "invalid_value"),
        ({"input_ids": [[1], 2]}, "input_ids[1]", "invalid_type"),
        ({"input_ids": [1, "a"]}, "input_ids[1]", "invalid_type"),
        ({"input_ids": [True]}, "input_ids[0]", "invalid_type"),
        ({"input_ids": [512]}, "input_ids[0]", "invalid_value"),
        ({"input_ids": [-1]}, "input_ids[0]", "invalid_value"),
        ({"text": ["a"] * 1025}, "text", "array_above_max_length"),
        ({"text": ["a"] * 64, "sampling_params": {"n": 128}}, "sampling_params.n", "array_above_max_length"),
        ({"text": ["a", "b"], "rid": ["x"]}, "rid", "invalid_value"),
        ({"text": ["a", "b"], "rid": ["x", "x"]}, "rid", "invalid_value"),
        ({"text": "a", "rid": ["x"]}, "rid", "invalid_type"),
        ({"text": ["a", "b"], "sampling_params": [{}]}, "sampling_params", "invalid_value"),
        ({"text": ["a", "b"], "sampling_params": [{}, {"n": 2}]}, "sampling_params", "invalid_value"),
        ({"text": ["a"], "sampling_params": [{"top_pp": 1}]}, "sampling_params[0].top_pp", "unknown_parameter"),
        ({"text": "a", "stream": 1}, "stream", "invalid_type"),
        ({"text": "a", "logprob_start_len": -2}, "logprob_start_len", "integer_below_min_value"),
        ({"text": "a", "top_logprobs_num": 21}, "top_logprobs_num", "integer_above_max_value"),
        ({"text": "a", "token_ids_logprob": [512]}, "token_ids_logprob[0]", "invalid_value"),
        ({"text": "a", "image_data": "x"}, "image_data", "unsupported_parameter"),
        ({"text": "a", "lora_path": "x"}, "lora_path", "unsupported_parameter"),
        ({"text": ["a", "b"], "lora_path": [None, "x"]}, "lora_path", "unsupported_parameter"),
        ({"text": "a", "return_hidden_states": True}, "return_hidden_states", "unsupported_parameter"),
        ({"text": "a", "custom_logit_processor": "x"}, "custom_logit_processor", "unsupported_parameter"),
        ({"input_embeds": [[0.5]]}, "input_embeds", "unsupported_parameter"),
    ],
)
async def test_bad_fields_are_refused_by_name(fields: dict[str, Any], param: str, code: str) -> None:
    async with serving() as server:
        answer = await server.post("/generate", fields)
        assert refused(answer) == (400, param, code)
        assert server.client.in_flight == 0


async def test_close_names_are_proposed() -> None:
    async with serving() as server:
        answer = await generate(server, {"temprature": 1.0})
    assert "Did you mean 'temperature'?" in answer.json()["error"]["message"]


async def test_queue_that_is_full_refuses_the_whole_batch() -> None:
    engine = FakeEngine(fake_info(max_running_requests=2, settings={"max_queued_requests": 2}), held=True)
    async with serving(engine) as server:
        answer = await generate(server, {"max_new_tokens": 1}, text=["a"] * 5)
        assert refused(answer) == (503, None, "queue_full")
        assert int(answer.headers["retry-after"]) >= 1
        assert server.client.in_flight == 0
