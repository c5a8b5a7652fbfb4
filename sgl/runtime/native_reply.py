"""SGLang's answer object of ``/generate`` and `sgl.Engine`: text, output_ids and meta_info of one request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sgl.protocol.messages import LogprobRequest
from sgl.runtime.generation import FinishReason, Generation

WEIGHT_VERSION: Final = "default"
"""What SGLang reports while nobody has replaced the weights of a running server."""

TokenText = Callable[[int], str]
Triple = tuple[float | None, int, str | None]
"""(log probability, token id, text of the token when it was asked for)."""


class NativeReply:
    """Renders one generation, once at its end or again and again while it grows.

    Every field is the whole so far: that is what SGLang's streams carry. The log probabilities of a
    position are rendered once, however often the answer is.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        rid: str = "",
        token_text: TokenText | None = None,
        with_prompt_ids: bool = False,
    ) -> None:
        """Wraps ``generation``.

        Args:
            rid: The client's id, shown as ``meta_info.id``; "" shows the generation's own.
            token_text: Gives a token's text, for ``return_text_in_logprobs``; None leaves texts null.
            with_prompt_ids: Whether the prompt's token ids are part of the answer.
        """
        self._generation = generation
        self._id = rid or generation.id
        self._with_prompt_ids = with_prompt_ids
        wanted = generation.journal.request.logprobs
        self._logprobs = _Logprobs(generation, wanted, token_text) if wanted.output else None

    def render(self, finish: FinishReason | None) -> dict[str, object]:
        """The answer object; ``finish`` is None while more is to come."""
        generation = self._generation
        body: dict[str, object] = {
            "text": generation.text,
            "output_ids": generation.output_ids,
            "meta_info": self._meta_info(finish),
        }
        if self._with_prompt_ids:
            body["prompt_token_ids"] = generation.prompt_ids
        return body

    def _meta_info(self, finish: FinishReason | None) -> dict[str, object]:
        generation = self._generation
        info: dict[str, object] = {
            "id": self._id,
            "finish_reason": None if finish is None else finish_reason(finish, generation.completion_tokens),
            "prompt_tokens": generation.prompt_tokens,
            "completion_tokens": generation.completion_tokens,
            "cached_tokens": generation.cached_tokens,
            "reasoning_tokens": 0,
            "weight_version": WEIGHT_VERSION,
            "num_retractions": generation.retractions,
            "dp_rank": None,
        }
        if self._logprobs is not None:
            info.update(self._logprobs.render())
        if generation.first_token_at is not None:
            info["first_token_latency"] = generation.first_token_at - generation.created_at
        if finish is not None:
            info.update(_durations(generation))
        return info


def finish_reason(finish: FinishReason, completion_tokens: int) -> dict[str, object]:
    """SGLang's ``finish_reason`` object."""
    if finish.kind == "stop":
        return {"type": "stop", "matched": finish.matched}
    if finish.kind == "length":
        return {"type": "length", "length": completion_tokens}
    return {"type": "abort", "message": finish.message or "aborted", "status_code": None, "err_type": None}


def _durations(generation: Generation) -> dict[str, float]:
    durations: dict[str, float] = {}
    if generation.timings is not None:
        durations["queue_time"] = generation.timings.queue
    if generation.ended_at is None:
        return durations
    durations["e2e_latency"] = generation.ended_at - generation.created_at
    started = generation.first_token_at
    if started is not None and generation.completion_tokens > 1 and generation.ended_at > started:
        durations["decode_throughput"] = (generation.completion_tokens - 1) / (generation.ended_at - started)
    return durations


class _Logprobs:
    """The logprob fields of one generation, rendered as they come in.

    The first prompt position that was asked for has no logprob, wherever it lies: SGLang's clients take it
    for the token that everything after it is conditioned on.
    """

    def __init__(self, generation: Generation, wanted: LogprobRequest, token_text: TokenText | None) -> None:
        self._generation = generation
        self._wanted = wanted
        self._token_text = token_text
        self._prompt_done = False
        self._input: list[Triple] = []
        self._input_top: list[list[Triple] | None] = []
        self._input_chosen: list[list[Triple] | None] = []
        self._output: list[Triple] = []
        self._output_top: list[list[Triple]] = []
        self._output_chosen: list[list[Triple]] = []

    def render(self) -> dict[str, object]:
        """Every field so far; the lists grow in place with the generation."""
        self._take_prompt()
        for entry in self._generation.output_logprobs[len(self._output) :]:
            self._output.append(self._triple(entry.logprob, entry.token_id))
            self._output_top.append(self._triples(entry.top))
            self._output_chosen.append(self._triples(entry.chosen))
        fields: dict[str, object] = {
            "input_token_logprobs": self._input,
            "output_token_logprobs": self._output,
            "output_token_logprobs_length": len(self._output),
        }
        if self._wanted.top:
            fields["input_top_logprobs"] = self._input_top
            fields["output_top_logprobs"] = self._output_top
        if self._wanted.token_ids:
            fields["input_token_ids_logprobs"] = self._input_chosen
            fields["output_token_ids_logprobs"] = self._output_chosen
        return fields

    def _take_prompt(self) -> None:
        entries = self._generation.prompt_logprobs
        if entries is None or self._prompt_done:
            return
        self._prompt_done = True
        tokens = self._generation.prompt_ids[self._wanted.prompt_start :]
        for index, (token, entry) in enumerate(zip(tokens, entries, strict=True)):
            known = None if index == 0 else entry
            self._input.append(self._triple(None if known is None else known.logprob, token))
            self._input_top.append(None if known is None else self._triples(known.top))
            self._input_chosen.append(None if known is None else self._triples(known.chosen))

    def _triples(self, pairs: Sequence[tuple[int, float]]) -> list[Triple]:
        return [self._triple(logprob, token) for token, logprob in pairs]

    def _triple(self, logprob: float | None, token: int) -> Triple:
        return logprob, token, None if self._token_text is None else self._token_text(token)
