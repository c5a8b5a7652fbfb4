"""``python -m tests.unit.bench.record``: writes golden/, the texts that the output is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .output_cases import golden

GOLDEN: Final = Path(__file__).parent / "golden"


def write_all() -> None:
    """Writes every text, and removes those that are no more."""
    GOLDEN.mkdir(exist_ok=True)
    texts = golden()
    for path in GOLDEN.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, make in texts.items():
        (GOLDEN / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    write_all()
