"""Families of installed packages are found by entry point, only when they are needed, and never from a model folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sgl.config.hf import HfConfig
from sgl.errors import UnsupportedModel
from sgl.models.table import read_model_config, served_architecture
from tests.harness import LocalEngine
from tests.zoo.families import FAMILIES, greedy, make_checkpoint

Install = Callable[..., None]
ORACLE = "OracleForCausalLM"
FAMILY = """
from dataclasses import replace
from sgl.config.decoder import read_decoder

def read(hf, architecture):
    hf.only("prophecy", False)
    return replace(read_decoder(hf, architecture), architecture="by the oracle")
"""
SMALL: dict[str, Any] = {
    "architectures": [ORACLE],
    "vocab_size": 100,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 8,
    "max_position_embeddings": 512,
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package with one module and one entry point on the path."""

    def do(code: str, value: str = "oracle_family:read", name: str = ORACLE, package: str = "oracle-models") -> None:
        folder = tmp_path / package
        described = folder / f"{package.replace('-', '_')}-1.0.dist-info"
        described.mkdir(parents=True)
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (described / "entry_points.txt").write_text(f"[sgl.models]\n{name} = {value}\n")
        (folder / "oracle_family.py").write_text(code)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "oracle_family", raising=False)

    return do


def test_an_installed_family_serves_its_checkpoint(install: Install, tmp_path: Path) -> None:
    install(FAMILY)
    folder = tmp_path / "model"
    reference = make_checkpoint(FAMILIES[0], folder)
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("LlamaForCausalLM", ORACLE))
    engine = LocalEngine.load(folder)
    assert engine.scheduler.info.architecture == "by the oracle"
    answer = engine.ask([5, 9, 77], max_new_tokens=8, ignore_eos=True)
    assert answer.tokens == greedy(reference, [5, 9, 77], 8)


def test_its_refusals_are_its_own_words(install: Install) -> None:
    install(FAMILY)
    with pytest.raises(UnsupportedModel, match=r"'prophecy': true is not implemented"):
        read_model_config(HfConfig({**SMALL, "prophecy": True}))


def test_the_table_comes_first_and_nothing_is_imported_for_it(install: Install) -> None:
    install("raise RuntimeError('imported')", name="LlamaForCausalLM")
    llama = {**SMALL, "architectures": ["LlamaForCausalLM"]}
    assert read_model_config(HfConfig(llama)).architecture == "LlamaForCausalLM"
    assert served_architecture(["NobodyForCausalLM", "LlamaForCausalLM"]) == "LlamaForCausalLM"
    assert "oracle_family" not in sys.modules


def test_without_a_package_the_architecture_is_unknown() -> None:
    assert served_architecture([ORACLE]) is None
    with pytest.raises(UnsupportedModel, match=f"unknown architecture '{ORACLE}'"):
        read_model_config(HfConfig(SMALL))


@pytest.mark.parametrize(
    ("code", "value", "what"),
    [
        (FAMILY, "oracle_family:write", r"cannot be loaded \(AttributeError: .*'write'\)"),
        (FAMILY, "no_such_module:read", r"cannot be loaded \(ModuleNotFoundError: No module named 'no_such_module'\)"),
        ("raise ValueError('broken\\nbadly')", "oracle_family:read", r"cannot be loaded \(ValueError: broken\)"),
        (
            "def read(hf, architecture): return {}['x']",
            "oracle_family:read",
            r"failed on config.json \(KeyError: 'x'\)",
        ),
        ("def read(hf, architecture): return 3", "oracle_family:read", r"returns int and not sgl\.config\.model"),
        ("read = 3", "oracle_family:read", r"failed on config.json \(TypeError: 'int' object is not callable\)"),
    ],
)
def test_a_broken_entry_point_is_one_line_that_names_the_package(
    install: Install, code: str, value: str, what: str
) -> None:
    install(code, value)
    wanted = rf"the entry point {ORACLE} = '{value}' \(sgl\.models\) of the package oracle-models {what}"
    with pytest.raises(UnsupportedModel, match=wanted) as caught:
        read_model_config(HfConfig(SMALL))
    assert "\n" not in str(caught.value)
    assert "pip uninstall oracle-models" in (caught.value.hint or "")


def test_two_packages_that_read_the_same_are_named(install: Install) -> None:
    install(FAMILY)
    install(FAMILY, package="delphi")
    with pytest.raises(UnsupportedModel, match=rf"several installed packages read {ORACLE}: delphi .*, oracle-models"):
        read_model_config(HfConfig(SMALL))


def test_a_model_folder_cannot_bring_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Install) -> None:
    """Neither ``auto_map`` nor a module beside config.json is looked at, whatever the working folder is."""
    (tmp_path / "modeling_oracle.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(tmp_path)
    named = {**SMALL, "auto_map": {"AutoModelForCausalLM": "modeling_oracle.Oracle"}}
    with pytest.raises(UnsupportedModel, match="unknown architecture"):
        read_model_config(HfConfig(named))
    assert "modeling_oracle" not in sys.modules
