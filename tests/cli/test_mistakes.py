"""Flags with a slip of the fingers, and flags of other engines: the answer has the right word in it."""

from __future__ import annotations

import pytest

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
    ("--n-gpu-layers", "it computes on the CPU"),
    ("-ngl", "it computes on the CPU"),
    ("--cuda-graph-max-bs", "it computes on the CPU"),
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
    ("--verbose", "--log-level"),
    ("--enable-reasoning", "reasoning is part of the answer's text"),
    ("--reasoning-parser=deepseek_r1", "reasoning is part of the answer's text"),
    ("--tool-call-parser", "no tool calls"),
    ("--lora-path", "no LoRA adapters"),
    ("--lora_modules", "no LoRA adapters"),
    ("--speculative-num-steps", "--speculative-algorithm ngram"),
    ("--quantization", "weights are served as they are stored"),
    ("-q", "weights are served as they are stored"),
    ("--quantisation", "--quantization"),
    ("--kv-cache-dtype", "the KV cache has the type of --dtype"),
    ("--attention-backend", "there is one backend"),
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


@pytest.mark.parametrize(
    ("flag", "value", "hint"),
    [
        ("--dtype", "bfloat61", "did you mean bfloat16?"),
        ("--dtype", "BF16", "did you mean bf16?"),
        ("--schedule-policy", "fcsf", "did you mean fcfs?"),
        ("--load-format", "safetensor", "did you mean safetensors?"),
        ("--log-level", "verbose", "one of debug, info, warning, error"),
        ("--device", "gpu", "one of auto, cpu"),
    ],
)
def test_the_closest_value(flag: str, value: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "-m", "model", flag, value]) == 2
    assert hint in capsys.readouterr().err
