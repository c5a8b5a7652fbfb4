"""Every case of the self-test passes here, and fails when its kernel is wrong."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from sgl.attention.cpu import CpuAttention
from sgl.batch.context import Span
from sgl.config.engine import EngineConfig
from sgl.config.rope import RopeConfig
from sgl.engine.build import Engine
from sgl.errors import UsageError
from sgl.kernels.matmul import Matmul, choose_matmul
from sgl.kvcache.pool import KVPool
from sgl.layers.norm import RMSNorm
from sgl.layers.rope import Rope, Rotation
from sgl.sampling.arrays import SamplingBatch
from sgl.sampling.sampler import Sampled, sample
from sgl.selftest import attention, layers, linear, model, sampling
from sgl.selftest.__main__ import main
from sgl.selftest.case import Case, Measured, run_cases
from sgl.selftest.table import CASES
from tests.unit.selftest.broken import half_of_it


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_passes_on_this_machine(case: Case) -> None:
    assert case.run().status in ("ok", "skip")


class NoSoftmaxScale(CpuAttention):
    """Forgets to divide scores by the root of the head's width."""

    def plan(self, spans: Sequence[Span], slots: Tensor) -> Any:
        planned = super().plan(spans, slots)
        right = planned.forward
        planned.forward = lambda layer, query, key, value: right(layer, query * query.shape[-1] ** 0.5, key, value)  # type: ignore[method-assign]
        return planned


class OneMore(CpuAttention):
    """Its window is one token too wide."""

    def __init__(self, pool: KVPool, *, windows: Sequence[int | None], **options: Any) -> None:
        super().__init__(pool, windows=[None if window is None else window + 1 for window in windows], **options)


class NoCap(CpuAttention):
    """Ignores the soft cap."""

    def __init__(self, pool: KVPool, *, softcap: float | None, **options: Any) -> None:
        super().__init__(pool, softcap=None, **options)


class Forgetful(CpuAttention):
    """Reads what was cached one slot too early."""

    def plan(self, spans: Sequence[Span], slots: Tensor) -> Any:
        moved = [
            Span(
                span.query_start, span.count, span.first_position, tuple((start - 1, size) for start, size in span.runs)
            )
            for span in spans
        ]
        return super().plan(moved, slots)


@pytest.mark.parametrize(
    ("case", "backend"),
    [
        (attention.prompts, NoSoftmaxScale),
        (attention.prompts, Forgetful),
        (attention.decode, Forgetful),
        (attention.shared_prefix, Forgetful),
        (attention.window, OneMore),
        (attention.soft_cap, NoCap),
        (attention.deterministic, NoSoftmaxScale),
    ],
)
def test_wrong_attention_is_an_error(
    case: Callable[[type[CpuAttention]], Measured], backend: type[CpuAttention]
) -> None:
    assert case(backend).status == "error"


@pytest.mark.parametrize("case", [linear.packed_float32, linear.packed_bfloat16, linear.chosen_float16])
def test_a_wrong_product_is_an_error(case: Callable[[linear.Prepare], Measured]) -> None:
    found = case(half_of_it)
    assert found.status == "error"
    assert "allowed" in found.detail


def test_products_whose_bits_depend_on_the_batch_are_not_deterministic() -> None:
    def by_rows(weight: Tensor, bias: Tensor | None, *, deterministic: bool) -> Matmul:
        right = choose_matmul(weight, bias, deterministic=deterministic)
        return lambda x: right(x) * (1.0 + 1e-7 * x.shape[0])

    found = linear.deterministic(by_rows)
    assert found.status == "error"
    assert "bits" in found.detail


def test_nan_is_an_error() -> None:
    found = linear.packed_float32(lambda weight, bias: lambda x: x @ weight.T * torch.nan)
    assert (found.status, found.detail) == ("error", "the result is not finite")


def test_another_shape_is_an_error() -> None:
    found = linear.packed_float32(lambda weight, bias: lambda x: x)
    assert found.status == "error"
    assert "shape" in found.detail


def test_a_wrong_norm_is_an_error() -> None:
    class Centred(RMSNorm):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x - x.mean(-1, keepdim=True))

    assert layers.norm_float32(Centred).status == "error"
    assert layers.norm_bfloat16(Centred).status == "error"


def test_a_wrong_rotation_is_an_error() -> None:
    class Interleaved(Rope):
        def __init__(self, config: RopeConfig, *rest: Any) -> None:
            super().__init__(dataclasses.replace(config, interleaved=True), *rest)

    class OneOff(Rope):
        def __init__(self, config: RopeConfig, head_dim: int, max_position: int, device: torch.device) -> None:
            super().__init__(config, head_dim, max_position + 1, device)

        def at(self, positions: Tensor, dtype: torch.dtype) -> Rotation:
            return super().at(positions + 1, dtype)

    assert layers.rope(Interleaved).status == "error"
    assert layers.rope(OneOff).status == "error"


def test_a_pool_that_writes_elsewhere_is_an_error() -> None:
    class Elsewhere(KVPool):
        def store(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
            super().store(layer, slots - 1, key, value)

    class Swapped(KVPool):
        def store(self, layer: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
            super().store(layer, slots, value, key)

    assert layers.kv_store(Elsewhere).status == "error"
    assert layers.kv_store(Swapped).status == "error"


def test_a_sampler_that_draws_something_else_is_an_error() -> None:
    def last_of_equals(logits: Tensor, batch: SamplingBatch) -> Sampled:
        drawn = sample(logits, batch)
        drawn.token_ids[5] = 150
        return drawn

    def off_by_one(logits: Tensor, batch: SamplingBatch) -> Sampled:
        for row in batch.rows:
            row.position += 1
        return sample(logits, batch)

    assert sampling.greedy(last_of_equals).status == "error"
    assert sampling.random(off_by_one).status == "error"


def test_most_draws_are_beyond_doubt() -> None:
    """The case leaves out draws near a border; it must not leave out many."""
    assert sampling.random().detail == "256 of 256 tokens equal"


def test_a_model_with_another_scale_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(config: EngineConfig) -> Engine:
        monkeypatch.setattr(RMSNorm, "forward", lambda self, x: torch.nn.functional.rms_norm(x, x.shape[-1:]))
        return model.build(config)

    assert model.answer(build).status == "error"


def test_one_case_that_raises_does_not_stop_the_others() -> None:
    def raise_it() -> Measured:
        raise RuntimeError("no such kernel\nand more")

    began: list[str] = []
    outcomes = list(run_cases([Case("first", raise_it), Case("second", layers.kv_store)], began.append))
    assert began == ["first", "second"]
    assert [outcome.status for outcome in outcomes] == ["error", "ok"]
    assert outcomes[0].error == "RuntimeError: no such kernel"


def test_text_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    good = Case("KV pool", layers.kv_store)
    bad = Case("linear, bad", lambda: linear.packed_float32(half_of_it))
    assert main([], [good]) == 0
    assert main([], [bad, good]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[1:3] == ["KV", "pool"]
    assert "max abs error" in lines[1]
    assert all(len(line) <= 80 for line in lines)


def test_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"], [Case("KV pool", layers.kv_store)]) == 0
    begin, outcome = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert begin == {"begin": "KV pool"}
    assert outcome["status"] == "ok"
    assert outcome["largest"] == 0.0


def test_a_wrong_word_is_refused() -> None:
    with pytest.raises(UsageError, match="--jsn"):
        main(["--jsn"], [])
