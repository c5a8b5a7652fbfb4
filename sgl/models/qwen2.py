"""Qwen2 and Qwen2.5: biases on q, k and v; optionally a sliding window from one layer on."""

from __future__ import annotations

from typing import Final

from sgl.config.decoder import read_decoder, read_windows
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig

MAX_WINDOW_LAYERS: Final = 28
"""Qwen's default: without the field, layers from this index on slide (transformers' Qwen2Config)."""


def read_qwen_windows(hf: HfConfig) -> tuple[int | None, ...]:
    """Qwen's rule: ``sliding_window`` counts only with ``use_sliding_window``, from ``max_window_layers`` on."""
    num_layers = hf.positive("num_hidden_layers")
    slides = hf.read("use_sliding_window", bool, False) and hf.has("sliding_window")
    window = hf.positive("sliding_window") if slides else None
    return read_windows(hf, num_layers, window, first_sliding=hf.read("max_window_layers", int, MAX_WINDOW_LAYERS))


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Qwen2 config.json."""
    return read_decoder(hf, architecture, windows=read_qwen_windows(hf), qkv_bias=True)
