"""Commands of vLLM's and SGLang's documentation, of scripts and of blogs, pasted after ``sgl bench``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pytest

from sgl.errors import UsageError
from sgl_cli.bench.flags.elsewhere import FOREIGN
from sgl_cli.bench.flags.foreign import translate
from sgl_cli.bench.flags.plan import BenchPlan
from sgl_cli.bench.flags.read import read_plan
from sgl_cli.bench.flags.table import FLAGS


def parsed(words: Sequence[str]) -> BenchPlan:
    """The plan of our own words; a word that is no flag of ours fails."""
    known = {flag.name: flag for flag in FLAGS}
    values: dict[str, object] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        flag = known[word.replace("--no-ignore-eos", "--ignore-eos")]
        if flag.form in ("switch", "pair"):
            values[flag.key] = not word.startswith("--no-ignore")
        elif flag.form == "list":
            listed = values.setdefault(flag.key, [])
            assert isinstance(listed, list)
            listed.append(rest.pop(0))
        else:
            assert flag.key not in values, f"{word} is there twice"
            values[flag.key] = rest.pop(0)
    return read_plan(values)


PASTED: dict[str, dict[str, object]] = {
    "vllm bench serve --dataset-name random --random-input-len 20000 --random-output-len 250 "
    "--num-prompts 1 --request-rate inf": {
        **{"data.kind": "random", "data.input_len": "20000", "data.output_len": "250"},
        **{"load.num_prompts": 1, "load.rates": (float("inf"),), "ignore_eos": True, "load.warmup": 0},
    },
    "vllm bench serve --backend openai --base-url http://localhost:8081 "
    "--model neuralmagic-ent/Llama-3.3-70B-Instruct-quantized.w8a8 --dataset-name random --seed 12345": {
        **{"target.url": "http://localhost:8081", "target.api": "completions", "data.seed": 12345},
        **{"data.input_len": "1024", "data.output_len": "128", "load.num_prompts": 1000},
    },
    "/opt/venv/bin/vllm bench serve --port 10001 --seed 1700000000 --model M --dataset-name random "
    "--random-input-len 1000 --random-output-len 10 --num-prompts 1 --request-rate 0.5": {
        **{"target.url": "http://127.0.0.1:10001", "load.rates": (0.5,), "load.bound": None},
    },
    "vllm bench serve --model deepseek-ai/DeepSeek-V3 --dataset-name sharegpt --sharegpt-output-len 100 "
    "--port 9020 --dataset-path ./ShareGPT_V3_unfiltered_cleaned_split.json --backend vllm": {
        **{"data.kind": "sharegpt", "data.path": "ShareGPT_V3_unfiltered_cleaned_split.json"},
        **{"data.output_len": "100", "data.max_total_len": 2048, "ignore_eos": False},
    },
    "vllm bench serve --backend vllm --base-url http://localhost:8000 --model M --dataset-name sharegpt "
    "--dataset-path D --num-prompts 32 --request-rate 8": {"load.rates": (8.0,), "load.num_prompts": 32},
    "vllm bench serve --backend openai-chat --host 127.0.0.1 --port 8000 --model Qwen/Qwen2.5-1.5B-Instruct "
    "--endpoint /v1/chat/completions --save-result --result-dir ./bench-results "
    '--metadata "version=0.6.0" "tp=1"': {
        **{"target.api": "chat", "output.save": "bench-results", "output.meta": {"version": "0.6.0", "tp": "1"}},
    },
    "vllm bench serve --backend openai --endpoint /v1/completions --model M --dataset-name random --input-len 256 "
    "--output-len 128 --num-warmups 10 --num-prompts 400 --request-rate 2 --goodput ttft:800 tpot:50 "
    "--percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 50,90,99 --save-result --save-detailed "
    "--result-dir out --result-filename open-loop.json --metadata source_sha=1": {
        **{"measure.goodput": ("ttft:800", "tpot:50"), "load.warmup": 10, "output.details": True},
        **{"output.save": "out/open-loop.json", "data.input_len": "256", "load.rates": (2.0,)},
    },
    "vllm bench serve --backend vllm --model M --num-prompts 2000 --ramp-up-strategy linear --ramp-up-start-rps 10 "
    "--ramp-up-end-rps 100 --goodput ttft:200 e2el:5000": {
        **{"load.ramp.start": 10.0, "load.ramp.end": 100.0, "load.ramp.shape": "linear"},
    },
    "python3 benchmarks/benchmark_serving.py --backend vllm --trust-remote-code "
    "--served-model-name deepseek-r1-distill-llama-8b --model /models/r1 --base-url http://localhost:80 "
    "--endpoint /v1/completions --num-prompts 10000 --request-rate 50 --metric_percentiles '50,90,95,99' "
    "--goodput ttft:1000 tpot:100 --max-concurrency 200 --random-input-len 4096 --random-output-len 200 "
    "--dataset-name sharegpt --dataset-path ShareGPT.json --ignore-eos": {
        **{"target.model": "deepseek-r1-distill-llama-8b", "load.bound": 200, "load.rates": (50.0,)},
        **{"data.kind": "sharegpt", "ignore_eos": True},
    },
    "vllm bench serve --model M --dataset-name random --random-prefix-len 512 --random-input-len 128 "
    "--random-output-len 64 --num-prompts 200 --max-concurrency 32": {
        **{"data.kind": "shared-prefix", "data.groups": 1, "data.per_group": 200, "data.prefix_len": "512"},
        **{"data.input_len": "128", "load.concurrency": (32,)},
    },
    "vllm bench serve --model M --dataset-name prefix_repetition --num-prompts 100 --prefix-repetition-prefix-len 512 "
    "--prefix-repetition-suffix-len 128 --prefix-repetition-num-prefixes 5 --prefix-repetition-output-len 128": {
        **{"data.groups": 5, "data.per_group": 20, "data.prefix_len": "512", "data.input_len": "128"},
    },
    "vllm bench serve --model M --dataset-name burstgpt --dataset-path BurstGPT_without_fails_2.csv "
    "--num-prompts 1000 --burstiness 0.5 --request-rate 10 --temperature 0.3 --top-p 0.75": {
        **{"data.kind": "trace", "load.rates": (10.0,), "load.burstiness": 0.5},
        **{"target.body": {"temperature": 0.3, "top_p": 0.75}, "load.arrival": "poisson"},
    },
    "vllm bench serve --model M --dataset-name random --random-input-len 1000 --random-output-len 100 "
    "--random-range-ratio 0.2 --num-prompts 50 --max-concurrency 8": {
        **{"data.input_len": "800-1200", "data.output_len": "80-120"},
    },
    "python -m sglang.bench_serving --backend sglang --port 30000 --dataset-name random --num-prompts 100": {
        **{"target.api": "generate", "target.url": "http://127.0.0.1:30000", "data.input_len": "1-1024"},
        **{"data.seed": 42, "load.warmup": 1, "load.rates": (float("inf"),), "ignore_eos": True},
    },
    "python -m sglang.bench_serving --backend sglang --dataset-name sharegpt "
    "--dataset-path ./ShareGPT_V3_unfiltered_cleaned_split.json --num-prompts 1000 --request-rate 10": {
        **{"data.kind": "sharegpt", "load.rates": (10.0,), "target.url": None, "data.max_total_len": None},
    },
    "python3 -m sglang.bench_serving --backend sglang --host http://localhost:30000 --dataset-name random "
    "--random-input 128 --random-output 128 --num-prompts 1000 --max-concurrency 50": {
        **{"target.url": "http://localhost:30000", "load.concurrency": (50,), "data.output_len": "1-128"},
    },
    "python3 -m sglang.bench_serving --backend sglang-oai --dataset-name random --random-input 6000 "
    "--random-output 1000 --random-range-ratio 1 --host 0.0.0.0 --port 8000 --model /models/DeepSeek-R1 "
    "--dataset-path /data/ShareGPT.json": {
        **{"target.api": "completions", "target.url": "http://127.0.0.1:8000", "data.input_len": "6000"},
    },
    "python3 -m sglang.bench_serving --backend sglang --host 127.0.0.1 --port 8000 "
    "--dataset-name generated-shared-prefix --tokenizer T --model T --num-prompts 128 --gsp-num-groups 1 "
    "--gsp-prompts-per-group 128 --gsp-system-prompt-len 99999 --gsp-question-len 1 --gsp-output-len 128 "
    "--gsp-range-ratio 1.0 --gsp-fast-prepare --gsp-ordered --gsp-send-routing-key --max-concurrency 128": {
        **{"data.kind": "shared-prefix", "data.groups": 1, "data.per_group": 128, "data.prefix_len": "99999"},
        **{"data.input_len": "1", "data.in_order": True, "load.num_prompts": None},
    },
    "python -m sglang.benchmark.serving --backend sglang-oai-chat --base-url http://h:1/ --model M "
    "--served-model-name served --dataset-name generated-shared-prefix --gsp-num-groups 1 --gsp-prompts-per-group 8 "
    "--gsp-system-prompt-len 1000 --gsp-question-len 1 --gsp-output-len 64 --max-concurrency 4 --seed 123": {
        **{"target.api": "chat", "target.model": "served", "data.seed": 123, "load.concurrency": (4,)},
    },
    "python3 -m sglang.bench_serving --backend vllm --dataset-name random --random-input-len 16000 "
    "--random-output-len 128 --random-range-ratio 1 --num-prompts 1 --port 8081": {
        **{"target.api": "completions", "data.input_len": "16000", "target.url": "http://127.0.0.1:8081"},
    },
    "python3 -m sglang.bench_serving --backend sglang --dataset-name mooncake --dataset-path trace.jsonl "
    "--num-prompts 2000 --mooncake-slowdown-factor 0.1 --max-concurrency 128": {
        **{"load.arrival": "trace", "data.trace_speed": 10.0, "load.bound": 128},
    },
    "--backend sglang --warmup-requests 0 --output-file gate.jsonl --output-details --flush-cache "
    "--extra-request-body '{\"top_k\": 5}' --disable-ignore-eos --apply-chat-template": {
        **{"target.api": "chat", "load.warmup": 0, "output.save": "gate.jsonl", "output.details": True},
        **{"target.body": {"top_k": 5}, "ignore_eos": False, "load.flush_cache": True, "load.concurrency": (64,)},
    },
    "CUDA_VISIBLE_DEVICES=0 vllm bench serve --model=M --max-concurrency=4 --num-prompts=8 --header A=1 B=2": {
        **{"load.concurrency": (4,), "load.num_prompts": 8, "target.headers": {"A": "1", "B": "2"}},
    },
}


@pytest.mark.parametrize("line", PASTED)
def test_pasted_commands_run(line: str) -> None:
    words, notes = translate(shlex.split(line))
    plan = parsed(words)
    for name, expected in PASTED[line].items():
        found: object = plan
        for part in name.split("."):
            found = getattr(found, part)
        assert (found == expected) or str(found) == expected, f"{name}: {found}"
    assert notes[0].startswith("read as flags of ")
    assert all("\n" not in note for note in notes)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("vllm bench serve --model M --profile", "--profile: no profile is taken"),
        ("vllm bench serve --backend openai-embeddings --model M", "'openai-embeddings' is not spoken here"),
        ("vllm bench serve --dataset-name hf --dataset-path likaixin/InstructCoder", "--dataset-name 'hf' is not here"),
        ("vllm bench serve --dataset-name sharegpt", "nothing is downloaded"),
        ("python -m sglang.bench_serving --backend sglang --num-prompts 10", "nothing is downloaded"),
        ("python -m sglang.bench_serving --backend sglang --lora-name a b", "--lora-name: adapters cannot"),
        ("vllm bench serve --use-beam-search", "--use-beam-search: no beam search"),
        ("vllm bench serve --ramp-up-strategy linear --ramp-up-end-rps 5", "needs --ramp-up-start-rps"),
        ("vllm bench throughput --model M", "vllm bench throughput is not a benchmark of a server"),
        ("python -m sglang.bench_one_batch --batch 1", "sglang.bench_one_batch is not a benchmark of a server"),
        ("vllm bench serve --request-rate", "--request-rate needs a value"),
        ("vllm bench serve --goodput --model M", "--goodput needs a value"),
        ("--max-concurrency 4 --random-input-len 5 --random-range-ratio 2", "must be from 0 to 1"),
    ],
)
def test_what_would_measure_something_else_is_refused(line: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        translate(shlex.split(line))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--concurrency 1,4 --num-prompts 10 --url http://h",
        "serve -c 4 --dataset jsonl:f --seed 3 -m M",
        "--tokeniser x --conurrency 4",
        "--goodput ttft:200 --goodput tpot:25 --input-len 1k",
        "compare a.json b.json",
    ],
)
def test_our_own_words_stay_as_they_are(line: str) -> None:
    assert translate(shlex.split(line)) == (shlex.split(line), [])


def test_ours_and_theirs_can_be_mixed() -> None:
    words, _ = translate(shlex.split("-m M --max-concurrency 4 --dataset shared-prefix --groups 3 --input-len 1k -n 5"))
    plan = parsed(words)
    assert (plan.data.kind, plan.data.groups, plan.load.concurrency) == ("shared-prefix", 3, (4,))
    assert (plan.target.model, plan.load.num_prompts, str(plan.data.input_len)) == ("M", 5, "1000")


def test_a_flag_that_nobody_knows_stays_for_the_parser() -> None:
    words, _ = translate(shlex.split("vllm bench serve --model M --max-concurency 4"))
    assert words[-2:] == ["--max-concurency", "4"]


def test_a_whole_command_in_quotes_and_what_a_shell_leaves() -> None:
    line = "vllm bench serve --model M --max-concurrency 4"
    assert translate([line]) == translate(shlex.split(line))
    assert translate(["vllm", "bench", "serve", "\\", "--model", "M", "--max-concurrency", "4"]) == translate([line])


def test_notes_say_what_is_not_used() -> None:
    _, notes = translate(shlex.split("vllm bench serve --model M --tokenizer T --disable-stream --trust-remote-code"))
    assert "--tokenizer is not used: no tokenizer is needed here: made prompts are token ids" in notes
    assert any(note.startswith("--disable-stream is not used: answers are always streamed") for note in notes)
    assert not any("trust-remote-code" in note for note in notes)


def test_our_flags_are_not_taken_for_others() -> None:
    """A name that both have must mean the same here."""
    shared = {flag.name for flag in FLAGS} & FOREIGN.keys()
    assert shared == {
        *("--model", "--dataset", "--num-prompts", "--input-len", "--output-len", "--seed", "--goodput", "--header"),
        *("--burstiness", "--ignore-eos", "--flush-cache"),
    }
