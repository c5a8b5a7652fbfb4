"""Runs SGLang's own compiled bench client against a server of ours, over every route it knows.

The client is a CPython 3.11 extension inside the sglang wheel; nothing of the wheel is installed::

    pip download sglang==0.5.23 --no-deps && unzip sglang-*.whl -d WHEEL
    python -m benchmarks.conformance.bench_client WHEEL --model-path MODEL --base-url http://127.0.0.1:30000

Exits 0 when every run completed with the token counts it asked for.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

EXTENSION = "sglang/srt/rust_extensions/_bench.cpython-311-x86_64-linux-gnu.so"
PROMPTS = 8
INPUT_TOKENS = 24
OUTPUT_TOKENS = 16


class BenchExtension(Protocol):
    """What is used of the extension module."""

    def run_config(self, config: str) -> str:
        """Runs one benchmark described in JSON; returns the result in JSON."""
        ...


@dataclass(frozen=True)
class Run:
    """One call of the client: a name for the report, and the settings that differ."""

    name: str
    settings: dict[str, Any]


CONTINUOUS_USAGE = json.dumps({"stream_options": {"include_usage": False, "continuous_usage_stats": True}})
USAGE = json.dumps({"stream_options": {"include_usage": True}})

RUNS = (
    Run("/generate, streamed", {"backend": "sglang"}),
    Run("/generate, streamed, flush", {"backend": "sglang", "flush_cache": True}),
    Run("/generate, whole", {"backend": "sglang", "disable_stream": True}),
    Run("/generate, logprobs", {"backend": "sglang", "return_logprob": True, "top_logprobs_num": 2}),
    Run("/generate, input_ids", {"backend": "sglang", "tokenize_prompt": True}),
    Run("/generate, profiled", {"backend": "sglang", "profile": True}),
    Run("/v1/completions, streamed", {"backend": "sglang-oai", "extra_request_body": CONTINUOUS_USAGE}),
    Run("/v1/completions, whole", {"backend": "sglang-oai", "disable_stream": True}),
    Run("/v1/completions, as vllm", {"backend": "vllm", "extra_request_body": CONTINUOUS_USAGE}),
    Run("/v1/chat/completions, streamed", {"backend": "sglang-oai-chat", "extra_request_body": USAGE}),
    Run("/v1/chat/completions, whole", {"backend": "sglang-oai-chat", "disable_stream": True}),
    Run("/v1/chat/completions, as vllm", {"backend": "vllm-chat", "extra_request_body": USAGE}),
)


def load_extension(wheel: Path) -> BenchExtension:
    """Loads the compiled client by path, without the package around it."""
    spec = importlib.util.spec_from_file_location("_bench", wheel / EXTENSION)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{wheel / EXTENSION} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast(BenchExtension, module)


def settings_of(run: Run, base_url: str, model_path: Path, output: Path) -> dict[str, Any]:
    """The client's whole configuration for one run."""
    return {
        "base_url": base_url,
        "dataset_name": "random-ids",
        "num_prompts": PROMPTS,
        "random_input_len": INPUT_TOKENS,
        "random_output_len": OUTPUT_TOKENS,
        "random_range_ratio": 1.0,
        "request_rate": "inf",
        "max_concurrency": 4,
        "tokenizer": str(model_path / "tokenizer.json"),
        "output_file": str(output),
        "output_details": True,
        "disable_tqdm": True,
        "headers": [],
        **run.settings,
    }


def faults_of(result: dict[str, Any]) -> list[str]:
    """What is wrong with a result; empty when nothing is."""
    expected = PROMPTS * OUTPUT_TOKENS
    faults = [f"{result['completed']} of {PROMPTS} completed"] if result["completed"] != PROMPTS else []
    if result["total_output_tokens"] != expected:
        faults.append(f"{result['total_output_tokens']} output tokens, not {expected}")
    # Retokenised text may count a few tokens differently; deltas taken for cumulative text lose most of them.
    if result["total_output_tokens_retokenized"] < expected / 2:
        faults.append(f"only {result['total_output_tokens_retokenized']} tokens in the text")
    return faults


def main() -> int:
    """Runs all of `RUNS` and prints one line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="folder of the unpacked sglang wheel")
    parser.add_argument("--model-path", type=Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("--base-url", default="http://127.0.0.1:30000")
    parser.add_argument("--output", type=Path, default=Path("/dev/null"), help="where the client appends its results")
    arguments = parser.parse_args()
    extension = load_extension(arguments.wheel)
    failed = 0
    for run in RUNS:
        settings = settings_of(run, arguments.base_url, arguments.model_path, arguments.output)
        try:
            faults = faults_of(json.loads(extension.run_config(json.dumps(settings))))
        except Exception as error:  # whatever the client raises is a finding
            faults = [f"{type(error).__name__}: {error}"]
        failed += bool(faults)
        print(f"{'FAIL' if faults else 'ok  '} {run.name}{': ' + '; '.join(faults) if faults else ''}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
