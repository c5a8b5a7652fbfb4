"""Headers of weights: what safetensors itself reads, from a folder and over range requests, and what is damaged."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sgl.errors import CheckpointError, DownloadError, ModelNotFound
from sgl.hub.headers import local_headers, remote_headers
from sgl.plan.header import TensorHeader
from tests.fake_hub import FakeHub, running_hub
from tests.zoo.families import FAMILIES, make_checkpoint

NAME = "owner/model"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running_hub() as server:
        yield server


def ask(hub: FakeHub, name: str = NAME, revision: str | None = None, **environ: str) -> tuple[TensorHeader, ...]:
    return remote_headers(name, revision, {"HF_ENDPOINT": hub.endpoint, **environ})


def sharded(folder: Path) -> Path:
    make_checkpoint(FAMILIES[0], folder).save_pretrained(folder, max_shard_size="40KB")
    (folder / "model.safetensors").unlink()
    return folder


def write(folder: Path, header: dict[str, Any] | bytes, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_every_tensor_as_safetensors_reads_it(tmp_path: Path) -> None:
    tensors = {
        "a": torch.zeros(3, 5, dtype=torch.bfloat16),
        "b": torch.zeros(7, dtype=torch.int32),
        "c": torch.zeros(2, 2, dtype=torch.float8_e4m3fn),
        "scalar": torch.zeros((), dtype=torch.float64),
        "nothing": torch.zeros(0, 4),
    }
    path = tmp_path / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    found = {header.name: header for header in local_headers(tmp_path)}
    with safe_open(path, framework="pt") as file:
        assert found.keys() == set(file.keys())
        for name, header in found.items():
            part = file.get_slice(name)
            assert (header.dtype, list(header.shape)) == (part.get_dtype(), part.get_shape())
            assert header.stored_bytes == tensors[name].numel() * tensors[name].element_size()
            assert header.elements == tensors[name].numel()


def test_shards_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = sharded(tmp_path)
    assert len(list(folder.glob("*.safetensors"))) > 2
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    headers = local_headers(folder)
    assert {header.name for header in headers} == index["weight_map"].keys()
    files = [index["weight_map"][header.name] for header in headers]
    assert files == sorted(files)


@pytest.mark.parametrize(
    ("header", "data", "what"),
    [
        (b"", b"", "does not begin as a safetensors file does"),
        (b"{]", b"", "not valid JSON"),
        (b"[]", b"", "no JSON object"),
        ({"a": entry()}, bytes(7), "promises"),
        ({"a": entry()}, bytes(9), "promises"),
        ({"a": entry(offsets=(0, 9))}, bytes(9), r"'a' is F32 \[2\] and takes 9 bytes"),
        ({"a": entry(offsets=(8, 0))}, bytes(8), "takes -8 bytes"),
        ({"a": entry(offsets=(4, 12))}, bytes(12), "begins at byte 4"),
        ({"a": entry(), "b": entry()}, bytes(8), "'b' begins at byte 0 of the data and not at 8"),
        ({"a": entry(shape=(-2,))}, bytes(8), "lacks type, shape or place"),
        ({"a": entry(shape=(True, 2))}, bytes(8), "lacks type, shape or place"),
        ({"a": entry(offsets=(0,))}, bytes(8), "lacks type, shape or place"),
        ({"a": {"dtype": 3, "shape": [2], "data_offsets": [0, 8]}}, bytes(8), "lacks type, shape or place"),
        ({"a": None}, b"", "lacks type, shape or place"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, header: Any, data: bytes, what: str) -> None:
    path = write(tmp_path, header, data)
    with pytest.raises(CheckpointError, match=what) as caught:
        local_headers(tmp_path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("content", [b"", b"\x01\x02", b"<!doctype html>" * 9, struct.pack("<Q", 1 << 40) + b"{}"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        local_headers(tmp_path)


def test_a_header_longer_than_its_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", 50_000_000) + b"{}")
    with pytest.raises(CheckpointError, match="its header alone takes 50000008"):
        local_headers(tmp_path)


def test_a_missing_shard_and_a_wrong_index_are_named(tmp_path: Path) -> None:
    folder = sharded(tmp_path)
    last = sorted(folder.glob("*.safetensors"))[-1]
    content = last.read_bytes()
    last.unlink()
    with pytest.raises(CheckpointError, match=rf"lacks {last.name}, which .* names \(1 missing\)"):
        local_headers(folder)
    last.write_bytes(content)
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"]["model.extra"] = last.name
    path.write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"disagree about 'model\.extra'"):
        local_headers(folder)


def test_a_folder_without_weights_is_explained(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(CheckpointError, match="only pickled weights"):
        local_headers(tmp_path)


# -- over the network ------------------------------------------------------------------------------


def test_the_hub_gives_what_the_folder_has(hub: FakeHub, tmp_path: Path) -> None:
    for name, folder in (("owner/one", tmp_path / "one"), ("owner/shards", tmp_path / "shards")):
        folder.mkdir()
        if name == "owner/one":
            make_checkpoint(FAMILIES[0], folder)
        else:
            sharded(folder)
        hub.add(name, folder)
        assert ask(hub, name) == local_headers(folder)


def test_only_the_beginning_of_a_file_is_asked_for(hub: FakeHub, tmp_path: Path) -> None:
    save_file({"model.embed_tokens.weight": torch.zeros(1024, 1024)}, tmp_path / "model.safetensors")
    hub.add(NAME, tmp_path)
    assert ask(hub) == local_headers(tmp_path)
    assert hub.bytes_sent() < 1 << 18 < (tmp_path / "model.safetensors").stat().st_size


def test_a_long_header_takes_a_second_request(hub: FakeHub, tmp_path: Path) -> None:
    save_file({f"model.layers.{index}.weight" * 4: torch.zeros(1) for index in range(2000)}, tmp_path / "a.safetensors")
    hub.add(NAME, tmp_path)
    headers = ask(hub)
    assert len(headers) == 2000
    assert headers == local_headers(tmp_path)


def test_a_server_that_knows_no_ranges_is_cut_off(hub: FakeHub, tmp_path: Path) -> None:
    save_file({"model.embed_tokens.weight": torch.zeros(1024, 1024)}, tmp_path / "model.safetensors")
    hub.add(NAME, tmp_path)
    hub.fail("model.safetensors", deaf=True)
    assert ask(hub) == local_headers(tmp_path)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ({"status": 404}, ModelNotFound, "no public repository"),
        ({"status": 403}, DownloadError, "403"),
        ({"status": 500}, DownloadError, "500"),
        ({"flip": True}, CheckpointError, "damaged"),
    ],
)
def test_faults_are_one_line_that_says_what_to_do(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], error: type, message: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    make_checkpoint(FAMILIES[0], tmp_path)
    hub.add(NAME, tmp_path)
    hub.fail("model.safetensors", **fault)
    with pytest.raises(error, match=message) as caught:
        ask(hub)
    assert "\n" not in str(caught.value)


def test_missing_repositories_revisions_and_licences_are_told_apart(hub: FakeHub, tmp_path: Path) -> None:
    make_checkpoint(FAMILIES[0], tmp_path)
    hub.add(NAME, tmp_path)
    hub.add("owner/gated", tmp_path, gated=True)
    with pytest.raises(ModelNotFound, match="no public repository owner/other"):
        ask(hub, "owner/other")
    with pytest.raises(ModelNotFound, match="has no revision 'v2'"):
        ask(hub, f"{NAME}@v2")
    with pytest.raises(ModelNotFound, match="gated"):
        ask(hub, "owner/gated")


def test_the_hub_is_not_asked_when_it_may_not_be(hub: FakeHub) -> None:
    with pytest.raises(ModelNotFound, match="may not be asked") as caught:
        ask(hub, HF_HUB_OFFLINE="1")
    assert caught.value.hint is not None
    assert "HF_HUB_OFFLINE" in caught.value.hint
    assert hub.requests == []


def test_what_is_no_repository_is_no_repository(hub: FakeHub) -> None:
    with pytest.raises(ModelNotFound, match="There is no folder model"):
        ask(hub, "model")
