"""`sgl.Engine` in front of the fake engine process."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import sgl
from sgl.errors import EngineDead, ModelError, RequestError, SglError, StartupError, UnsupportedParameter, UsageError
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.offline import Engine, FlushResult
from sgl.runtime.offline_options import read_options
from sgl.tokenizer.load import Tokenizer
from tests.fakes import fake_token
from tests.processes import FAKE_ENGINE, children, engines

SHORT = {"max_new_tokens": 5}


class FakedEngine(Engine):
    """The real thing with another engine process."""

    _engine_module = FAKE_ENGINE


@pytest.fixture(scope="module")
def engine(stories260k: Path) -> Iterator[Engine]:
    with FakedEngine(model_path=str(stories260k)) as engine:
        yield engine


def test_the_public_name() -> None:
    assert sgl.Engine is Engine


def test_one_prompt(engine: Engine, tokenizer: Tokenizer) -> None:
    answer: Any = engine.generate("Once upon", SHORT)
    prompt = tokenizer.encode("Once upon")
    ids = [fake_token(prompt, position, 512) for position in range(5)]
    assert answer["output_ids"] == ids
    assert answer["text"] == tokenizer.decode([*prompt, *ids]).removeprefix("Once upon")
    meta = answer["meta_info"]
    assert meta["finish_reason"] == {"type": "length", "length": 5}
    assert (meta["prompt_tokens"], meta["completion_tokens"]) == (len(prompt), 5)
    assert meta["e2e_latency"] > 0
    assert len(meta["id"]) == 32


def test_a_list_of_prompts_gives_a_list_in_order(engine: Engine) -> None:
    prompts = [f"prompt {number}" for number in range(100)]
    answers: Any = engine.generate(prompts, SHORT)
    assert [answer["output_ids"] for answer in answers] == [
        engine.generate(prompt, SHORT)["output_ids"]  # type: ignore[call-overload,index]
        for prompt in prompts
    ]


def test_token_ids_and_one_set_of_parameters_each(engine: Engine) -> None:
    answers: Any = engine.generate(
        input_ids=[(1, 300), (1, 301, 302)],
        sampling_params=[{"max_new_tokens": 2}, SamplingParams(max_new_tokens=3, seed=4, logit_bias={5: 1.0})],
    )
    assert [len(answer["output_ids"]) for answer in answers] == [2, 3]
    assert [answer["meta_info"]["prompt_tokens"] for answer in answers] == [2, 3]


def test_samples_of_one_prompt_are_a_list(engine: Engine) -> None:
    answers: Any = engine.generate("hi", {"n": 2, **SHORT})
    assert len(answers) == 2


def test_log_probabilities(engine: Engine) -> None:
    answer: Any = engine.generate(
        input_ids=[1, 300, 301], sampling_params=SHORT, return_logprob=True, logprob_start_len=0, top_logprobs_num=2
    )
    meta = answer["meta_info"]
    assert [token for _, token, _ in meta["input_token_logprobs"]] == [1, 300, 301]
    assert meta["input_token_logprobs"][0][0] is None
    assert [token for _, token, _ in meta["output_token_logprobs"]] == answer["output_ids"]
    assert all(len(top) == 2 for top in meta["output_top_logprobs"])


def test_a_stream_has_the_whole_text_in_every_part(engine: Engine) -> None:
    parts: Any = list(engine.generate("Once upon", {"max_new_tokens": 30}, stream=True))
    whole: Any = engine.generate("Once upon", {"max_new_tokens": 30})
    texts = [part["text"] for part in parts]
    assert len(parts) > 3
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(texts))
    assert [part["meta_info"]["finish_reason"] is None for part in parts] == [True] * (len(parts) - 1) + [False]
    assert (texts[-1], parts[-1]["output_ids"]) == (whole["text"], whole["output_ids"])
    assert len({id(part["output_ids"]) for part in parts}) == len(parts)


def test_a_stream_of_several_says_which(engine: Engine) -> None:
    parts: Any = list(engine.generate(["a", "b"], SHORT, stream=True))
    last = {part["index"]: part["output_ids"] for part in parts}
    assert [last[0], last[1]] == [answer["output_ids"] for answer in engine.generate(["a", "b"], SHORT)]  # type: ignore[index,union-attr]


def test_leaving_a_stream_aborts_the_request(engine: Engine) -> None:
    for _ in engine.generate("Once upon", {"max_new_tokens": 480}, stream=True):
        break
    gc.collect()
    assert engine.flush_cache(timeout=1.0) == FlushResult(True, "Cache flushed.")


async def test_async_answers_in_another_event_loop(engine: Engine) -> None:
    answers: Any = await asyncio.gather(*(engine.async_generate(f"prompt {n}", SHORT) for n in range(20)))
    assert [len(answer["output_ids"]) for answer in answers] == [5] * 20
    stream: Any = await engine.async_generate("Once upon", {"max_new_tokens": 30}, stream=True)
    parts = [part async for part in stream]
    assert parts[-1]["meta_info"]["completion_tokens"] == 30
    assert engine.generate("blocking call in a running loop", SHORT)


async def test_cancelling_an_async_call_aborts_the_request(engine: Engine) -> None:
    task = asyncio.ensure_future(engine.async_generate("Once upon", {"max_new_tokens": 480}))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.flush_cache(timeout=1.0).success


def test_many_threads_at_once(engine: Engine) -> None:
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = engine.generate(f"prompt {number}", SHORT)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(8))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "text"),
        ({"prompt": "a", "input_ids": [1]}, "not both"),
        ({"prompt": "a", "sampling_params": {"temprature": 1}}, "Did you mean 'temperature'"),
        ({"prompt": "a", "sampling_params": {"max_new_tokens": 10_000}}, "maximum context length is 512"),
        ({"prompt": "a", "sampling_params": {"top_p": 3}}, "top_p"),
        ({"prompt": "a", "image_data": "x.png"}, "image_data"),
        ({"input_ids": [600]}, "600"),
    ],
)
def test_a_wrong_request_is_one_line(engine: Engine, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError) as caught:
        engine.generate(**arguments)
    assert words in str(caught.value)
    with pytest.raises(RequestError):
        engine.generate(stream=True, **arguments).__next__()  # type: ignore[union-attr]


def test_what_this_version_has_not_is_said(engine: Engine) -> None:
    with pytest.raises(UnsupportedParameter, match="generate text only"):
        engine.encode("text")


def test_server_info(engine: Engine) -> None:
    info: Any = engine.get_server_info()
    assert info["max_total_num_tokens"] == 4096
    assert info["internal_states"][0]["running"] == 0
    assert info["version"] == sgl.__version__


# -- options ---------------------------------------------------------------------------------------


def test_options_have_sglangs_names(stories260k: Path) -> None:
    engine = read_options(
        str(stories260k),
        {
            "dtype": "float32",
            "page_size": 16,
            "max_total_tokens": 4096,
            "mem_fraction_static": 0.5,
            "max_running_requests": 4,
            "chunked_prefill_size": 64,
            "schedule_policy": "lpm",
            "disable_radix_cache": False,
            "context_length": 256,
            "tp_size": 1,
            "random_seed": 7,
            "load_format": "auto",
            "trust_remote_code": False,
            "skip_tokenizer_init": False,
            "device": None,
        },
    ).engine
    assert (engine.dtype, engine.page_size, engine.max_total_tokens) == ("float32", 16, 4096)
    assert (engine.mem_fraction_static, engine.max_running_requests) == (0.5, 4)
    assert (engine.chunked_prefill_size, engine.schedule_policy, engine.radix_cache) == (64, "lpm", True)
    assert (engine.max_model_len, engine.seed, engine.log_level) == (256, 7, "error")


def test_the_environment_has_no_say(stories260k: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SGL_PAGE_SIZE", "4")
    assert read_options(str(stories260k), {}).engine.page_size is None


def test_a_config_file_counts_when_it_is_named(
    stories260k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sgl.toml").write_text("page-size = 4\n[profiles.small]\nseed = 7")
    monkeypatch.chdir(tmp_path)
    assert read_options(str(stories260k), {}).engine.page_size is None
    engine = read_options(str(stories260k), {"config": "sgl.toml", "profile": "small"}).engine
    assert (engine.page_size, engine.seed) == (4, 7)


@pytest.mark.parametrize(
    ("options", "words", "hint"),
    [
        ({"page_szie": 16}, "unknown flag --page-szie", "did you mean --page-size?"),
        ({"page_size": 0}, "--page-size expects", None),
        ({"dtype": "int3"}, "--dtype expects one of", None),
        ({"tp_size": 2}, "not in this version", None),
        ({"skip_tokenizer_init": True}, "input_ids", None),
        ({"trust_remote_code": True}, "never runs code", None),
        ({"dry_run": True}, "is about a server", None),
        ({"kv_cache_dtype": "fp8_e5m2"}, "the KV cache has the type of --dtype", None),
    ],
)
def test_a_wrong_option_is_one_line(stories260k: Path, options: dict[str, Any], words: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        read_options(str(stories260k), options)
    assert words in str(caught.value)
    if hint is not None:
        assert caught.value.hint == hint


def test_no_model_no_engine(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(UsageError):
        FakedEngine(model_pth=str(tmp_path))
    with pytest.raises(ModelError):
        FakedEngine(model_path=str(tmp_path / "missing"))
    assert threading.active_count() == before


# -- the end ---------------------------------------------------------------------------------------


def test_shutdown_ends_the_process_and_the_thread(stories260k: Path) -> None:
    before, running, threads = children(), engines(), threading.active_count()
    engine = FakedEngine(str(stories260k))
    stream: Any = engine.generate("Once upon", {"max_new_tokens": 480}, stream=True)
    next(stream)
    assert len(engines()) == len(running) + 1
    engine.shutdown()
    engine.shutdown()
    assert children() == before
    assert threading.active_count() == threads
    with pytest.raises(EngineDead, match="was shut down"):
        engine.generate("hi")
    with pytest.raises(EngineDead, match="was shut down"):
        next(stream)
    stream.close()


def test_a_forgotten_engine_ends(stories260k: Path) -> None:
    before = children()
    FakedEngine(str(stories260k))
    gc.collect()
    assert children() == before


def test_a_failed_start_leaves_no_thread(stories260k: Path) -> None:
    class Missing(Engine):
        _engine_module = "tests.no_such_module"

    threads = threading.active_count()
    with pytest.raises(StartupError):
        Missing(str(stories260k))
    assert threading.active_count() == threads


def test_a_dead_engine_is_an_error_at_once(stories260k: Path) -> None:
    before = engines()
    with FakedEngine(str(stories260k)) as engine:
        (pid,) = engines() - before
        killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(EngineDead, match="SIGKILL"):
            engine.generate("Once upon", {"max_new_tokens": 480})
        killer.join()


PROGRAM = """
import sys
from sgl.runtime.offline import Engine

class FakedEngine(Engine):
    _engine_module = "tests.fake_engine_process"

engine = FakedEngine(sys.argv[1])
print(len(engine.generate("hi", {"max_new_tokens": 3})["output_ids"]), flush=True)
for path in sys.argv[2:]:
    engine.generate("hi", {"max_new_tokens": 480})
"""


def run_program(*arguments: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(Path(sgl.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_program_that_forgets_to_shut_down_ends_cleanly(stories260k: Path) -> None:
    with run_program(str(stories260k)) as program:
        output, errors = program.communicate(timeout=30)
    assert (program.returncode, output, errors) == (0, "3\n", "")


def test_ctrl_c_while_generating_ends_the_program(stories260k: Path) -> None:
    with run_program(str(stories260k), "again") as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "3\n"
        time.sleep(0.1)
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=30)
    assert program.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_every_error_of_the_engine_is_ours() -> None:
    assert issubclass(EngineDead, SglError)
