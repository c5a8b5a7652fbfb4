"""Which decode steps are captured, and which one a batch takes."""

from __future__ import annotations

import pytest
import torch

from sgl.engine.gpu.graphs import Decoded, DecodeGraphs, NoRecorder, ladder


@pytest.mark.parametrize("largest", [1, 3, 8, 9, 16, 20, 256])
def test_every_batch_has_a_graph_that_is_hardly_larger(largest: int) -> None:
    sizes = ladder(largest)
    assert sizes == tuple(sorted(set(sizes)))
    assert sizes[-1] == largest
    for count in range(1, largest + 1):
        taken = min(size for size in sizes if size >= count)
        assert taken == count if count <= 8 else taken - count < 8


def test_a_replay_computes_what_lies_in_place_now() -> None:
    given, room = torch.zeros(12), Decoded.room(12, 3, torch.device("cpu"))
    captured: list[int] = []

    def decode(out: Decoded) -> None:
        size = len(out.tokens)
        captured.append(size)
        out.logits.copy_(given[:size].unsqueeze(1).expand(-1, 3))
        out.tokens.copy_(given[:size])

    graphs = DecodeGraphs(ladder(12), decode, room, NoRecorder())
    assert captured == [12, 8, 7, 6, 5, 4, 3, 2, 1]
    given.copy_(torch.arange(12.0) + 5)
    captured.clear()
    assert graphs.replay(10).tokens.tolist() == list(range(5, 15))
    assert captured == [12]
    assert graphs.replay(2).logits.tolist() == [[5.0] * 3, [6.0] * 3]
    assert (graphs.largest, graphs.size_for(10)) == (12, 12)
