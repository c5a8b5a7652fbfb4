"""Routing: the kernel against its twin, and the twin against the router that transformers' were compared with."""

from __future__ import annotations

from typing import Any, Final

import pytest
import torch

from sgl.config.experts import ExpertsConfig
from sgl.kernels.triton import router
from sgl.kernels.twins import router as twin
from sgl.layers.router import route

TOKENS: Final = 5
GROUPED: Final = {"groups": 4, "chosen_groups": 2}
CASES: Final[dict[str, dict[str, Any]]] = {
    "softmax": {},
    "as it is": {"normalize": False, "scale": 2.5},
    "one": {"chosen": 1},
    "v2": {**GROUPED, "normalize": False, "count": 20},
    "v3": {**GROUPED, "score": "sigmoid", "group_top": 2, "scale": 2.5, "correction": True},
    "odd": {"count": 11, "chosen": 3, "correction": True},
}


def config_of(**values: Any) -> ExpertsConfig:
    return ExpertsConfig(**{"count": 16, "chosen": 4, "intermediate_size": 8, "layers": (True,), **values})


def inputs(config: ExpertsConfig) -> tuple[torch.Tensor, torch.Tensor | None]:
    generator = torch.Generator().manual_seed(config.count)
    logits = torch.randn(TOKENS, config.count, generator=generator) * 2
    return logits, torch.randn(config.count, generator=generator) if config.correction else None


@pytest.mark.parametrize("case", CASES)
def test_kernel_is_its_twin(case: str) -> None:
    config = config_of(**CASES[case])
    logits, correction = inputs(config)
    wide = torch.full((TOKENS, config.count + 3), torch.nan)
    wide[:, : config.count] = logits
    weights, chosen = router.route(wide[:, : config.count], config, correction)
    expected_weights, expected = twin.route(logits, config, correction)
    assert chosen.dtype == torch.int32
    assert torch.equal(chosen, expected)
    torch.testing.assert_close(weights, expected_weights, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_twin_is_the_router_of_a_cpu(case: str) -> None:
    config = config_of(**CASES[case])
    logits, correction = inputs(config)
    weights, chosen = route(logits, config, correction)
    found_weights, found = twin.route(logits, config, correction)
    assert torch.equal(found, chosen)
    torch.testing.assert_close(found_weights, weights, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("case", ["softmax", "v3"])
def test_of_equals_the_lowest_number_comes_first(case: str) -> None:
    config = config_of(**{**CASES[case], "correction": False})
    logits = torch.randint(0, 2, (TOKENS, config.count), generator=torch.Generator().manual_seed(3)).float()
    weights, chosen = router.route(logits, config)
    expected_weights, expected = twin.route(logits, config)
    assert torch.equal(chosen, expected)
    torch.testing.assert_close(weights, expected_weights, rtol=2e-6, atol=1e-7)


def test_rows_that_pad_choose_nobody() -> None:
    config = config_of()
    logits, _ = inputs(config)
    slots = torch.tensor([7, -1, 3, 9, -1])
    logits[slots < 0] = torch.nan
    weights, chosen = router.route(logits, config, slots=slots)
    expected_weights, expected = twin.route(logits, config, slots=slots)
    assert torch.equal(chosen, expected)
    assert (chosen[slots < 0] == -1).all()
    torch.testing.assert_close(weights, expected_weights, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("case", ["softmax", "v3"])
def test_nan_stays_nan_and_names_experts_that_exist(case: str) -> None:
    config = config_of(**CASES[case])
    logits, correction = inputs(config)
    logits[2, 5] = torch.nan
    logits[4] = torch.nan
    weights, chosen = router.route(logits, config, correction)
    assert torch.equal(weights.isnan().any(dim=1), logits.isnan().any(dim=1))
    assert torch.equal(weights.isnan().all(dim=1), logits.isnan().any(dim=1))
    assert ((chosen >= 0) & (chosen < config.count)).all()


def test_narrow_logits_are_computed_in_float32() -> None:
    config = config_of()
    logits, _ = inputs(config)
    narrow = logits.bfloat16()
    weights, chosen = router.route(narrow, config)
    expected_weights, expected = twin.route(narrow, config)
    assert torch.equal(chosen, expected)
    torch.testing.assert_close(weights, expected_weights, rtol=2e-6, atol=1e-7)
