"""Rope scaling is read as transformers reads it; what is not implemented, or makes no sense, is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from sgl.config.hf import HfConfig
from sgl.config.rope import RopeConfig, read_rope, rotated
from sgl.errors import UnsupportedModel

LONGROPE: dict[str, Any] = {
    "rope_type": "longrope",
    "short_factor": [1.0, 1],
    "long_factor": [2.0, 3.0],
    "original_max_position_embeddings": 16,
}
YARN: dict[str, Any] = {"rope_type": "yarn", "factor": 4.0}


def read(scaling: Any = None, **fields: Any) -> RopeConfig:
    return read_rope(HfConfig({"max_position_embeddings": 64, "rope_parameters": scaling, **fields}))


def test_without_scaling_only_the_base_counts() -> None:
    assert read() == RopeConfig()
    assert read(rope_theta=500) == read({"rope_theta": 500.0}, rope_theta=7) == RopeConfig(theta=500.0)
    assert read_rope(HfConfig({}), theta=1e6).theta == 1e6


def test_the_older_field_wins_where_both_stand() -> None:
    assert read({"rope_type": "default"}, rope_scaling={"type": "linear", "factor": 2}).kind == "linear"
    assert read({"rope_type": "linear", "factor": 2}, rope_scaling={}).kind == "linear"


def test_a_kind_of_layer_has_its_own_part() -> None:
    parts = {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}, "sliding_attention": {}}
    fields = HfConfig({"max_position_embeddings": 64, "rope_parameters": parts})
    assert read_rope(fields, layer_type="full_attention").kind == "linear"
    assert read_rope(fields, layer_type="sliding_attention", theta=1e4) == RopeConfig(theta=1e4)
    with pytest.raises(UnsupportedModel, match="'full_attention' is not implemented"):
        read_rope(fields)


def test_phi3_names_of_longrope() -> None:
    for name in ("longrope", "su", "yarn"):
        assert read({**LONGROPE, "rope_type": None, "type": name}) == read(LONGROPE)
    assert read(LONGROPE, original_max_position_embeddings=32).original_max_position == 32


@pytest.mark.parametrize(
    ("scaling", "reach"),
    [
        ({"rope_type": "default"}, 0),
        ({"rope_type": "linear", "factor": 2.5}, 160),
        ({"rope_type": "dynamic", "factor": 2.0}, 128),
        ({**YARN, "original_max_position_embeddings": 32}, 128),
        (YARN, 256),
        (LONGROPE, 0),
        ({"rope_type": "linear", "factor": 1e300}, 2**31),
    ],
)
def test_how_far_the_scaling_reaches(scaling: dict[str, Any], reach: int) -> None:
    assert read(scaling).reach == reach


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"rope_type": "proportional"}, '\'rope_type\': "proportional" is not implemented; known: .*"yarn"'),
        ({"type": "mrope"}, "'type': \"mrope\" is not implemented"),
        ({**YARN, "mrope_section": [2, 3]}, "'mrope_section' is not implemented"),
        ({**LONGROPE, "long_mscale": 1.2}, "'long_mscale' is not implemented"),
        ({"rope_type": "linear"}, "lacks 'factor'"),
        ({"rope_type": "linear", "factor": 0}, "'factor' must be above 0, not 0"),
        ({"rope_type": "dynamic", "factor": -2.0}, "'factor' must be above 0, not -2"),
        ({"rope_type": "linear", "factor": "2"}, "'factor' must be float"),
        ({**YARN, "rope_theta": -1}, "'rope_theta' must be above 0"),
        ({**YARN, "rope_theta": 1}, "'rope_theta' must not be 1"),
        ({**YARN, "beta_fast": 0}, "'beta_fast' must be above 0"),
        ({**YARN, "attention_factor": -1.0}, "'attention_factor' must be above 0"),
        ({**YARN, "original_max_position_embeddings": 0}, "'original_max_position_embeddings' must be above 0"),
        ({**YARN, "truncate": 1}, "'truncate' must be bool"),
        ({**LONGROPE, "short_factor": None}, "'short_factor' must be a list of numbers above 0"),
        ({**LONGROPE, "long_factor": [1.0, 0]}, "'long_factor' must be a list of numbers above 0"),
        ({**LONGROPE, "long_factor": [1.0, True]}, "'long_factor' must be a list of numbers above 0"),
        ({**LONGROPE, "original_max_position_embeddings": 1}, "lacks 'attention_factor'"),
        (
            {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4},
            r"'low_freq_factor' \(4.0\) must be below 'high_freq_factor' \(4.0\)",
        ),
        ([1], "must be an object"),
    ],
)
def test_what_makes_no_sense_is_named(scaling: Any, message: str) -> None:
    with pytest.raises(UnsupportedModel, match=message) as caught:
        read(scaling)
    assert "rope_parameters" in str(caught.value)


def test_what_a_head_must_be_like() -> None:
    assert rotated(read(LONGROPE), 4, "config.json") == 4
    assert rotated(RopeConfig(dim=6), 8, "config.json") == 6
    with pytest.raises(UnsupportedModel, match="'short_factor' has 2 numbers and 4 pairs"):
        rotated(read(LONGROPE), 8, "config.json")
    with pytest.raises(UnsupportedModel, match="more than one rotated pair"):
        rotated(read({"rope_type": "dynamic", "factor": 2.0}), 2, "config.json")
    with pytest.raises(UnsupportedModel, match="'head_dim' must be even"):
        rotated(RopeConfig(dim=7), 8, "config.json")
