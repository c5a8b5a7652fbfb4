"""The whole engine: the same tokens as a CPU, whatever is on or off, the same bits where that is promised, no wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
from msgspec.structs import replace

from benchmarks.gpu_acceptance.engines import Answer, Bench
from sgl.config.devices import AttentionName
from sgl.engine.build import build_engine
from sgl.errors import OutOfMemory, SglError, StartupError, UsageError
from sgl.protocol.messages import Phase
from sgl.selftest.case import Measured, Status

TOKENS: Final = 24
PROMPTS: Final = (20, 3, 33)
"""Tokens of each."""
FLOAT32: Final = 1e-3
"""Allowed difference of a log probability: float32 through a whole model, summed in other orders."""
BFLOAT16: Final = 0.15
"""The same of bfloat16 with random weights: hidden states are rounded to 8 bits in every layer."""
TOO_MANY: Final = 10**9
"""Tokens of a KV pool that no device holds."""
LEFT: Final = 128 * 2**20
"""Bytes that are too few for the weights of `LAYERS` layers and their vocabulary."""
LAYERS: Final = 4
REPEATED: Final = 100

SMALL: Final[dict[str, Any]] = {"max_model_len": 1024, "max_total_tokens": 8192, "max_running_requests": 16}


def cpu(bench: Bench) -> Measured:
    """Tokens of a trained model in float32: on a CPU, and by the kernels."""
    wanted = _answers(bench, "trained", on_gpu=False, dtype="float32")
    got = _answers(bench, "trained", dtype="float32", attention_backend="triton")
    return _by(bench, "triton") or compared(got, wanted, FLOAT32, exact=True)


def graphs(bench: Bench) -> Measured:
    """Tokens with CUDA graphs and without."""
    return _on_and_off(bench, "cuda_graph_max_bs", cuda_graphs=False)


def overlap(bench: Bench) -> Measured:
    """Tokens with a step launched ahead and without."""
    return _on_and_off(bench, "overlap", overlap=False)


def torch_attention(bench: Bench) -> Measured:
    """Tokens by torch's own attention and by ours."""
    if bench.place.rehearsal:
        return Measured("skip", "a rehearsal computes torch's attention on the CPU, which is the check `engine, CPU`")
    wanted = _answers(bench, "trained", dtype="float32", attention_backend="triton")
    got = _answers(bench, "trained", dtype="float32", attention_backend="torch")
    return _by(bench, "torch") or compared(got, wanted, FLOAT32, exact=True)


def flashinfer(bench: Bench) -> Measured:
    """Log probabilities by FlashInfer's attention and by ours, in bfloat16, which is all it takes."""
    if bench.place.rehearsal:
        return Measured("skip", "FlashInfer needs a GPU")
    wanted = _answers(bench, "qwen3-0.6b", layers=LAYERS, attention_backend="triton")
    try:
        got = _answers(bench, "qwen3-0.6b", layers=LAYERS, attention_backend="flashinfer")
    except UsageError as error:
        return Measured("skip", str(error))
    return _by(bench, "flashinfer") or compared(got, wanted, BFLOAT16, exact=False)


def eight_bits(bench: Bench) -> Measured:
    """Log probabilities with an FP8 KV cache, which is only near."""
    wanted = _answers(bench, "trained", dtype="float32", kv_cache_dtype="fp8_e4m3", on_gpu=False)
    got = _answers(bench, "trained", dtype="float32", kv_cache_dtype="fp8_e4m3")
    return compared(got, wanted, 20 * FLOAT32, exact=False)


def deterministic(bench: Bench) -> Measured:
    """Under --deterministic, log probabilities of a request alone and among others: the same bits."""
    engine = bench.engine("qwen3-0.6b", layers=LAYERS, deterministic=True, radix_cache=False, **SMALL)
    lengths = bench.place.pick((37, 5, 130, 64, 1), (9, 3))
    prompts = [engine.prompts(1, length, seed=length)[0] for length in lengths]
    tokens = bench.place.pick(TOKENS, 3)
    (alone,) = engine.answer(prompts[:1], tokens, logprobs=True)
    among = engine.answer(prompts, tokens, logprobs=True)[0]
    return same_bits([alone], [among], "alone and among others")


def repeated(bench: Bench) -> Measured:
    """A fixed batch again and again: a kernel that does not wait for the one in front shows as a difference."""
    engine = bench.engine("qwen3-0.6b", layers=LAYERS, radix_cache=False, **SMALL)
    batches = bench.place.pick((1, 3, 8), (2,))
    times = bench.place.pick(20 if bench.place.quick else REPEATED, 2)
    tokens = bench.place.pick(16, 2)
    for batch in batches:
        prompts = engine.prompts(batch, bench.place.pick(50, 5), seed=batch)
        first = engine.answer(prompts, tokens, logprobs=True)
        for number in range(1, times):
            found = same_bits(engine.answer(prompts, tokens, logprobs=True), first, f"run {number} and run 0")
            if found.status != "ok":
                return found._replace(detail=f"batch of {batch}: {found.detail}")
    return Measured("ok", f"{times} runs of {tokens} steps, batches of {', '.join(map(str, batches))}: the same bits")


def no_wait(bench: Bench) -> Measured:
    """Steady decode with torch told to raise where the host would wait for the device."""
    engine = bench.engine("qwen3-0.6b", layers=LAYERS, radix_cache=False, **SMALL)
    prompts = engine.prompts(bench.place.pick(8, 2), 5, seed=3)
    steps = bench.place.pick(50, 2)

    def watched(decode: Callable[[], None]) -> None:
        with _raising(bench):
            decode()

    engine.decode(prompts, warm=bench.place.pick(8, 1), steps=steps, run=watched)
    detail = f"{steps} decode steps of {len(prompts)} sequences"
    return Measured("ok", f"{detail}; nothing to raise on a CPU" if bench.place.rehearsal else detail)


def too_large(bench: Bench) -> Measured:
    """A KV pool that cannot be had ends in an error that names flags."""
    bench.close()
    config = bench.config("qwen3-0.6b", layers=LAYERS)
    try:
        build_engine(replace(config, max_total_tokens=TOO_MANY), lambda phase: None)
    except StartupError as error:
        hint = error.hint or ""
        status: Status = "ok" if "--" in hint else "error"
        return Measured(status, f"{type(error).__name__}: {error}; hint: {hint or 'none, and there must be one'}")
    except SglError as error:
        return Measured("error", f"{type(error).__name__}, not OutOfMemory: {error}")
    return Measured("error", f"a KV pool of {TOO_MANY} tokens was made")


def runs_out(bench: Bench) -> Measured:
    """Memory that another takes while the engine starts ends in an error that names flags, whatever the plan said."""
    if bench.place.rehearsal:
        return Measured("skip", "a CPU's memory is not to be run out of")
    bench.close()
    held: list[torch.Tensor] = []

    def take(phase: Phase) -> None:
        """Nearly all that is free, once the plan is made."""
        if phase.name == "weights" and not held:
            free = torch.cuda.mem_get_info()[0] - LEFT
            held.append(torch.empty(free, dtype=torch.uint8, device=bench.place.device))

    try:
        build_engine(bench.config("qwen3-0.6b", layers=LAYERS), take)
    except OutOfMemory as error:
        return Measured("ok", f"{error}; hint: {error.hint or 'none'}")
    finally:
        held.clear()
        bench.close()
    return Measured("error", f"the engine started with {LEFT >> 20} MiB of memory")


def compared(got: Sequence[Answer], wanted: Sequence[Answer], allowed: float, *, exact: bool) -> Measured:
    """Compares log probabilities, and tokens.

    Args:
        exact: Tokens must be equal; else a request is compared up to where two tokens are as likely as each other.
    """
    largest, equal, total = 0.0, 0, 0
    for number, (mine, theirs) in enumerate(zip(got, wanted, strict=True)):
        total += len(theirs.tokens)
        for at, pair in enumerate(zip(mine.tokens, theirs.tokens, strict=True)):
            if exact and pair[0] != pair[1]:
                return Measured("error", f"token {at} of request {number} is {pair[0]}, not {pair[1]}")
            off = abs(mine.logprobs[at] - theirs.logprobs[at])
            if not off <= allowed:
                return Measured(
                    "error", f"logprob {at} of request {number} is off by {off:.1e}, allowed {allowed}", off
                )
            largest = max(largest, off)
            if pair[0] != pair[1]:
                break
            equal += 1
    return Measured("ok", f"{equal} of {total} tokens equal, logprobs within {largest:.1e}", largest)


def same_bits(got: Sequence[Answer], wanted: Sequence[Answer], which: str) -> Measured:
    """Compares tokens and the bits of their log probabilities."""
    for number, (mine, theirs) in enumerate(zip(got, wanted, strict=True)):
        pairs = zip(mine.tokens, mine.logprobs, theirs.tokens, theirs.logprobs, strict=True)
        for at, (token, logprob, other, other_logprob) in enumerate(pairs):
            if token != other or logprob != other_logprob:
                detail = f"{which}: token {at} of request {number}: {token}, {logprob!r} and {other}, {other_logprob!r}"
                return Measured("error", detail)
    return Measured("ok", f"{which}: {sum(len(each.tokens) for each in got)} tokens, the same bits")


def _on_and_off(bench: Bench, setting: str, **off: Any) -> Measured:
    """Compares tokens with a setting and without, and asks the engine whether it was."""
    wanted = _answers(bench, "trained", dtype="float32")
    was = bench.setting(setting)
    got = _answers(bench, "trained", dtype="float32", **off)
    if not was or bench.setting(setting):
        return Measured("error", f"{setting} is {was} by itself and {bench.setting(setting)} where it was turned off")
    return compared(got, wanted, FLOAT32, exact=True)


def _by(bench: Bench, name: AttentionName) -> Measured | None:
    """What is wrong where the last engine's attention is not the one that was asked for."""
    kind = bench.attention()
    return None if name in kind else Measured("error", f"--attention-backend {name} was granted, and {kind} computes")


def _answers(bench: Bench, model: str, **wishes: Any) -> list[Answer]:
    """Greedy answers to prompts of unlike lengths."""
    engine = bench.engine(model, **{**_sizes(model), **wishes})
    lengths = bench.place.pick(PROMPTS, (5, 2))
    prompts = [engine.prompts(1, length, seed=length)[0] for length in lengths]
    return engine.answer(prompts, bench.place.pick(TOKENS, 3), logprobs=True)


def _sizes(model: str) -> dict[str, Any]:
    """The trained model may have a short context."""
    return {**SMALL, "max_model_len": None, "max_total_tokens": 2048} if model == "trained" else SMALL


@contextmanager
def _raising(bench: Bench) -> Iterator[None]:
    """Torch raises at copies and reads that wait. Waiting for an event, as the end of a step, is none of them."""
    if bench.place.device.type != "cuda":
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")
