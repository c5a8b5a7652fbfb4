"""A load holds no weight twice and reads each byte once. ``python -m benchmarks.loading`` shows it with 1 GB."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.loading import measure, shape_of, write_checkpoint
from sgl.layers.linear import Linear
from sgl.loader.reader import Reader
from tests.harness import LocalEngine
from tests.zoo.families import FAMILIES, make_checkpoint


def test_peak_memory_and_bytes_read(tmp_path: Path) -> None:
    size = write_checkpoint(tmp_path, shape_of(0.1, "bfloat16"))
    taken = measure(tmp_path)
    assert taken.checkpoint_bytes == size > 90e6
    assert taken.peak_bytes <= 1.3 * size
    assert size <= taken.read_bytes <= 1.01 * size


def test_a_layer_is_finished_before_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_checkpoint(FAMILIES[0], tmp_path)
    events: list[str] = []
    fill, finish = Reader.fill, Linear.finish

    def filled(self: Reader, tensor: object, target: torch.Tensor) -> None:
        fill(self, tensor, target)  # type: ignore[arg-type]
        events.append(tensor.name)  # type: ignore[attr-defined]

    def finished(self: Linear, deterministic: bool) -> None:
        finish(self, deterministic)
        events.append("finished")

    monkeypatch.setattr(Reader, "fill", filled)
    monkeypatch.setattr(Linear, "finish", finished)
    LocalEngine.load(tmp_path)
    last_of_first = max(index for index, event in enumerate(events) if event.startswith("model.layers.0."))
    first_of_second = min(index for index, event in enumerate(events) if event.startswith("model.layers.1."))
    assert last_of_first < first_of_second
    # The head, which comes first in the file, and qkv, out, gate and up, down.
    assert events[:first_of_second].count("finished") == 5
    assert events.count("finished") == 1 + 3 * 4
