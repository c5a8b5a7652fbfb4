"""`Parts`: values of foreign flags that mean something only together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .program import Program

_OUR_DATASETS: Final = ("shared-prefix", "multi-turn", "stdin", "public-256")


@dataclass(frozen=True)
class Parts:
    """The values of a line, by flag.

    Attributes:
        values: All of each flag's values; empty for switches.
        program: Whose flags they are.
        whole: Whether the program itself was named, so that its defaults count.
    """

    values: Mapping[str, Sequence[str]]
    program: Program
    whole: bool

    def get(self, name: str, default: str | None = None) -> str | None:
        """The last value of a flag."""
        values = self.values.get(name)
        return values[-1] if values else default

    def has(self, name: str) -> bool:
        """Whether the flag is there."""
        return name in self.values

    def by_default(self, value: str) -> str | None:
        """What the program would take; None when only its flags were used."""
        return value if self.whole else None


def is_ours(name: str) -> bool:
    """Whether a value of ``--dataset`` is written as ours."""
    return ":" in name or name in _OUR_DATASETS
