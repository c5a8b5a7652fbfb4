"""The plain twin of the sampler: one row at a time, sorted, in float64, written from the definition.

For tests. It shares no code with the fast path, and differs from it by rounding alone: the fast path's
logits are float32 and its weights multiples of 2**-40 of the largest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sgl.protocol.sampling import SamplingParams

Row = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Context:
    """What came before the token to draw, and what may come.

    Attributes:
        prompt_ids: Of the request.
        output_ids: Generated so far.
        end_token_ids: The model's own.
        allowed: bool [V] of a grammar, or None.
    """

    prompt_ids: Sequence[int] = ()
    output_ids: Sequence[int] = ()
    end_token_ids: Sequence[int] = ()
    allowed: Mask | None = None


def logprobs(logits: Row) -> Row:
    """Natural log softmax."""
    shifted = logits - logits.max()
    result: Row = shifted - np.log(np.exp(shifted).sum())
    return result


def adjust(logits: Row, params: SamplingParams, context: Context) -> Row:
    """Step 2 of the definition."""
    row: Row = logits.copy()
    for token, bias in params.logit_bias.items():
        row[token] += bias
    for token in {*context.prompt_ids, *context.output_ids}:
        row[token] *= params.repetition_penalty if row[token] < 0 else 1.0 / params.repetition_penalty
    for token, count in Counter(context.output_ids).items():
        row[token] -= params.presence_penalty + params.frequency_penalty * count
    if len(context.output_ids) < params.min_new_tokens:
        row[[*context.end_token_ids, *params.stop_token_ids]] = -np.inf
    if context.allowed is not None:
        row[~context.allowed] = -np.inf
    return row


def probabilities(adjusted: Row, params: SamplingParams) -> Row:
    """Steps 3 and 4: the distribution [V] that the token is drawn from."""
    if params.greedy:
        certain: Row = np.eye(1, len(adjusted), int(adjusted.argmax()))[0]
        return certain
    mass: Row = np.exp((adjusted - adjusted.max()) / params.temperature)
    if params.top_k > 0:
        descending = np.sort(adjusted)[::-1]
        mass[adjusted < descending[min(params.top_k, len(adjusted)) - 1]] = 0.0
    if params.top_p < 1.0:
        order = np.argsort(-adjusted, kind="stable")
        running = np.cumsum(mass[order])
        last = order[np.searchsorted(running, params.top_p * running[-1])]
        mass[adjusted < adjusted[last]] = 0.0
    mass[mass < params.min_p] = 0.0
    result: Row = mass / mass.sum()
    return result


def uniform(seed: int, position: int) -> float:
    """Step 5: Philox4x32-10 in plain integers, its first 64 bits over 2**64."""
    words = [position & 0xFFFFFFFF, position >> 32, 0, 0]
    key = [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]
    for _ in range(10):
        first, second = words[0] * 0xD2511F53, words[2] * 0xCD9E8D57
        words = [
            second >> 32 ^ words[1] ^ key[0],
            second & 0xFFFFFFFF,
            first >> 32 ^ words[3] ^ key[1],
            first & 0xFFFFFFFF,
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return (words[0] | words[1] << 32) / 2**64


def draw(distribution: Row, u: float) -> int:
    """The first id whose running probability exceeds u."""
    running = np.cumsum(distribution)
    return int(np.searchsorted(running, u * running[-1], side="right"))
