"""A model judged by its config.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sgl.device import DeviceInfo
from sgl.preview.fit import judge

ROOMY = DeviceInfo("cpu", 8, 64 << 30, 60 << 30, frozenset({"avx512_bf16"}))
TIGHT = DeviceInfo("cpu", 1, 64 << 20, 2 << 20, frozenset())


def test_a_model_that_fits(stories260k: Path) -> None:
    fit = judge((stories260k / "config.json").read_bytes(), ROOMY)
    assert (fit.verdict, fit.served, fit.architecture) == ("fits", True, "LlamaForCausalLM")
    assert fit.line.startswith("Fits this machine (CPU, 8 cores): 1.0 MiB of weights and ")
    assert fit.plan is not None
    assert fit.plan.shortage is None


def test_a_model_that_is_too_large(stories260k: Path) -> None:
    fit = judge((stories260k / "config.json").read_bytes(), TIGHT)
    assert (fit.verdict, fit.served) == ("too large", True)
    assert fit.line.startswith("Does not fit this machine (CPU, 1 core): ")
    assert fit.plan is not None
    assert fit.plan.shortage is not None


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "sgl cannot serve it: it has no config.json."),
        (b"{", "sgl cannot serve it: its config.json is not a JSON object."),
        (b"[]", "sgl cannot serve it: its config.json is not a JSON object."),
        (b"\xff", "sgl cannot serve it: its config.json is not a JSON object."),
        (b'{"architectures": ["MambaForCausalLM"]}', "sgl does not serve MambaForCausalLM yet."),
    ],
)
def test_a_model_that_is_not_served(content: bytes | None, line: str) -> None:
    fit = judge(content, ROOMY)
    assert (fit.verdict, fit.served, fit.line, fit.plan) == ("not served", False, line, None)


def test_a_value_that_is_not_implemented_is_named(stories260k: Path) -> None:
    values = json.loads((stories260k / "config.json").read_bytes())
    fit = judge(json.dumps({**values, "quantization_config": {"quant_method": "awq"}}).encode(), ROOMY)
    assert (fit.verdict, fit.architecture) == ("not served", "LlamaForCausalLM")
    assert fit.line.startswith("sgl cannot serve it: ")
    assert "quantization_config" in fit.line
