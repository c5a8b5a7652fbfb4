"""`Topology`: how GPUs are connected, from ``nvidia-smi topo -m``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_SLOWNESS: Final = ("NV", "PIX", "PXB", "PHB", "NODE", "SYS")
"""Kinds of connection, the fastest first; NV stands for NV1, NV18, ..."""


@dataclass(frozen=True, kw_only=True)
class Topology:
    """The connection of each pair of GPUs: ``NV18``, ``PIX``, ``PXB``, ``PHB``, ``NODE`` or ``SYS``."""

    links: Mapping[tuple[int, int], str]

    def slowest(self, gpus: Sequence[int]) -> tuple[int, int, str] | None:
        """The worst connection among these GPUs; None when there is none, or it is not known."""
        pairs = [(a, b, self.links[a, b]) for a in gpus for b in gpus if a < b and (a, b) in self.links]
        return max(pairs, key=lambda pair: _slowness(pair[2])) if pairs else None


def _slowness(link: str) -> tuple[int, int]:
    kind = link.rstrip("0123456789")
    count = int(link[len(kind) :] or 0)
    return (_SLOWNESS.index(kind) if kind in _SLOWNESS else len(_SLOWNESS), -count)


def parse_topology(text: str) -> Topology | None:
    """Reads the matrix; None when there is none in the text."""
    lines = [_COLOURS.sub("", line).split("\t") for line in text.splitlines()]
    header: list[str] = []
    links: dict[tuple[int, int], str] = {}
    for cells in ([cell.strip() for cell in line] for line in lines):
        if not header and "GPU0" in cells[1:]:
            header = cells
        elif header and _gpu_index(cells[0]) is not None:
            row = _gpu_index(cells[0])
            for name, cell in zip(header[1:], cells[1:], strict=False):
                column = _gpu_index(name)
                if row is not None and column is not None and row != column and cell:
                    links[row, column] = cell
    return Topology(links=links) if header else None


def _gpu_index(name: str) -> int | None:
    """``GPU3`` -> 3; None for network cards and the other columns."""
    digits = name.removeprefix("GPU")
    return int(digits) if digits != name and digits.isdecimal() else None
