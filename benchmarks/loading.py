"""``python -m benchmarks.loading``: memory, bytes read and seconds of loading a checkpoint of random weights.

The checkpoint is written into a temporary folder and loaded by a process of its own, which reports how much more was
resident at the peak than before, and how many bytes it asked the system for. Both are counted by Linux.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file

from sgl.config.hf import HfConfig
from sgl.config.layout.count import parameter_count
from sgl.config.model import ModelConfig
from sgl.kernels.matmul import choose_matmul
from sgl.loader.load import load_weights
from sgl.models.decoder import Decoder
from sgl.models.table import read_model_config
from sgl.plan.weights import parameters
from sgl.weights.slot import Placement

SHARD_BYTES: Final = 400_000_000
DTYPES: Final = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True)
class Loading:
    """What one load took.

    Attributes:
        checkpoint_bytes: Of all weights.
        peak_bytes: Most that was resident while loading, beyond what was before.
        kept_bytes: What is resident afterwards, beyond what was before.
        read_bytes: What the process read, by ``rchar`` of /proc/self/io.
    """

    checkpoint_bytes: int
    peak_bytes: int
    kept_bytes: int
    read_bytes: int
    seconds: float


def shape_of(gigabytes: float, dtype: str) -> dict[str, Any]:
    """A Llama of about that many bytes, embedding and head apart."""
    hidden = 1024 if gigabytes >= 0.5 else 512
    values: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 32 * hidden,
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_attention_heads": hidden // 64,
        "num_hidden_layers": 1,
        "max_position_embeddings": 128,
        "dtype": dtype,
    }
    counts = [parameter_count(_model({**values, "num_hidden_layers": layers})) for layers in (1, 2)]
    layer, rest = counts[1] - counts[0], 2 * counts[0] - counts[1]
    elements = gigabytes * 1e9 / DTYPES[dtype].itemsize
    return {**values, "num_hidden_layers": max(1, round((elements - rest) / layer))}


def write_checkpoint(folder: Path, values: dict[str, Any]) -> int:
    """Writes config.json and shards with an index; returns the bytes of the weights."""
    (folder / "config.json").write_text(json.dumps(values))
    weight_map: dict[str, str] = {}
    total = 0
    for number, shard in enumerate(_shards(_model(values), DTYPES[values["dtype"]])):
        name = f"model-{number:05}.safetensors"
        save_file(shard, folder / name)
        weight_map.update(dict.fromkeys(shard, name))
        total += sum(tensor.nbytes for tensor in shard.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def measure(folder: Path) -> Loading:
    """Loads the checkpoint in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.loading", "--folder", str(folder)]
    answer = subprocess.run(command, cwd=Path(__file__).parent.parent, check=True, capture_output=True, text=True)
    return Loading(**json.loads(answer.stdout))


def load(folder: Path) -> Loading:
    """Loads the checkpoint in this process."""
    model_config = _model(json.loads((folder / "config.json").read_text()))
    dtype = DTYPES[str(model_config.checkpoint_dtype)]
    # The first product brings oneDNN and its compiled kernels, which stay.
    with torch.inference_mode():
        choose_matmul(torch.zeros(2048, 2048, dtype=dtype), None, deterministic=False)(
            torch.zeros(1, 2048, dtype=dtype)
        )
    before, read_before = _status("VmRSS"), _bytes_read()
    _forget_peak()
    begun = time.monotonic()
    model = Decoder(model_config, Placement(dtype, torch.device("cpu")), model_config.max_position)
    load_weights(model, folder, load_format="safetensors", seed=0, deterministic=False)
    seconds = time.monotonic() - begun
    read = _bytes_read() - read_before
    size = model.weight_bytes()
    return Loading(size, _status("VmHWM") - before, _status("VmRSS") - before, read, round(seconds, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=1.0, help="size of the checkpoint (default 1)")
    parser.add_argument("--dtype", choices=DTYPES, default="bfloat16")
    parser.add_argument("--folder", type=Path, help="load this folder in this process, and print JSON")
    options = parser.parse_args()
    if options.folder is not None:
        print(json.dumps(asdict(load(options.folder))))
        return
    with tempfile.TemporaryDirectory() as folder:
        size = write_checkpoint(Path(folder), shape_of(options.gb, options.dtype))
        result = measure(Path(folder))
    print(f"checkpoint {size / 1e9:.2f} GB ({options.dtype}), loaded in {result.seconds:.2f} s")
    print(f"resident at the peak: +{result.peak_bytes / 1e9:.2f} GB, {result.peak_bytes / size:.2f} of its size")
    print(f"resident afterwards:  +{result.kept_bytes / 1e9:.2f} GB, {result.kept_bytes / size:.2f} of its size")
    print(f"read: {result.read_bytes / 1e9:.3f} GB, {result.read_bytes / size:.3f} of its size")


def _model(values: dict[str, Any]) -> ModelConfig:
    return read_model_config(HfConfig(values))


def _shards(model: ModelConfig, dtype: torch.dtype) -> Iterator[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    shard: dict[str, torch.Tensor] = {}
    for parameter in parameters(model):
        tensor = torch.empty(parameter.shape, dtype=torch.float32).normal_(0.0, 0.02, generator=generator)
        shard[parameter.name] = tensor.to(dtype)
        if sum(each.nbytes for each in shard.values()) > SHARD_BYTES:
            yield shard
            shard = {}
    if shard:
        yield shard


def _status(name: str) -> int:
    """Bytes of a line of /proc/self/status."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def _bytes_read() -> int:
    found = re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())
    assert found is not None
    return int(found[1])


def _forget_peak() -> None:
    """Sets VmHWM to what is resident now (proc(5)); where that is not allowed, an earlier peak counts, too."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
