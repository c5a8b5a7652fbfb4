"""`Request`: one prompt and its answer, the only owner of everything held for it.

All lengths are in tokens. The vocabulary of every later file::

    token_ids   prompt followed by output, one growing array
    computed    leading tokens whose KV is in the pool (their step has succeeded)
    pending     tokens still to compute before the next token can be drawn: total - computed
    position    index the next drawn token will have: total

A request is *prefilling* while ``pending > 1`` and *decoding* when exactly the last drawn token is pending.
A retraction sets ``computed`` to 0 and keeps the ids, so the request goes on with the same tokens.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt

from sgl.kvcache.lease import Lease
from sgl.protocol.messages import Finish, LogprobRequest, TokenLogprob
from sgl.protocol.sampling import SamplingParams
from sgl.sampling.arrays import SampleRow

TokenIds = npt.NDArray[np.int32]


class State(Enum):
    """Where a request is in its life."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"


class Request:
    """One generation. Created by intake, changed only by the scheduler's thread."""

    def __init__(
        self,
        rid: int,
        prompt: TokenIds,
        sampling: SamplingParams,
        *,
        seed: int,
        max_new_tokens: int,
        eos_token_ids: tuple[int, ...],
        logprobs: LogprobRequest,
        namespace: str,
        arrival: float,
    ) -> None:
        if len(prompt) == 0:
            raise ValueError("a request needs at least one prompt token")
        self.rid = rid
        self.max_new_tokens = max_new_tokens
        self.logprobs = logprobs
        self.sample_row = SampleRow.start(
            sampling, seed, prompt.tolist(), end_token_ids=eos_token_ids, logprobs=logprobs
        )
        self._ends = frozenset(sampling.stop_token_ids) | (
            frozenset() if sampling.ignore_eos else frozenset(eos_token_ids)
        )
        self.namespace = namespace
        self.arrival = arrival

        self.state = State.WAITING
        self.finish: Finish | None = None
        self.prompt_tokens = len(prompt)
        self.computed = 0
        self.total = len(prompt)
        self._ids = np.empty(len(prompt) + max_new_tokens, dtype=np.int32)
        self._ids[: len(prompt)] = prompt

        self.lease: Lease | None = None
        self.cached_tokens = 0
        self.retractions = 0
        self.admitted_at: float | None = None
        self.first_token_at: float | None = None
        self.prompt_logprobs: list[TokenLogprob] = []
        self.prompt_reported = False

    @property
    def token_ids(self) -> TokenIds:
        """Prompt and output so far, int32 [total]; a view."""
        return self._ids[: self.total]

    @property
    def pending(self) -> int:
        """Tokens to compute before the next one can be drawn."""
        return self.total - self.computed

    @property
    def generated(self) -> int:
        """Tokens drawn so far."""
        return self.total - self.prompt_tokens

    @property
    def decoding(self) -> bool:
        """Whether only the last drawn token is pending."""
        return self.generated > 0 and self.pending == 1

    @property
    def remaining(self) -> int:
        """Most tokens that may still be drawn."""
        return self.max_new_tokens - self.generated

    def append(self, token: int) -> None:
        """Adds a drawn token."""
        self._ids[self.total] = token
        self.total += 1
        self.sample_row.append(token)

    def check_finished(self) -> Finish | None:
        """Decides, from the last drawn token, whether the request has ended."""
        if self.generated:
            last = int(self._ids[self.total - 1])
            if last in self._ends:
                return Finish("stop", last)
        return Finish("length") if self.remaining == 0 else None
