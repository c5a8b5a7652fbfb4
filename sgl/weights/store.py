"""`store`: chooses how the weights of a product are stored."""

from __future__ import annotations

from sgl.config.layout.weight import Matrix
from sgl.weights.plain import PlainStored
from sgl.weights.slot import Placement
from sgl.weights.stored import Stored


def store(matrix: Matrix, place: Placement) -> Stored:
    """Room for one product's weights, by what the checkpoint has of it."""
    return PlainStored(matrix, place)
