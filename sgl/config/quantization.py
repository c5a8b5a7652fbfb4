"""`Quantization`: how the weights of a quantised model are stored, as config.json tells it. Torch-free.

`sgl.config.quantized.read` reads it; `sgl.config.quantized.tensors` says which tensors a checkpoint then holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from sgl.config.layout.weight import Matrix

Method = Literal["gptq", "awq", "packed", "fp8", "int8", "int4", "mxfp4"]
Scale = Literal["tensor", "channel", "group", "block"]

REGEX: Final = "re:"
"""A pattern that begins so is a regular expression, matched from the start of a module's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """One scheme for all matrices that it covers.

    Attributes:
        method: How codes and scales lie in the checkpoint, or are made at load. ``packed`` is compressed-tensors'
            pack-quantized; its int-quantized is ``int8`` and its float-quantized ``fp8``.
        bits: Of one weight.
        scale: What shares a scale: the tensor, an output's weights, a group of an output's weights, or a block.
        group: Inputs of one group; None is all of them.
        block: Outputs and inputs of one block.
        symmetric: Zero points are the middle of the range; a checkpoint need not have them.
        ordered: Groups need not be runs of neighbouring inputs: ``g_idx`` says which group an input is of.
        zero_offset: Added to a stored zero point: 1 in GPTQ's first format.
        scale_name: What the checkpoint calls the scale of ``fp8`` and ``int8``, after the matrix' own name.
        activations: Bits of activations as the checkpoint's authors quantise them; None keeps them.
        static: Tensors that the checkpoint has for activations of each matrix, such as ``input_scale``. They are not
            used: where activations are quantised at all, it is by their own values.
        only: Patterns of the modules that it is for; empty stands for all.
        skipped: Patterns of modules that are kept.
        also: Patterns of modules that are covered although they usually are not, such as the head.
        ignored: Checkpoint names (glob) that are not needed.
        at_load: The checkpoint is not quantised: codes are made from its weights when they are loaded.
        source: The method as config.json names it.
        notes: What is asked for and not done, one line each.
    """

    method: Method
    bits: int
    scale: Scale = "group"
    group: int | None = None
    block: tuple[int, int] | None = None
    symmetric: bool = True
    ordered: bool = False
    zero_offset: int = 0
    scale_name: str = "weight_scale"
    activations: int | None = None
    static: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    at_load: bool = False
    source: str = ""
    notes: tuple[str, ...] = ()

    def covers(self, matrix: Matrix, name: str) -> bool:
        """Whether the part of a matrix that the checkpoint calls ``name`` is quantised."""
        if self.method == "mxfp4" or any(matches(pattern, name) for pattern in self.skipped):
            return False
        if not matrix.quantized:
            return any(matches(pattern, name) for pattern in self.also)
        return not self.only or any(matches(pattern, name) for pattern in self.only)

    def groups(self, inputs: int) -> int:
        """Groups of one output's weights."""
        return 1 if self.group is None else -(-inputs // self.group)

    def __str__(self) -> str:
        """For people: ``gptq, 4 bits, groups of 128, in order of activation``."""
        words = [self.source or self.method, f"{self.bits} bits"]
        if self.scale == "block" and self.block is not None:
            words.append(f"blocks of {self.block[0]} x {self.block[1]}")
        elif self.scale == "group" and self.group is not None:
            words.append(f"groups of {self.group}")
        else:
            words.append("a scale per tensor" if self.scale == "tensor" else "a scale per output")
        if self.ordered:
            words.append("in order of activation")
        return ", ".join(words)


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern means this module: a regular expression, or whole parts of the dotted name.

    ``gate`` means ``layers.0.mlp.gate`` and all inside of it, and not ``layers.0.mlp.gate_proj``.
    """
    if pattern.startswith(REGEX):
        return re.match(pattern[len(REGEX) :], name) is not None
    return f".{pattern}." in f".{name}."
