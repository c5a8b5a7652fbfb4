"""What a machine allows, by arithmetic: bytes that must be read and products that must be computed. Pure, no torch.

The formulas are those of the table of goals: a decode step reads every weight once, or multiplies as many rows as it
has, whichever takes longer, and reads the KV cache beside that; prompts are products and attention.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CONFIGS: Final = Path(__file__).resolve().parent / "configs"
KV_BYTES: Final = 2
"""Of a kept number, in bfloat16."""
HEAD_BITS: Final = 16
"""The output projection stays in bfloat16 whatever the other weights are."""
BF16: Final = 16.0
FP8: Final = 8.0
INT4: Final = 4.16
"""Groups of 128 with a scale and a zero point."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What the machine reaches at best.

    Attributes:
        bandwidth: Bytes a second, read and written together.
        products: Floating-point operations a second in bfloat16.
    """

    bandwidth: float
    products: float


PUBLISHED: Final = Ceilings(4.3e12, 790e12)
"""Of the H200 that the goals were set for: a copy within its memory, and a product of 8192 x 8192 x 8192."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A dense decoder.

    Attributes:
        linear: Numbers in the matrices of all layers.
        head: Numbers in the output projection.
        kv_bytes: Of one token in all layers.
        attention: Query heads times their width, in all layers.
    """

    linear: int
    head: int
    kv_bytes: int
    attention: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> Shape:
        """From the fields of a config.json."""
        hidden, layers, width = config["hidden_size"], config["num_hidden_layers"], config["head_dim"]
        queries, kept = config["num_attention_heads"] * width, config["num_key_value_heads"] * width
        layer = hidden * (queries + 2 * kept) + queries * hidden + 3 * hidden * config["intermediate_size"]
        return cls(
            linear=layers * layer,
            head=config["vocab_size"] * hidden,
            kv_bytes=2 * layers * kept * KV_BYTES,
            attention=layers * queries,
        )

    def weight_bytes(self, bits: float) -> float:
        """Read by one step."""
        return (self.linear * bits + self.head * HEAD_BITS) / 8

    def decode_seconds(self, machine: Ceilings, *, batch: int, kept: int, bits: float = BF16) -> float:
        """A step of one token each.

        Args:
            kept: Tokens in the KV cache, of all sequences together.
        """
        multiplied = 2 * batch * (self.linear + self.head) / machine.products
        return max(self.weight_bytes(bits) / machine.bandwidth, multiplied) + kept * self.kv_bytes / machine.bandwidth

    def prompt_seconds(self, machine: Ceilings, lengths: Sequence[int]) -> float:
        """Prompts of these lengths, one logit row each; half of the scores are masked and not computed."""
        multiplied = 2 * self.linear * sum(lengths) + 2 * self.attention * sum(length**2 for length in lengths)
        return multiplied / machine.products

    def offline_seconds(self, machine: Ceilings, work: Sequence[tuple[int, int]]) -> float:
        """All prompts, then all decode steps with whatever sequences are left.

        Args:
            work: Of each sequence: tokens of its prompt, and tokens to generate.
        """
        seconds = self.prompt_seconds(machine, [prompt for prompt, _ in work])
        for step in range(1, max(output for _, output in work)):
            running = [prompt + step for prompt, output in work if output > step]
            seconds += self.decode_seconds(machine, batch=len(running), kept=sum(running))
        return seconds


def read_config(name: str) -> dict[str, Any]:
    """The config.json of a public model, by the name of its file here."""
    fields: dict[str, Any] = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    return fields


def shape(name: str) -> Shape:
    """See `read_config`."""
    return Shape.of(read_config(name))
