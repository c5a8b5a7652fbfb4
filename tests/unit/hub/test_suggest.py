"""Which models are named to somebody who has not chosen one."""

from __future__ import annotations

import pytest

from sgl.device import DeviceInfo
from sgl.hub.suggest import MODELS, fitting_models


def machine(free_gib: float, *instructions: str) -> DeviceInfo:
    free = int(free_gib * 2**30)
    return DeviceInfo("cpu", 4, 2 * free, free, frozenset(instructions))


@pytest.mark.parametrize("free", [0.1, 4, 16, 64, 1000])
def test_three_different_models_the_largest_first(free: float) -> None:
    names = [name for name, _ in MODELS]
    found = fitting_models(machine(free))
    assert len(set(found)) == 3
    assert list(found) == sorted(found, key=names.index, reverse=True)


def test_more_memory_or_narrower_weights_mean_larger_models() -> None:
    assert fitting_models(machine(0.5))[-1] == "Qwen/Qwen2.5-0.5B-Instruct"
    assert fitting_models(machine(16))[0] == "Qwen/Qwen3-1.7B"
    assert fitting_models(machine(26))[0] == "Qwen/Qwen2.5-3B-Instruct"
    assert fitting_models(machine(16, "avx512_bf16"))[0] == "Qwen/Qwen3-4B-Instruct-2507"
    assert fitting_models(machine(1000))[0] == "Qwen/Qwen3-32B"
