"""Norms round where their authors do: compared with transformers' own, in bfloat16 and float32."""

from __future__ import annotations

from typing import Any, Final

import pytest
import torch
from torch import Tensor
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.olmo2.modeling_olmo2 import Olmo2RMSNorm

from sgl.config.layout.weight import Norm
from sgl.config.model import NormKind
from sgl.layers.norm import make_norm
from sgl.weights.slot import Placement

SIZE: Final = 96
EPS: Final = 1e-5
REFERENCES: Final[dict[NormKind, Any]] = {
    "rms": LlamaRMSNorm(SIZE, EPS),
    "rms_float": Olmo2RMSNorm(SIZE, EPS),
    "rms_plus_one": Gemma3RMSNorm(SIZE, EPS),
    "layer": torch.nn.LayerNorm(SIZE, EPS),
}


def both(kind: NormKind, dtype: torch.dtype, as_kind: NormKind | None = None) -> tuple[Tensor, Tensor]:
    """What the norm makes of 500 rows, and what transformers' norm of another kind makes of them."""
    draw = torch.Generator().manual_seed(5)
    reference = REFERENCES[as_kind or kind].to(dtype)
    norm = make_norm(kind, Norm("n", SIZE, bias=kind == "layer"), EPS, Placement(dtype, torch.device("cpu")))
    with torch.inference_mode():
        for slot in norm.slots():
            slot.target.copy_(torch.rand(SIZE, generator=draw) + 0.5)
            getattr(reference, slot.name.removeprefix("n.")).copy_(slot.target)
        x = (3 * torch.randn(500, SIZE, generator=draw)).to(dtype)
        return norm.forward(x), reference(x)


@pytest.mark.parametrize("kind", REFERENCES)
def test_float32(kind: NormKind) -> None:
    ours, theirs = both(kind, torch.float32)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", REFERENCES)
def test_bfloat16_rounds_in_the_same_places(kind: NormKind) -> None:
    """Nearly all bits agree: the mean itself is summed in another order."""
    ours, theirs = both(kind, torch.bfloat16)
    assert ours.dtype == torch.bfloat16
    assert float((ours != theirs).float().mean()) < 0.001


def test_the_place_of_a_rounding_shows() -> None:
    ours, theirs = both("rms", torch.bfloat16, as_kind="rms_float")
    assert float((ours != theirs).float().mean()) > 0.1
