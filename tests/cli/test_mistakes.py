"""Flags with a slip of the fingers, and flags of other engines: the answer has the right word in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl.config.arguments import parse_serve, read_serve
from sgl.config.foreign import NEEDLESS
from sgl.config.server import ServerConfig
from sgl_cli.main import main

TYPING_MISTAKES = [
    ("--tensor-paralel-size", "--tensor-parallel-size (short: --tp)"),
    ("--tensor_parallel_sizes", "--tensor-parallel-size"),
    ("--tpsize", "--tp-size"),
    ("--modle", "--model (short: -m)"),
    ("--mdoel-path", "--model-path"),
    ("-model", "--model"),
    ("--MODEL", "--model"),
    ("--prot", "--port"),
    ("--Port", "--port"),
    ("-port", "--port"),
    ("--hots", "--host"),
    ("--max-model-length", "--max-model-len"),
    ("--max-model", "--max-model-len"),
    ("--max-modellen", "--max-model-len"),
    ("--contextlength", "--context-length"),
    ("--ctxsize", "--ctx-size"),
    ("--dytpe", "--dtype"),
    ("--page-siez", "--page-size"),
    ("--mem-fraction", "--mem-fraction-static"),
    ("--mem-frac-static", "--mem-fraction-static"),
    ("--gpu-memory-utilisation", "--gpu-memory-utilization"),
    ("--gpu-mem-utilization", "--gpu-memory-utilization"),
    ("--served-model-names", "--served-model-name"),
    ("--api-keys", "--api-key"),
    ("--apikey", "--api-key"),
    ("--load-formt", "--load-format"),
    ("--disable-radix-cash", "--disable-radix-cache"),
    ("--no-prefix-caching", "--no-enable-prefix-caching"),
    ("--scheduler-policy", "--schedule-policy"),
    ("--chunk-prefill-size", "--chunked-prefill-size"),
    ("--max-num-seq", "--max-num-seqs"),
    ("--random-sed", "--random-seed"),
    ("--loglevel", "--log-level"),
    ("--chat-tempalte", "--chat-template"),
    ("--trust-remote-cod", "--trust-remote-code"),
    ("--determinstic", "--deterministic"),
]

OTHER_ENGINES = [
    ("--n-gpu-layers", "which --device names"),
    ("-ngl", "which --device names"),
    ("--cuda-graph-bs", "--cuda-graph-max-bs"),
    ("--enable-torch-compile", "kernels are fused by hand"),
    ("--parallel", "--max-running-requests"),
    ("-np", "--max-running-requests"),
    ("--ubatch-size", "--chunked-prefill-size"),
    ("--max-prefill-tokens", "--chunked-prefill-size"),
    ("--num-gpu-blocks-override", "--max-total-tokens"),
    ("-hf", "--model"),
    ("--model-id", "--model"),
    ("--num-shard", "--tp"),
    ("-p", "--port"),
    ("--hostname", "--host"),
    ("--timeout", "--request-timeout"),
    ("--enable-reasoning", "reasoning is part of the answer's text"),
    ("--reasoning-parser=deepseek_r1", "reasoning is part of the answer's text"),
    ("--tool-call-parser", "no tool calls"),
    ("--lora-path", "no LoRA adapters"),
    ("--lora_modules", "no LoRA adapters"),
    ("--speculative-num-steps", "--speculative-algorithm ngram"),
    ("--quantisation", "--quantization"),
    ("--kv-cache-dtype", "expects one of auto"),
    ("--cache-type-k", "--kv-cache-dtype int8"),
    ("--speculative-token-map", "--speculative-algorithm ngram"),
    ("--num-speculative-tokens", "--speculative-algorithm ngram"),
    ("--spec.method", "--speculative-algorithm ngram"),
    ("--kv-transfer-port", "--help"),
    ("--attention-backend", "expects one of auto, torch, triton, flashinfer"),
    ("--prefill-attention-backend", "--attention-backend is for prompts and answers alike"),
    ("--sampling-backend", "there is one sampler"),
    ("--data-parallel-size", "one server for each replica"),
    ("--dp", "one server for each replica"),
    ("--pipeline-parallel-size", "no pipeline parallelism"),
    ("--enable-expert-parallel", "no expert parallelism"),
    ("--ssl-keyfile", "put a reverse proxy in front"),
    ("--download-dir", "HF_HOME"),
    ("--temperature", "belongs to each request"),
    ("--json-model-override-args", "config.json"),
]


@pytest.mark.parametrize(("flag", "word"), TYPING_MISTAKES + OTHER_ENGINES)
def test_the_answer_has_the_right_word(flag: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "-m", "model", flag, "2"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert word in captured.err
    assert flag.split("=")[0].lstrip("-").replace("_", "-") in captured.err
    lines = captured.err.splitlines()
    assert lines[0].startswith("error: ")
    assert all(line.startswith("  hint: ") for line in lines[1:])
    assert len(lines) <= 2


PASTED = {
    "-m x": "x --model x --model-path x",
    "--tp 1": "-tp 1 --tp-size 1 --tensor-parallel-size 1 --tensor_parallel_size=1",
    "--max-model-len 64": "--context-length 64 --ctx-size 64 -c 64 --max_model_len 64",
    "--served-model-name x": "--alias x",
    "--mem-fraction-static 0.5": "--gpu-memory-utilization 0.5",
    "--max-running-requests 4": "--max-num-seqs 4",
    "--chunked-prefill-size 64": "--max-num-batched-tokens 64",
    "--kv-cache-dtype auto": "--kv-cache-dtype=auto",
    "--kv-cache-dtype fp8_e4m3": "--kv-cache-dtype fp8",
    "--dtype half": "--dtype float16",
    "--disable-radix-cache": "--no-enable-prefix-caching",
    "--chat-template FILE": "--chat-template=FILE",
    "--revision x": "--revision=x",
    "--tokenizer x": "--tokenizer-path x",
    "--load-format auto": "--load-format=auto",
    "--seed 1": "--random-seed 1",
    "--host x": "--host=x",
    "--port 1": "--port=1",
    "--api-key x": "--api-key=x",
    "--log-level debug": "--uvicorn-log-level debug",
    "--detach": "-d --background",
    "--page-size 8": "--block-size 8",
    "--threads 1": "-t 1",
    "--deterministic": "--enable-deterministic-inference",
    "--schedule-policy fcfs": "--scheduling-policy fcfs",
}
"""What people paste that means one of our flags: ours, and each other spelling with its value."""

ANSWERED = [
    "--dp",
    "--data-parallel-size",
    "--ep",
    "--expert-parallel-size",
    "--decode-attention-backend",
    "--reasoning-parser",
    "--tool-call-parser",
    "--enable-auto-tool-choice",
    "--download-dir",
    "--lora-paths",
    "--lora-modules",
    "--speculative-eagle-topk",
    "--speculative-num-steps",
    "--speculative-config",
    "--speculative-draft-model-path",
    "--spec.method",
    "--spec.num_speculative_tokens",
]
"""What people paste that this version has no flag for, and says why."""


def words_of(text: str) -> list[list[str]]:
    """``-a 1 -b=2 x`` -> each flag with its value, and each bare word."""
    groups: list[list[str]] = []
    for word in text.split():
        if word.startswith("-") or not groups or not groups[-1][0].startswith("-") or len(groups[-1]) > 1:
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


@pytest.mark.parametrize("ours", PASTED)
def test_a_pasted_spelling_means_ours(ours: str, tmp_path: Path) -> None:
    file = tmp_path / "template"
    file.touch()

    def meaning(text: str) -> tuple[ServerConfig, set[str]]:
        arguments = parse_serve(text.replace("FILE", str(file)).split(), {})
        return arguments.config, set(arguments.settings)

    for spelling in words_of(PASTED[ours]):
        assert meaning(" ".join(spelling)) == meaning(ours)


@pytest.mark.parametrize("flag", ANSWERED)
def test_a_pasted_flag_that_is_not_there_is_answered(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "-m", "model", flag, "x"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {flag.replace('_', '-')} is ")


@pytest.mark.parametrize("flag", NEEDLESS)
def test_a_pasted_flag_that_asks_for_what_is_so_anyway_is_accepted(flag: str) -> None:
    assert parse_serve(["model", flag], {}).notices == (f"{flag} is not needed: {NEEDLESS[flag]}",)


@pytest.mark.parametrize("name", ["fp8", "fp8_e5m2", "fp8_e4m3", "int8", "bf16", "bfloat16", "float16", "auto"])
def test_types_of_the_kv_cache(name: str) -> None:
    problems = read_serve(["model", "--kv-cache-dtype", name], {}).problems
    answer = f"--kv-cache-dtype {name} is not in this version: the KV cache has the type of --dtype, or is "
    ready = name in ("auto", "int8", "fp8_e4m3", "fp8")
    assert [problem.message for problem in problems] == ([] if ready else [f"{answer}fp8_e4m3 or int8"])


@pytest.mark.parametrize(
    ("flag", "value", "hint"),
    [
        ("--dtype", "bfloat61", "did you mean bfloat16?"),
        ("--dtype", "BF16", "did you mean bf16?"),
        ("--schedule-policy", "fcsf", "did you mean fcfs?"),
        ("--load-format", "safetensor", "did you mean safetensors?"),
        ("--log-level", "verbose", "one of debug, info, warning, error"),
        ("--device", "xpu", "one of auto, cpu, cuda"),
    ],
)
def test_the_closest_value(flag: str, value: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "-m", "model", flag, value]) == 2
    assert hint in capsys.readouterr().err
