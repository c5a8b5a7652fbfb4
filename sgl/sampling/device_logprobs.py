"""Log probabilities on a device, as tensors: what `sgl.sampling.logprobs` tells, without waiting for the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from sgl.protocol.messages import LogprobRequest, TokenLogprob
from sgl.sampling.transfer import start_download

BLOCK_ELEMENTS: Final = 1 << 25
"""Rows are worked on in blocks of about this many logits: 128 MiB of scratch memory."""


@dataclass(frozen=True, slots=True)
class LogprobTensors:
    """Natural logs of the model's own distribution for m rows; float32.

    Attributes:
        own: [m], of the token of each row.
        top: [m, k], the largest, falling; k is 0 if no row asks.
        top_ids: int64 [m, k], where they are.
        chosen: [m, c], of the ids that were asked for; c is 0 if no row asks.
    """

    own: Tensor
    top: Tensor
    top_ids: Tensor
    chosen: Tensor

    def start_download(self) -> LogprobTensors:
        """The same on the host, once the stream has come this far."""
        return LogprobTensors(*map(start_download, (self.own, self.top, self.top_ids, self.chosen)))

    def entries(self, tokens: Sequence[int], requests: Sequence[LogprobRequest]) -> list[TokenLogprob]:
        """What m requests are told of their tokens, in the form of `sgl.sampling.logprobs`; tensors of the host."""
        columns = (self.own.tolist(), self.top.tolist(), self.top_ids.tolist(), self.chosen.tolist())
        told = []
        for token, request, own, top, top_ids, chosen in zip(tokens, requests, *columns, strict=True):
            ranked = sorted(zip(top_ids, top, strict=True), key=lambda entry: (-entry[1], entry[0]))
            told.append(
                TokenLogprob(token, own, ranked[: request.top], list(zip(request.token_ids, chosen, strict=False)))
            )
        return told


def token_logprobs(logits: Tensor, tokens: Tensor, top: int, chosen: Tensor | None = None) -> LogprobTensors:
    """The logprob of one token per row, of the ``top`` likeliest, and of ``chosen`` ids.

    Args:
        logits: [m, V], float32 or narrower, as the model gave them.
        tokens: int64 [m].
        top: 0 to 20; a vocabulary that is smaller has fewer.
        chosen: int64 [m, c], or None.
    """
    rows, vocabulary = logits.shape
    width = min(top, vocabulary)
    own = torch.empty(rows, dtype=torch.float32, device=logits.device)
    values = torch.empty(rows, width, dtype=torch.float32, device=logits.device)
    ids = torch.empty(rows, width, dtype=torch.int64, device=logits.device)
    asked = torch.empty(rows, 0 if chosen is None else chosen.shape[1], dtype=torch.float32, device=logits.device)
    step = max(1, BLOCK_ELEMENTS // vocabulary)
    for start in range(0, rows, step):
        block = slice(start, start + step)
        logprobs = torch.log_softmax(logits[block], -1, dtype=torch.float32)
        own[block] = logprobs.gather(1, tokens[block].unsqueeze(1)).squeeze(1)
        if width:
            torch.topk(logprobs, width, out=(values[block], ids[block]))
        if chosen is not None:
            asked[block] = logprobs.gather(1, chosen[block])
    return LogprobTensors(own, values, ids, asked)
