"""The cases, in the order they are run and reported."""

from __future__ import annotations

from typing import Final

from sgl.selftest import accelerators, attention, layers, linear, model, sampling
from sgl.selftest.case import Case

CASES: Final = (
    Case("linear, float32 packed", linear.packed_float32),
    Case("linear, bfloat16 packed", linear.packed_bfloat16),
    Case("linear, float16", linear.chosen_float16),
    Case("linear, deterministic", linear.deterministic),
    Case("attention, prompts", attention.prompts),
    Case("attention, decode", attention.decode),
    Case("attention, shared prefix", attention.shared_prefix),
    Case("attention, sliding window", attention.window),
    Case("attention, soft cap", attention.soft_cap),
    Case("attention, deterministic", attention.deterministic),
    Case("RMSNorm, float32", layers.norm_float32),
    Case("RMSNorm, bfloat16", layers.norm_bfloat16),
    Case("rotary embedding", layers.rope),
    Case("KV pool", layers.kv_store),
    Case("sampler, greedy", sampling.greedy),
    Case("sampler, random", sampling.random),
    Case("built-in model", model.answer),
    Case("CUDA", accelerators.cuda),
    *accelerators.triton_cases(),
    Case("FlashInfer", accelerators.flashinfer),
)
