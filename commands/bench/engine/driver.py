"""`StepDriver`: one scheduler in this process, driven step by step with batches of a fixed size."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sgl.errors import EngineFailure
from sgl.ipc.token_ids import pack_ids
from sgl.protocol.messages import Abort, Failed, FromEngine, Generate, Outputs, ToEngine
from sgl.protocol.sampling import SamplingParams

if TYPE_CHECKING:
    from sgl.scheduler.loop import Scheduler

SPARE_TOKENS: Final = 1
"""Beyond what is measured, so that no request ends, and the batch never shrinks, within it."""


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One batch, from its prompts to its last measured token. Times are in seconds, one a step.

    Attributes:
        prefill: Steps until every request has its first token. Those that have theirs already go on with the next
            ones in the same steps, as they do in a server.
        decode: Steps after that, each of which computes one token of every request.
    """

    prefill: tuple[float, ...]
    decode: tuple[float, ...]

    @property
    def prefill_seconds(self) -> float:
        """Time until the last request has its first token."""
        return sum(self.prefill)


class Answers:
    """The scheduler's line to its client (`sgl.scheduler.io.Io`), which here is nobody: it counts.

    Attributes:
        begun: Requests that have a token.
        ended: Requests that are over.
    """

    def __init__(self) -> None:
        self.begun: set[int] = set()
        self.ended: set[int] = set()
        self._failure: str | None = None

    def recv(self, timeout: float | None = 0.0) -> list[ToEngine]:
        """Nothing: requests are handed to the scheduler itself."""
        return []

    def send(self, body: FromEngine) -> None:
        """Looks at what the scheduler says."""
        if isinstance(body, Outputs):
            self.begun.update(delta.rid for delta in body.deltas if delta.token_ids)
            self.ended.update(delta.rid for delta in body.deltas if delta.finish is not None)
        elif isinstance(body, Failed):
            self._failure = body.message

    def check(self) -> None:
        """
        Raises:
            EngineFailure: A request failed.
        """
        if self._failure is not None:
            raise EngineFailure(f"the engine could not compute a step: {self._failure}")


class StepDriver:
    """Hands batches to a scheduler and times its steps. The scheduler speaks to the given ``answers``."""

    def __init__(self, scheduler: Scheduler, answers: Answers) -> None:
        self._scheduler = scheduler
        self._answers = answers
        self._next_rid = 0

    def run(
        self,
        prompts: Sequence[Sequence[int]],
        decode_steps: int,
        *,
        temperature: float = 0.0,
        before_decode: Callable[[], None] = lambda: None,
    ) -> BatchRun:
        """Computes one batch of prompts and ``decode_steps`` tokens more of each; nothing of it stays behind.

        Args:
            temperature: Of the draws; 0 is greedy.
            before_decode: Called between the two parts.

        Raises:
            EngineFailure: A step failed, or the batch did not stay whole.
        """
        retractions = self._scheduler.planner.retractions_total
        rids = self._hand_over(prompts, decode_steps, temperature)
        prefill, decode = [], []
        try:
            while not self._answers.begun.issuperset(rids):
                prefill.append(self._step())
            before_decode()
            for _ in range(decode_steps):
                decode.append(self._step())
            if self._answers.ended or self._scheduler.planner.retractions_total > retractions:
                raise EngineFailure("the KV pool is too small to compute this batch as one; see --max-total-tokens")
        finally:
            for rid in rids:
                self._scheduler.receive(Abort(rid))
            while self._scheduler.step():
                pass  # the step in flight behind the last one, where steps overlap
            self._answers.begun.clear()
            self._answers.ended.clear()
        return BatchRun(tuple(prefill), tuple(decode))

    def _hand_over(self, prompts: Sequence[Sequence[int]], decode_steps: int, temperature: float) -> list[int]:
        # A request may have its first token as many steps before the last one as there are steps of prompts.
        budget = self._scheduler.info.chunked_prefill_size
        spare = prefill_steps(sum(map(len, prompts)), len(prompts), budget) + SPARE_TOKENS
        sampling = SamplingParams(max_new_tokens=decode_steps + spare, ignore_eos=True, temperature=temperature)
        rids = []
        for prompt in prompts:
            self._next_rid += 1
            rids.append(self._next_rid)
            message = Generate(rid=self._next_rid, input_ids=pack_ids(prompt), sampling=sampling, seed=self._next_rid)
            self._scheduler.receive(message)
        self._answers.check()
        return rids

    def _step(self) -> float:
        begun = time.perf_counter()
        computed = self._scheduler.step()
        seconds = time.perf_counter() - begun
        self._answers.check()
        if not computed:
            raise EngineFailure("the engine found nothing to compute in the middle of a batch")
        return seconds


def prefill_steps(tokens: int, batch: int, budget: int) -> int:
    """Most steps that prompts take: of each step's tokens, those that have begun take one each."""
    return -(-tokens // max(1, budget - batch))
