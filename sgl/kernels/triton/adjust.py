"""Step 2 of the definition in `sgl.sampling`: what changes the model's logits before a token is chosen.

One pass writes the adjusted logits beside the raw ones, which logprobs are told of; tokens with a bias are computed
anew from their raw logits, so that no order of launches matters but that end tokens come last. A logit that is NaN or
+inf becomes NaN whatever would hide it, so that its row is found out.

The roofline is the bytes of raw and adjusted logits, and 4 bytes a token of each penalised row. Not run on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from sgl.kernels.triton.variant import Variant

TILE: Final = 2048
ENTRIES: Final = 128
"""Pairs of row and token that a program looks at."""
LARGEST: Final = tl.constexpr(3.4028234663852886e38)
"""A penalty near 0 can carry a logit past float32; it must stay a number."""


@dataclass(frozen=True, slots=True)
class Penalties:
    """What rows have seen, and what it costs.

    Attributes:
        history: int32 [P, V]: twice the number of occurrences in the output, plus 1 for a token that counts as seen
            without one.
        slots: int32 [B], each row's line of ``history``; -1 for a row without penalties.
        repetition, presence, frequency: float32 [B].
    """

    history: Tensor
    slots: Tensor
    repetition: Tensor
    presence: Tensor
    frequency: Tensor


@dataclass(frozen=True, slots=True)
class Biases:
    """``values`` (float32 [n]) added to the logits of ``tokens`` (int32 [n]) of ``rows`` (int32 [n]); no pair twice."""

    rows: Tensor
    tokens: Tensor
    values: Tensor


@dataclass(frozen=True, slots=True)
class Ends:
    """``tokens`` (int32 [n]) that ``rows`` (int32 [n]) may not choose at ``positions`` (int64 [B]) below ``until``
    (int64 [n]). Ids outside the vocabulary are no tokens."""

    rows: Tensor
    tokens: Tensor
    until: Tensor
    positions: Tensor


@triton.jit
def _adjusted(
    found: tl.tensor,
    bias: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    inside: tl.tensor,
    vocabulary: tl.tensor,
    history: tl.tensor,
    slots: tl.tensor,
    repetition: tl.tensor,
    presence: tl.tensor,
    frequency: tl.tensor,
    allowed: tl.tensor,
    words: tl.tensor,
) -> tl.tensor:
    """Adjusted float32 logits of tokens ``columns`` of ``rows``, which are one row or one a token; ``inside`` masks."""
    poisoned = (found != found) | (found == float("inf"))
    found = found + bias
    if history is not None:
        slot = tl.load(slots + rows).to(tl.int64)
        # A vector of slots, because a scalar condition must not meet a mask.
        known = inside & (slot + columns * 0 >= 0)
        state = tl.load(history + slot * vocabulary + columns, mask=known, other=0)
        count = state >> 1
        divisor = tl.load(repetition + rows)
        scaled = tl.where(found < 0, found * divisor, tl.div_rn(found, divisor))
        scaled = tl.minimum(scaled, LARGEST)
        scaled = scaled - tl.load(frequency + rows) * count.to(tl.float32)
        scaled = scaled - tl.where(count > 0, tl.load(presence + rows), 0.0)
        found = tl.where(state != 0, scaled, found)
    if allowed is not None:
        word = tl.load(allowed + rows * words + (columns >> 5), mask=inside, other=0)
        found = tl.where((word >> (columns & 31)) & 1 == 0, -float("inf"), found)
    return tl.where(poisoned, float("nan"), found)


@triton.jit
def _tiles_kernel(
    logits: tl.tensor,
    row_stride: tl.tensor,
    vocabulary: tl.tensor,
    out: tl.tensor,
    history: tl.tensor,
    slots: tl.tensor,
    repetition: tl.tensor,
    presence: tl.tensor,
    frequency: tl.tensor,
    allowed: tl.tensor,
    words: tl.tensor,
    TILE: tl.constexpr,
) -> None:
    """Program (tile, row): all tokens of a tile, without a bias."""
    columns = tl.program_id(0) * TILE + tl.arange(0, TILE)
    row = tl.program_id(1).to(tl.int64)
    inside = columns < vocabulary
    found = tl.load(logits + row * row_stride + columns, mask=inside, other=0.0).to(tl.float32)
    found = _adjusted(
        found, 0.0, row, columns, inside, vocabulary,
        history, slots, repetition, presence, frequency, allowed, words,
    )  # fmt: skip
    tl.store(out + row * vocabulary + columns, found, mask=inside)


@triton.jit(do_not_specialize=["entries"])
def _biased_kernel(
    logits: tl.tensor,
    row_stride: tl.tensor,
    vocabulary: tl.tensor,
    out: tl.tensor,
    history: tl.tensor,
    slots: tl.tensor,
    repetition: tl.tensor,
    presence: tl.tensor,
    frequency: tl.tensor,
    allowed: tl.tensor,
    words: tl.tensor,
    entry_rows: tl.tensor,
    entry_tokens: tl.tensor,
    entry_values: tl.tensor,
    entries: tl.tensor,
    ENTRIES: tl.constexpr,
) -> None:
    """Program (block of entries): the tokens that have a bias, from the raw logits."""
    entry = tl.program_id(0) * ENTRIES + tl.arange(0, ENTRIES)
    inside = entry < entries
    rows = tl.load(entry_rows + entry, mask=inside, other=0).to(tl.int64)
    columns = tl.load(entry_tokens + entry, mask=inside, other=0)
    bias = tl.load(entry_values + entry, mask=inside, other=0.0)
    found = tl.load(logits + rows * row_stride + columns, mask=inside, other=0.0).to(tl.float32)
    found = _adjusted(
        found, bias, rows, columns, inside, vocabulary,
        history, slots, repetition, presence, frequency, allowed, words,
    )  # fmt: skip
    tl.store(out + rows * vocabulary + columns, found, mask=inside)


@triton.jit(do_not_specialize=["entries"])
def _ends_kernel(
    out: tl.tensor,
    vocabulary: tl.tensor,
    entry_rows: tl.tensor,
    entry_tokens: tl.tensor,
    until: tl.tensor,
    positions: tl.tensor,
    entries: tl.tensor,
    ENTRIES: tl.constexpr,
) -> None:
    """Program (block of entries): end tokens that come too early."""
    entry = tl.program_id(0) * ENTRIES + tl.arange(0, ENTRIES)
    inside = entry < entries
    rows = tl.load(entry_rows + entry, mask=inside, other=0).to(tl.int64)
    columns = tl.load(entry_tokens + entry, mask=inside, other=-1)
    inside = (columns >= 0) & (columns < vocabulary)
    early = tl.load(positions + rows, mask=inside, other=0) < tl.load(until + entry, mask=inside, other=0)
    place = out + rows * vocabulary + columns
    found = tl.load(place, mask=inside, other=0.0)
    tl.store(place, -float("inf"), mask=inside & early & (found == found))


@triton.jit(do_not_specialize=["rows"])
def _advance_kernel(
    positions: tl.tensor,
    tokens: tl.tensor,
    history: tl.tensor,
    slots: tl.tensor,
    vocabulary: tl.tensor,
    rows: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """Program (block of rows)."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < rows
    position = tl.load(positions + row, mask=inside, other=0)
    tl.store(positions + row, position + 1, mask=inside)
    if history is not None:
        slot = tl.load(slots + row, mask=inside, other=-1).to(tl.int64)
        known = inside & (slot >= 0)
        place = history + slot * vocabulary + tl.load(tokens + row, mask=known, other=0)
        # No two rows have one slot.
        tl.store(place, tl.load(place, mask=known, other=0) + 2, mask=known)


def adjust(
    logits: Tensor,
    *,
    penalties: Penalties | None = None,
    biases: Biases | None = None,
    ends: Ends | None = None,
    allowed: Tensor | None = None,
    tile: int = TILE,
) -> Tensor:
    """Adjusted logits, float32 [B, V].

    Args:
        logits: [B, V] float32, bfloat16 or float16, as the model gave them; rows may be strided; only read.
        penalties, biases, ends: What changes them, in the order of the definition.
        allowed: int32 [B, ceil(V / 32)], contiguous: bit ``t % 32`` of word ``t // 32`` is token t. A row without a
            grammar has every bit set.
        tile: Logits of a program, for tests.
    """
    rows, vocabulary = logits.shape
    out = torch.empty(rows, vocabulary, dtype=torch.float32, device=logits.device)
    if not rows:
        return out
    seen: tuple[Tensor | None, ...] = (None,) * 5
    if penalties is not None:
        seen = (penalties.history, penalties.slots, penalties.repetition, penalties.presence, penalties.frequency)
    words = 0 if allowed is None else allowed.shape[1]
    raw = (logits, logits.stride(0), vocabulary, out, *seen, allowed, words)
    # Contracting product and difference would round otherwise than the CPU does.
    _tiles_kernel[(triton.cdiv(vocabulary, tile), rows)](*raw, TILE=tile, num_warps=4, enable_fp_fusion=False)
    if biases is not None:
        entries = len(biases.rows)
        _biased_kernel[(triton.cdiv(entries, ENTRIES),)](
            *raw, biases.rows, biases.tokens, biases.values, entries,
            ENTRIES=ENTRIES, num_warps=4, enable_fp_fusion=False,
        )  # fmt: skip
    if ends is not None:
        entries = len(ends.rows)
        _ends_kernel[(triton.cdiv(entries, ENTRIES),)](
            out, vocabulary, ends.rows, ends.tokens, ends.until, ends.positions, entries, ENTRIES=ENTRIES, num_warps=4
        )  # fmt: skip
    return out


def advance_rows(positions: Tensor, tokens: Tensor, penalties: Penalties | None = None) -> None:
    """Moves rows on by the tokens drawn for them, in place: ``positions`` (int64 [B]) by 1, histories by one count.

    ``tokens`` is int64 [B], each below V.
    """
    rows = len(positions)
    if rows:
        history, slots = (None, None) if penalties is None else (penalties.history, penalties.slots)
        _advance_kernel[(triton.cdiv(rows, ENTRIES),)](
            positions, tokens, history, slots, 0 if history is None else history.shape[1], rows,
            BLOCK=ENTRIES, num_warps=4,
        )  # fmt: skip


_PENALTIES: Final = {
    "history": "*i32",
    "slots": "*i32",
    "repetition": "*fp32",
    "presence": "*fp32",
    "frequency": "*fp32",
}
_WITHOUT: Final = dict.fromkeys(_PENALTIES)


def _variant(name: str, pointer: str, *, penalised: bool, masked: bool) -> Variant:
    return Variant(
        name=f"adjust {name}",
        kernel=_tiles_kernel,
        signature={
            "logits": pointer,
            "row_stride": "i32",
            "vocabulary": "i32",
            "out": "*fp32",
            **(_PENALTIES if penalised else {}),
            **({"allowed": "*i32"} if masked else {}),
            "words": "i32",
        },
        constants={**({} if penalised else _WITHOUT), **({} if masked else {"allowed": None}), "TILE": TILE},
        divisible=("row_stride", "vocabulary"),
        wide_loads=True,
    )


VARIANTS: Final = (
    _variant("bf16 penalties and grammar", "*bf16", penalised=True, masked=True),
    _variant("float32 penalties", "*fp32", penalised=True, masked=False),
    _variant("bf16 grammar", "*bf16", penalised=False, masked=True),
    Variant(
        name="adjust biased bf16 penalties and grammar",
        kernel=_biased_kernel,
        signature={
            "logits": "*bf16",
            "row_stride": "i32",
            "vocabulary": "i32",
            "out": "*fp32",
            **_PENALTIES,
            "allowed": "*i32",
            "words": "i32",
            "entry_rows": "*i32",
            "entry_tokens": "*i32",
            "entry_values": "*fp32",
            "entries": "i32",
        },
        constants={"ENTRIES": ENTRIES},
        divisible=("row_stride", "vocabulary"),
    ),
    Variant(
        name="adjust ends",
        kernel=_ends_kernel,
        signature={
            "out": "*fp32",
            "vocabulary": "i32",
            "entry_rows": "*i32",
            "entry_tokens": "*i32",
            "until": "*i64",
            "positions": "*i64",
            "entries": "i32",
        },
        constants={"ENTRIES": ENTRIES},
    ),
    Variant(
        name="advance_rows positions and histories",
        kernel=_advance_kernel,
        signature={
            "positions": "*i64",
            "tokens": "*i64",
            "history": "*i32",
            "slots": "*i32",
            "vocabulary": "i32",
            "rows": "i32",
        },
        constants={"BLOCK": ENTRIES},
    ),
)
