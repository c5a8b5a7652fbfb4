"""What the doctor says about weight files, one way to break them after the other."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from sgl.config.engine import EngineConfig
from sgl.doctor.codes import CODES
from sgl.doctor.finding import Finding
from sgl.doctor.model.config import read_config
from sgl.doctor.model.source import find_source
from sgl.doctor.model.weights import check_weights
from tests.unit.doctor.model.folders import SHAPES, make_folder, write_shards, write_weights


def findings(folder: Path) -> dict[str, Finding]:
    source = find_source(EngineConfig(model_path=str(folder)), None, {})
    report = check_weights(source, read_config(folder, source.name), "safetensors", None, {})
    assert all(finding.code in CODES and str(folder) not in finding.detail for finding in report.findings)
    return {finding.title: finding for finding in report.findings}


def error(folder: Path) -> Finding:
    (finding,) = [finding for finding in findings(folder).values() if finding.status == "error"]
    assert finding.remedy
    return finding


def test_all_is_well(tmp_path: Path) -> None:
    found = findings(make_folder(tmp_path))
    assert {finding.status for finding in found.values()} == {"ok"}
    assert found["weight files"].detail == "all there, headers sane: 12 tensors, 0.3 MiB"
    assert found["weight types"].detail == "67.9 k F32"


def test_shards(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    write_shards(folder)
    assert {finding.status for finding in findings(folder).values()} == {"ok"}


def test_missing_shards_are_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    for path in write_shards(folder)[1:]:
        path.unlink()
    finding = error(folder)
    assert finding.code == "SGL607"
    assert finding.detail == ("2 of 3 are missing: model-00002-of-00003.safetensors, model-00003-of-00003.safetensors")


def test_a_download_that_was_cut_off(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    finding = error(folder)
    assert finding.code == "SGL608"
    assert f"it has {len(whole) // 2} bytes and its header promises {len(whole)}" in finding.detail


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write_header(path: Path, header: dict[str, Any], data: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_a_header_that_lies_about_a_shape(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    path = folder / "model.safetensors"
    header, data = header_of(path)
    header["model.norm.weight"]["shape"] = [32]
    write_header(path, header, data)
    finding = error(folder)
    assert finding.code == "SGL608"
    assert "'model.norm.weight' is F32 [32] and takes 64 bytes" in finding.detail


@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", struct.pack("<Q", 2**60), struct.pack("<Q", 9) + b"{"]
)
def test_a_file_that_is_something_else(tmp_path: Path, content: bytes) -> None:
    folder = make_folder(tmp_path)
    (folder / "model.safetensors").write_bytes(content)
    finding = error(folder)
    assert finding.code == "SGL608"
    assert "model.safetensors is damaged" in finding.detail


def test_a_pointer_of_git_lfs(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    assert error(folder).code == "SGL608"


@pytest.mark.parametrize(("file", "said"), [("pytorch_model.bin", "pickled weights"), ("model.gguf", "GGUF weights")])
def test_other_kinds_of_weights(tmp_path: Path, file: str, said: str) -> None:
    folder = make_folder(tmp_path)
    (folder / "model.safetensors").rename(folder / file)
    finding = error(folder)
    assert finding.code == "SGL607"
    assert said in finding.detail


def test_no_weights_at_all(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "model.safetensors").unlink()
    assert "no weights" in error(folder).detail


@pytest.mark.parametrize(
    ("shapes", "config", "said"),
    [
        (
            {"model.layers.0.mlp.up_proj.weight": (31, 16)},
            {},
            "'model.layers.0.mlp.up_proj.weight' has shape [31, 16], config.json asks for [32, 16]",
        ),
        ({"model.extra.weight": (1,)}, {}, "holds 'model.extra.weight', which this architecture does not use"),
        ({}, {"num_hidden_layers": 2}, "the checkpoint lacks 'model.layers.1.input_layernorm.weight' (9 weights"),
        ({}, {"tie_word_embeddings": True}, ""),
    ],
)
def test_tensors_against_the_config(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], config: dict[str, Any], said: str
) -> None:
    finding = findings(make_folder(tmp_path, config, shapes))["tensors"]
    assert finding.status == ("error" if said else "ok")
    assert said in finding.detail


def test_several_differences_are_counted(tmp_path: Path) -> None:
    shapes = {f"model.layers.0.mlp.{name}_proj.weight": (5, 5) for name in ("up", "down", "gate")}
    finding = error(make_folder(tmp_path, shapes=shapes))
    assert finding.code == "SGL610"
    assert finding.detail.endswith("(and 2 more)")


def test_tensors_of_a_quantised_model_are_not_compared(tmp_path: Path) -> None:
    found = findings(make_folder(tmp_path, {"quantization_config": {"quant_method": "bitsandbytes"}}))
    assert found["tensors"].status == "skip"
    assert found["weight files"].status == "ok"


def test_an_index_that_names_other_tensors(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    first, *_ = write_shards(folder)
    names = list(SHAPES)[0::3]
    write_weights(first, {name: SHAPES[name] for name in names[1:]})
    assert "disagree about 'model.embed_tokens.weight'" in error(folder).detail


@pytest.mark.parametrize("index", ["{", "[]", '{"weight_map": {}}', '{"weight_map": {"a": "../b.safetensors"}}'])
def test_a_broken_index(tmp_path: Path, index: str) -> None:
    folder = make_folder(tmp_path)
    (folder / "model.safetensors.index.json").write_text(index)
    assert error(folder).code in ("SGL607", "SGL608")
