"""Damage on disk is found: with the Hub's checksums, and without the Hub as far as headers tell."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from sgl.hub.display import SilentDisplay
from sgl.hub.download import Download, Hub, Wish
from sgl.hub.repository import parse_repository
from sgl.hub.verify import verify_checksums, verify_headers
from tests.fake_hub import FakeHub

HEADER = b'{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"__metadata__":{"format":"pt"}}'
TINY = struct.pack("<Q", len(HEADER)) + HEADER + b"1234"


@pytest.fixture
def download(hub: FakeHub, environ: dict[str, str], weights: bytes) -> Download:
    hub.add("owner/name", {"config.json": b"{}", "model.safetensors": weights})
    client = Hub(environ, SilentDisplay())
    plan = client.prepare(Wish(repository=parse_repository("owner/name")))
    client.fetch(plan)
    return plan


def test_a_whole_model_is_right(download: Download) -> None:
    assert verify_checksums(download, SilentDisplay()) == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_one_changed_byte_is_found(download: Download, name: str) -> None:
    path = download.store.root / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    (damage,) = verify_checksums(download, SilentDisplay())
    assert (damage.path, damage.reason) == (path, "its checksum is not the one that the hub lists")


def test_a_short_file_and_a_missing_one(download: Download) -> None:
    root = download.store.root
    (root / "model.safetensors").write_bytes(b"short")
    (root / "config.json").unlink()
    missing, short = verify_checksums(download, SilentDisplay())
    assert missing.reason == "it is not there"
    assert short.reason == "it has 5 bytes, the hub lists 1048576"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (TINY, None),
        (TINY[:-1], f"it has {len(TINY) - 1} bytes and its header promises {len(TINY)}"),
        (TINY + b"5", f"it has {len(TINY) + 1} bytes and its header promises {len(TINY)}"),
        (TINY[:20], f"it has 20 bytes and its header alone takes {8 + len(HEADER)}"),
        (b"", "it does not begin as a safetensors file does"),
        (struct.pack("<Q", 4) + b"{{{{", "its header is not valid JSON"),
    ],
)
def test_headers_tell_the_length(tmp_path: Path, content: bytes, reason: str | None) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    (tmp_path / "config.json").write_bytes(b"")
    damage = verify_headers(tmp_path.iterdir())
    assert [each.path for each in damage] == ([] if reason is None else [path])
    assert all(each.reason.startswith(str(reason)) for each in damage)


def test_a_real_model_has_the_length_its_header_promises(stories260k: Path) -> None:
    assert verify_headers(stories260k.iterdir()) == []
