"""What the kernels have to compute, written down plainly in float64 numpy; nothing here uses sgl or torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

Array = npt.NDArray[np.float64]


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """``x @ weight.T + bias``; x [rows, in], weight [out, in], bias [out]."""
    product: Array = x @ weight.T
    return product if bias is None else product + bias


def rms_norm(x: Array, weight: Array, eps: float) -> Array:
    """Zhang and Sennrich 2019, over the last dimension."""
    result: Array = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * weight
    return result


def rotate(heads: Array, positions: npt.NDArray[np.int64], theta: float) -> Array:
    """Rotary embedding as Su et al. 2021 define it: pair i of a head is a complex number, turned by its angle.

    Args:
        heads: [tokens, heads, head_dim]; pair i is elements i and i + head_dim / 2.
        positions: [tokens].
    """
    half = heads.shape[-1] // 2
    angles = positions[:, None, None] * theta ** (-np.arange(half) / half)
    turned = (heads[..., :half] + 1j * heads[..., half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], axis=-1)


def attention(
    query: Array,
    key: Array,
    value: Array,
    first_position: int,
    *,
    window: int | None = None,
    softcap: float | None = None,
) -> Array:
    """Causal grouped-query attention, one query and one head at a time.

    Args:
        query: [count, heads, head_dim]; row i is at ``first_position + i``.
        key: [context, kv_heads, head_dim], from position 0 on; value is like it.
        window: A query sees itself and ``window - 1`` positions before.
        softcap: Scores become ``softcap * tanh(scores / softcap)``.
    """
    count, heads, head_dim = query.shape
    group = heads // key.shape[1]
    out = np.empty_like(query)
    for row in range(count):
        stop = first_position + row + 1
        start = 0 if window is None else max(0, stop - window)
        for head in range(heads):
            scores = key[start:stop, head // group] @ query[row, head] / np.sqrt(head_dim)
            if softcap is not None:
                scores = softcap * np.tanh(scores / softcap)
            weights = np.exp(scores - scores.max())
            out[row, head] = weights @ value[start:stop, head // group] / weights.sum()
    return out


class PlainLlama:
    """A Llama decoder with a tied head, read from a folder: every position is computed again for every token."""

    def __init__(self, folder: Path) -> None:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._layers = int(config["num_hidden_layers"])
        self._head_dim = int(config["head_dim"])
        self._eps = float(config["rms_norm_eps"])
        self._theta = float(config["rope_parameters"]["rope_theta"])
        self._weights = load_file(folder / "model.safetensors")

    def logprobs(self, ids: list[int]) -> Array:
        """Natural log probabilities of the token after the last: [vocab_size]."""
        table = self._weight("model.embed_tokens.weight")
        hidden = table[ids]
        for layer in range(self._layers):
            prefix = f"model.layers.{layer}"
            hidden = hidden + self._attend(prefix, self._normed(f"{prefix}.input_layernorm", hidden))
            hidden = hidden + self._mlp(f"{prefix}.mlp", self._normed(f"{prefix}.post_attention_layernorm", hidden))
        logits: Array = self._normed("model.norm", hidden[-1]) @ table.T
        shifted = logits - logits.max()
        result: Array = shifted - np.log(np.exp(shifted).sum())
        return result

    def _weight(self, name: str) -> Array:
        weight: Array = self._weights[name].astype(np.float64)
        return weight

    def _normed(self, name: str, x: Array) -> Array:
        return rms_norm(x, self._weight(f"{name}.weight"), self._eps)

    def _attend(self, prefix: str, x: Array) -> Array:
        def project(name: str) -> Array:
            projected = linear(x, self._weight(f"{prefix}.self_attn.{name}_proj.weight"), None)
            return projected.reshape(len(x), -1, self._head_dim)

        positions = np.arange(len(x))
        query, key = (rotate(project(name), positions, self._theta) for name in ("q", "k"))
        mixed = attention(query, key, project("v"), 0).reshape(len(x), -1)
        return linear(mixed, self._weight(f"{prefix}.self_attn.o_proj.weight"), None)

    def _mlp(self, prefix: str, x: Array) -> Array:
        gate = linear(x, self._weight(f"{prefix}.gate_proj.weight"), None)
        up = linear(x, self._weight(f"{prefix}.up_proj.weight"), None)
        return linear(gate / (1.0 + np.exp(-gate)) * up, self._weight(f"{prefix}.down_proj.weight"), None)
