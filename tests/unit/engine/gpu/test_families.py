"""Families of the zoo on the engine for GPUs, its kernels interpreted: what the engine for CPUs says.

Those that take ways of their own run with all other tests, the rest with ``python -m pytest -m interpreted``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.zoo.families import FAMILIES, make_checkpoint
from tests.zoo.family import Family
from tests.zoo.interpreted import answers, check_equal, interpreted

pytestmark = pytest.mark.usefixtures("unwarmed")

TELLING: Final = {
    "gemma2": "soft caps, windows, heads of 20, norms behind, scaled embeddings",
    "gpt2": "LayerNorm, learned positions, biases",
    "glm4": "rotates neighbours, a part of each head",
    "gpt-oss": "sinks, biased experts, windows",
    "deepseek-v3": "latent attention, routed and shared experts",
}
"""Families by what only they show."""


def rows() -> list[object]:
    """All families; those that are not in `TELLING` are marked."""
    assert TELLING.keys() <= {family.name for family in FAMILIES}
    rest = pytest.mark.interpreted
    return [pytest.param(family, id=family.name, marks=() if family.name in TELLING else rest) for family in FAMILIES]


@pytest.mark.parametrize("family", rows())
def test_tokens_and_logprobs_are_those_of_the_cpu(family: Family, tmp_path: Path) -> None:
    make_checkpoint(family, tmp_path)
    # Captured steps compute no other way: `test_engine` has them.
    check_equal(interpreted(tmp_path, cuda_graph_max_bs=0), answers(tmp_path))
