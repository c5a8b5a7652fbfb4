"""What a step's result means for its requests: tokens appended, prefixes shared, deltas to send."""

from __future__ import annotations

from sgl.batch.batch import Batch, Drawn, Entry, StepResult
from sgl.batch.request import Request
from sgl.errors import EngineFailure, SglError
from sgl.kvcache.cache import PrefixCache
from sgl.protocol.messages import Delta, Failed, Finish, Timings, TokenLogprob
from sgl.scheduler.planner import Planner
from sgl.scheduler.stats import Counters
from sgl.spec.proposer import accepted


class Results:
    """Applies results. The only place where a request gains tokens or ends by itself."""

    def __init__(self, cache: PrefixCache, planner: Planner, counters: Counters) -> None:
        self._cache = cache
        self._planner = planner
        self._counters = counters

    def apply(self, batch: Batch, step: StepResult, now: float) -> tuple[list[Delta], list[tuple[Request, SglError]]]:
        """Commits a step that ran. Results nobody waits for any more are ignored (`Entry.live`).

        Returns:
            The deltas to send, and the requests that failed with why (they are already removed).
        """
        deltas: list[Delta] = []
        failures: list[tuple[Request, SglError]] = []
        for entry, result in zip(batch.entries, step.results, strict=True):
            request = entry.request
            if not entry.live:
                continue
            drawn = result.drawn[: accepted(entry.drafts, [one.token for one in result.drawn])]
            if not all(one.finite for one in drawn):
                self._planner.remove(request)
                failures.append((request, _not_finite()))
                continue
            delta = self._advance(entry, drawn, result.prompt_logprobs, now)
            if delta is not None:
                deltas.append(delta)
        return deltas, failures

    def _advance(self, entry: Entry, drawn: tuple[Drawn, ...], scored: list[TokenLogprob], now: float) -> Delta | None:
        """Appends what counts; the KV of a rejected draft stays uncommitted and is overwritten."""
        request = entry.request
        request.prompt_logprobs.extend(scored)
        self._counters.computed_tokens += entry.count
        if not drawn:
            self._commit(request, entry.stop)
            done = request.max_new_tokens == 0 and request.computed == request.total
            return self._end(request, (), Finish("length"), now) if done else None
        if request.first_token_at is None:
            request.first_token_at = now
        known = entry.stop - len(entry.drafts)
        for index, one in enumerate(drawn):
            request.append(one.token)
            self._counters.generated_tokens += 1
            finish = request.check_finished()
            if finish is not None:
                self._commit(request, known + index)
                return self._end(request, drawn[: index + 1], finish, now)
        self._commit(request, known + len(drawn) - 1)
        return self._delta(request, drawn, None, None)

    def _commit(self, request: Request, tokens: int) -> None:
        assert request.lease is not None, "a running request has a lease"
        request.compute(tokens)
        self._cache.commit(request.lease, request.token_ids, tokens)

    def _end(self, request: Request, drawn: tuple[Drawn, ...], finish: Finish, now: float) -> Delta:
        self._planner.remove(request)
        self._counters.finished += 1
        return self._delta(request, drawn, finish, timings(request, now))

    def _delta(self, request: Request, drawn: tuple[Drawn, ...], finish: Finish | None, spent: Timings | None) -> Delta:
        first = not request.prompt_reported
        request.prompt_reported = True
        if first:
            self._counters.prompt_tokens += request.prompt_tokens
            self._counters.cached_tokens += request.cached_tokens
        return Delta(
            rid=request.rid,
            start=request.generated - len(drawn),
            token_ids=[one.token for one in drawn],
            finish=finish,
            logprobs=[one.logprob for one in drawn if one.logprob is not None],
            cached_tokens=request.cached_tokens if first else 0,
            prompt_logprobs=prompt_report(request) if first else None,
            timings=spent,
            retractions=request.retractions,
        )


def aborted(request: Request, now: float) -> Delta:
    """The last word about a request that was aborted."""
    return Delta(request.rid, request.generated, [], Finish("abort"), timings=timings(request, now))


def failed(rid: int, error: SglError) -> Failed:
    """A refusal or failure as a message."""
    return Failed(
        rid=rid,
        message=error.message,
        http_status=error.http_status,
        type=error.type,
        code=error.code,
        param=error.param,
    )


def prompt_report(request: Request) -> list[TokenLogprob | None] | None:
    """Logprobs of the prompt as asked for; the first token has none, nothing precedes it."""
    start = request.logprobs.prompt_start
    if start < 0:
        return None
    head: list[TokenLogprob | None] = [None] if start == 0 else []
    return head + request.prompt_logprobs


def timings(request: Request, now: float) -> Timings:
    """Where a request's time went."""
    admitted = request.admitted_at if request.admitted_at is not None else now
    first = request.first_token_at if request.first_token_at is not None else now
    return Timings(admitted - request.arrival, max(0.0, first - admitted), max(0.0, now - first))


def _not_finite() -> EngineFailure:
    return EngineFailure(
        "the model gave logits that are not finite for this request; try --dtype float32", code="nan_logits"
    )
