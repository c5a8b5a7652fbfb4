"""Llama 2, 3, 3.1 and 3.2: the plain decoder, with optional biases and Llama 3.1's rope scaling."""

from __future__ import annotations

from sgl.config.decoder import read_decoder
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig


def read(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a Llama config.json."""
    hf.only("pretraining_tp", 1, why="sliced matrices of one tensor-parallel pretraining run")
    attention_bias = hf.read("attention_bias", bool, False)
    return read_decoder(
        hf,
        architecture,
        qkv_bias=attention_bias,
        output_bias=attention_bias,
        mlp_bias=hf.read("mlp_bias", bool, False),
    )
