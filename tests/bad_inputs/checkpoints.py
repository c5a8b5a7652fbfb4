"""Model folders that cannot be served: what was done to a good one, and what the one line about it must say."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file

FILE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
NORM: Final = "model.norm.weight"
UP: Final = "model.layers.1.mlp.up_proj.weight"


@dataclass(frozen=True)
class Damage:
    """One wrong folder.

    Attributes:
        do: Turns a copy of a good folder into it.
        says: Parts of the error, such as the file's and the tensor's name.
    """

    do: Callable[[Path], None]
    says: tuple[str, ...]


def tensors(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    """Rewrites the file with other tensors."""

    def do(folder: Path) -> None:
        content = load_file(folder / FILE)
        change(content)
        save_file(content, folder / FILE)

    return do


def header(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Rewrites the header and leaves the data."""

    def do(folder: Path) -> None:
        content = (folder / FILE).read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        entries = json.loads(content[8 : 8 + length])
        change(entries)
        text = json.dumps(entries).encode()
        (folder / FILE).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])

    return do


def config(**fields: Any) -> Callable[[Path], None]:
    """Sets fields of config.json."""

    def do(folder: Path) -> None:
        values = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**values, **fields}))

    return do


def shards(folder: Path) -> dict[str, str]:
    """Splits the file in two and writes an index; returns what the index says."""
    content = load_file(folder / FILE)
    (folder / FILE).unlink()
    names = sorted(content)
    halves = {"a.safetensors": names[: len(names) // 2], "b.safetensors": names[len(names) // 2 :]}
    for file, half in halves.items():
        save_file({name: content[name] for name in half}, folder / file)
    weight_map = {name: file for file, half in halves.items() for name in half}
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))
    return weight_map


def missing_shard(folder: Path) -> None:
    shards(folder)
    (folder / "b.safetensors").unlink()


def index_of_too_much(folder: Path) -> None:
    weight_map = shards(folder)
    (folder / INDEX).write_text(json.dumps({"weight_map": {**weight_map, "model.extra": "a.safetensors"}}))


def twice(folder: Path) -> None:
    """Two files without an index that hold the same tensor."""
    shards(folder)
    (folder / INDEX).unlink()
    save_file({NORM: torch.ones(48)}, folder / "c.safetensors")


def cut_off(folder: Path) -> None:
    content = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(content[:-100])


def beginning(length: int) -> Callable[[Path], None]:
    """Says that the header has ``length`` bytes."""

    def do(folder: Path) -> None:
        content = (folder / FILE).read_bytes()
        (folder / FILE).write_bytes(struct.pack("<Q", length) + content[8:])

    return do


def overlap(entries: dict[str, Any]) -> None:
    entries[NORM]["data_offsets"] = entries[UP]["data_offsets"][:1] * 2
    entries[NORM]["data_offsets"][1] += 192


def too_large(entries: dict[str, Any]) -> None:
    entries[UP]["shape"] = [1 << 40, 1 << 40]


def not_a_number(content: dict[str, torch.Tensor]) -> None:
    content[UP][3, 5] = float("nan")


def infinite(content: dict[str, torch.Tensor]) -> None:
    content[NORM][7] = float("-inf")


DAMAGES: Final = {
    "missing shard": Damage(missing_shard, ("lacks b.safetensors", INDEX)),
    "index names a tensor that is not there": Damage(index_of_too_much, ("a.safetensors", "'model.extra'")),
    "tensor in two files": Damage(twice, ("c.safetensors", f"'{NORM}'", "twice", "b.safetensors")),
    "file cut off": Damage(cut_off, (FILE, "bytes and its header promises")),
    "header without end": Damage(beginning(1 << 60), (FILE, "does not begin as a safetensors file does")),
    "header longer than the file": Damage(beginning(50_000_000), (FILE, "its header alone takes")),
    "tensors overlap": Damage(header(overlap), (FILE, f"'{UP}'", "begins at byte")),
    "tensor larger than its bytes": Damage(header(too_large), (FILE, f"'{UP}'", "takes")),
    "missing tensor": Damage(tensors(lambda content: content.pop(UP)), (f"lacks '{UP}'",)),  # type: ignore[arg-type,return-value]
    "tensor too much": Damage(
        tensors(lambda content: content.update({"model.extra": torch.ones(2)})), (FILE, "'model.extra'", "not use")
    ),
    "wrong shape": Damage(
        tensors(lambda content: content.update({NORM: torch.ones(47)})), (FILE, f"'{NORM}'", "[47]", "[48]")
    ),
    "wrong type": Damage(
        tensors(lambda content: content.update({NORM: torch.ones(48, dtype=torch.int32)})),
        (FILE, f"'{NORM}'", "I32", "floating-point"),
    ),
    "NaN weight": Damage(tensors(not_a_number), (FILE, f"'{UP}'", "NaN")),
    "infinite weight": Damage(tensors(infinite), (FILE, f"'{NORM}'", "infinite")),
    "NaN in config.json": Damage(config(rms_norm_eps=float("nan")), ("config.json", "not valid JSON")),
    "unknown quantisation": Damage(
        config(quantization_config={"quant_method": "magic"}), ("config.json", "'quant_method'", "magic")
    ),
    "unknown rope": Damage(
        config(rope_scaling={"rope_type": "spiral", "factor": 2.0}), ("config.json", "'rope_type'", "spiral")
    ),
    "unknown architecture": Damage(config(architectures=["OracleForCausalLM"]), ("OracleForCausalLM",)),
}
