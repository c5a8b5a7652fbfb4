"""`Request`: one prompt and its answer, the only owner of everything held for it.

All lengths are in tokens. The vocabulary of every later file::

    token_ids   prompt followed by output, one growing array
    total       tokens known here, on the host
    drawing     tokens that steps in flight draw and the host does not know yet: 0 or 1 whenever a step is planned
    computed    leading tokens whose KV is in the pool (their step has succeeded)
    launched    leading tokens whose KV is in the pool or is computed by steps in flight; drafts do not count
    pending     tokens still to launch before the next token can be drawn: total + drawing - launched
    position    index the next drawn token will have: total + drawing

A request is *prefilling* while more than its last token is to be computed and *decoding* when exactly the last
drawn token is pending. With no step in flight, ``launched == computed`` and ``drawing == 0``; what steps in flight
change, `sgl.scheduler.pipeline` keeps. A retraction sets ``computed`` to 0 and keeps the ids, so the request goes
on with the same tokens.
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
        self.launched = 0
        self.drawing = 0
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
        """Tokens to launch before the next one can be drawn."""
        return self.total + self.drawing - self.launched

    @property
    def prefilling(self) -> bool:
        """Whether more than the last known token is still to be computed; in flight is not computed yet."""
        return self.total - self.computed > 1

    @property
    def generated(self) -> int:
        """Tokens drawn so far."""
        return self.total - self.prompt_tokens

    @property
    def decoding(self) -> bool:
        """Whether only the last drawn token is pending, or the one that is being drawn."""
        return self.generated + self.drawing > 0 and self.pending == 1

    @property
    def remaining(self) -> int:
        """Most tokens that may still be drawn."""
        return self.max_new_tokens - self.generated

    @property
    def ending(self) -> bool:
        """Whether the token being drawn is the last one there can be."""
        return self.drawing > 0 and self.drawing == self.remaining

    def launch(self, stop: int, *, draws: bool) -> None:
        """A step that computes its tokens up to ``stop``, and draws the next one or not, was launched."""
        self.launched = stop
        self.drawing += draws

    def land(self, *, draws: bool) -> None:
        """The oldest of these steps has succeeded; its results are about to be applied."""
        self.drawing -= draws

    def compute(self, tokens: int) -> None:
        """The KV of the first ``tokens`` tokens is in the pool."""
        self.computed = tokens
        self.launched = max(self.launched, tokens)

    def rewind(self, computed: int) -> None:
        """Nothing is in flight for it any more, and the KV of its first ``computed`` tokens is in the pool."""
        self.computed = self.launched = computed
        self.drawing = 0

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
