"""Mistral 7B and its kin: Llama with an optional sliding window on every layer."""

from __future__ import annotations

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Mistral config.json."""
    hf.only("layer_types", why="Mistral slides on every layer or on none")
    window = hf.positive("sliding_window") if hf.has("sliding_window") else None
    return read_decoder(hf, architecture, windows=(window,) * hf.positive("num_hidden_layers"))
