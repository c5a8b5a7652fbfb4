"""transformers without a server: one job on standard input, its outcome on standard output, both JSON.

Started by `benchmarks.measure` in a process of its own, so that each engine has the machine to itself. The
way ``generate`` computes prompts one after the other, ``generate_batch`` all at once (continuous batching).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig, GenerationConfig
from transformers.generation.streamers import BaseStreamer

from benchmarks.machine import machine_seconds

KV_TOKENS: Final = 24576
PAGE: Final = 256
WARM_UP_TOKENS: Final = 4

Prompts = list[list[int]]
Answers = list[dict[str, Any]]


class _Clock(BaseStreamer):
    """Notes when each token is handed out; the first call is the prompt's."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """Nothing follows."""


def generate(model: Any, prompts: Prompts, output: int) -> Answers:
    """One prompt after the other."""
    config = _config(output)
    answers = []
    for prompt in prompts:
        clock = _Clock()
        ids = torch.tensor([prompt])
        sent = time.perf_counter()
        result = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config, streamer=clock)
        ended = time.perf_counter()
        generated = result.shape[1] - len(prompt)
        answers.append(_answer(sent, clock.times[1], ended, len(prompt), generated))
    return answers


def generate_batch(model: Any, prompts: Prompts, output: int) -> Answers:
    """All prompts at once."""
    batching = ContinuousBatchingConfig(page_size=PAGE, num_blocks=KV_TOKENS // PAGE)
    sent = time.perf_counter()
    results = model.generate_batch(
        prompts, generation_config=_config(output), continuous_batching_config=batching, record_timestamps=True
    )
    answers = []
    for prompt, result in zip(prompts, results.values(), strict=True):
        if result.error is not None:
            raise RuntimeError(f"a request failed: {result.error}")
        times = result.timestamps
        answers.append(_answer(sent, times[0], times[-1], len(prompt), len(result.generated_tokens)))
    return answers


def _config(output: int) -> Any:
    """Greedy, and nothing ends early: the model has no end token."""
    settings: dict[str, Any] = {"max_new_tokens": output, "do_sample": False, "pad_token_id": 0}
    return GenerationConfig.from_dict(settings)


def _answer(sent: float, first: float, ended: float, prompt_tokens: int, generated: int) -> dict[str, Any]:
    return {
        "sent": sent,
        "first": first,
        "ended": ended,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": generated,
        "chunks": generated,
    }


def main() -> None:
    """Reads the job, warms up, runs it, and prints the outcome."""
    job = json.load(sys.stdin)
    way = {"generate": generate, "generate_batch": generate_batch}[job["way"]]
    model: Any = AutoModelForCausalLM.from_pretrained(job["model"], dtype="auto")
    model.eval()
    with torch.inference_mode():
        way(model, [prompt[:32] for prompt in job["prompts"][:2]], WARM_UP_TOKENS)
        machine, cpu, begun = machine_seconds(), time.process_time(), time.perf_counter()
        answers = way(model, job["prompts"], job["output"])
        wall = time.perf_counter() - begun
        used, all_used = time.process_time() - cpu, machine_seconds()
    others = None if machine is None or all_used is None else max(0.0, all_used - machine - used) / wall
    json.dump({"wall": wall, "cores": used / wall, "others": others, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
