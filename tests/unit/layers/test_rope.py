"""Frequencies and tables of every kind of rotary embedding are those of transformers."""

from __future__ import annotations

from typing import Any, Final

import pytest
import torch
from transformers import LlamaConfig, Phi3Config, PreTrainedConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.rope import RopeConfig, read_rope
from sgl.layers.rope import Rope, inverse_frequencies

HEAD_DIM: Final = 32
ORIGINAL: Final = 64
SHORT: Final = [1.0 + 0.05 * pair for pair in range(HEAD_DIM // 2)]
LONG: Final = [1.5 + 0.7 * pair for pair in range(HEAD_DIM // 2)]
SCALINGS: Final[dict[str, dict[str, Any]]] = {
    "default": {"rope_type": "default"},
    "linear": {"rope_type": "linear", "factor": 4.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "llama3": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": ORIGINAL,
    },
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": ORIGINAL},
    "yarn, its original context from max_position_embeddings": {"rope_type": "yarn", "factor": 4.0},
    "yarn, its factor from the contexts": {
        "rope_type": "yarn",
        "factor": None,
        "original_max_position_embeddings": ORIGINAL,
    },
    "yarn, attention_factor": {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": ORIGINAL,
        "attention_factor": 1.7,
    },
    "yarn, mscale": {
        "rope_type": "yarn",
        "factor": 40.0,
        "original_max_position_embeddings": ORIGINAL,
        "mscale": 0.707,
        "mscale_all_dim": 1.2,
    },
    "yarn, mscale alone": {
        "rope_type": "yarn",
        "factor": 40.0,
        "original_max_position_embeddings": ORIGINAL,
        "mscale": 0.707,
    },
    "yarn, betas, not truncated": {
        "rope_type": "yarn",
        "factor": 32.0,
        "original_max_position_embeddings": ORIGINAL,
        "beta_fast": 6.0,
        "beta_slow": 1.5,
        "truncate": False,
    },
    "longrope": {
        "rope_type": "longrope",
        "short_factor": SHORT,
        "long_factor": LONG,
        "original_max_position_embeddings": ORIGINAL,
    },
    "longrope, factor": {
        "rope_type": "longrope",
        "short_factor": SHORT,
        "long_factor": LONG,
        "factor": 8.0,
        "original_max_position_embeddings": ORIGINAL,
    },
    "longrope, attention_factor": {
        "rope_type": "longrope",
        "short_factor": SHORT,
        "long_factor": LONG,
        "attention_factor": 1.3,
        "original_max_position_embeddings": ORIGINAL,
    },
}


def config_of(scaling: dict[str, Any], theta: float = 5000.0, max_position: int = 256) -> PreTrainedConfig:
    return LlamaConfig(
        hidden_size=4 * HEAD_DIM,
        num_attention_heads=4,
        head_dim=HEAD_DIM,
        max_position_embeddings=max_position,
        rope_parameters={"rope_theta": theta, **scaling},
    )


def ours(scaling: dict[str, Any], theta: float = 5000.0, max_position: int = 256, **beside: Any) -> RopeConfig:
    fields = {"max_position_embeddings": max_position, "rope_parameters": {"rope_theta": theta, **scaling}, **beside}
    return read_rope(HfConfig(fields))


@pytest.mark.parametrize("name", [name for name in SCALINGS if name != "default"])
@pytest.mark.parametrize("theta", [5000.0, 1e6])
@pytest.mark.parametrize("longest", [48, 64, 200, 256, 700])
def test_frequencies_and_attention_factor(name: str, theta: float, longest: int) -> None:
    scaling = SCALINGS[name]
    original = 128 if scaling["rope_type"] == "dynamic" else 256
    config = config_of(dict(scaling), theta, original)
    wanted, attention_factor = ROPE_INIT_FUNCTIONS[scaling["rope_type"]](config, torch.device("cpu"), seq_len=longest)
    rope = ours(scaling, theta, original)
    torch.testing.assert_close(inverse_frequencies(rope, HEAD_DIM, longest), wanted, rtol=2e-6, atol=0)
    assert rope.attention_factor == pytest.approx(attention_factor, rel=1e-12)


@pytest.mark.parametrize("longest", [40, 200])
@pytest.mark.parametrize("name", sorted(SCALINGS))
def test_tables_are_what_transformers_gives_a_context_of_that_length(name: str, longest: int) -> None:
    """Longer than the original context and shorter: `longest` tokens in one forward pass."""
    scaling = SCALINGS[name]
    max_position = 100 if name == "dynamic" else 256
    embedding = LlamaRotaryEmbedding(config_of(dict(scaling), max_position=max_position))
    cos, sin = embedding(torch.zeros(1, 1), torch.arange(longest).unsqueeze(0))
    rotation = Rope(ours(scaling, max_position=max_position), HEAD_DIM, longest, torch.device("cpu")).at(
        torch.arange(longest), torch.float32
    )
    half = HEAD_DIM // 2
    torch.testing.assert_close(rotation.cos[:, 0], cos[0], rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(rotation.sin[:, 0, half:], sin[0, :, half:], rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(rotation.sin[:, 0, :half], -sin[0, :, :half], rtol=1e-5, atol=2e-5)


def test_partial_longrope_is_phi3s() -> None:
    """``original_max_position_embeddings`` stands beside the scaling, and wins; ``su`` is the kind's old name."""
    scaling = {"type": "su", "short_factor": SHORT[:12], "long_factor": LONG[:12]}
    config = Phi3Config(
        hidden_size=4 * HEAD_DIM,
        num_attention_heads=4,
        max_position_embeddings=256,
        original_max_position_embeddings=ORIGINAL,
        partial_rotary_factor=0.75,
        rope_theta=10000.0,
        rope_scaling={**scaling, "type": "longrope"},
        pad_token_id=0,
    )
    rope = read_decoder(
        HfConfig(
            {
                "hidden_size": 4 * HEAD_DIM,
                "num_attention_heads": 4,
                "num_hidden_layers": 1,
                "intermediate_size": 8,
                "vocab_size": 8,
                "max_position_embeddings": 256,
                "original_max_position_embeddings": ORIGINAL,
                "partial_rotary_factor": 0.75,
                "rope_scaling": scaling,
            }
        ),
        "Phi3ForCausalLM",
        rotary_factor=1.0,
    ).rope
    assert rope is not None
    assert rope.dim == 24
    for longest in (ORIGINAL, ORIGINAL + 1):
        cos, _ = Phi3RotaryEmbedding(config)(torch.zeros(1, 1), torch.arange(longest).unsqueeze(0))
        table = Rope(rope, HEAD_DIM, longest, torch.device("cpu")).at(torch.arange(longest), torch.float32)
        torch.testing.assert_close(table.cos[:, 0], cos[0], rtol=1e-5, atol=2e-5)


def test_only_the_leading_elements_of_a_head_turn() -> None:
    positions = torch.arange(9)
    heads = torch.randn(9, 3, HEAD_DIM, generator=torch.Generator().manual_seed(1))
    for interleaved in (False, True):
        partial = Rope(RopeConfig(dim=8, interleaved=interleaved), HEAD_DIM, 9, torch.device("cpu"))
        whole = Rope(RopeConfig(interleaved=interleaved), 8, 9, torch.device("cpu"))
        turned = partial.at(positions, torch.float32).turn(heads)
        assert torch.equal(turned[..., 8:], heads[..., 8:])
        assert torch.equal(turned[..., :8], whole.at(positions, torch.float32).turn(heads[..., :8].contiguous()))


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_up_to_the_original_context_frequencies_are_those_of_training(kind: str) -> None:
    rope = ours(SCALINGS[kind], max_position=ORIGINAL)
    trained = inverse_frequencies(rope, HEAD_DIM, ORIGINAL)
    assert torch.equal(inverse_frequencies(rope, HEAD_DIM, 7), trained)
    assert not torch.equal(inverse_frequencies(rope, HEAD_DIM, ORIGINAL + 1), trained)
    assert [rope.depends_on(length) for length in (7, ORIGINAL, ORIGINAL + 1)] == [False, False, True]
