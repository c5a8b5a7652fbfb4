"""A `Generate` message becomes a `Request`, or a refusal with the numbers. Nothing is ever dropped."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from sgl.batch.request import Request
from sgl.errors import ContextLengthExceeded, EngineFailure, QueueFull, RequestError
from sgl.protocol.messages import EngineInfo, Generate, LogprobRequest
from sgl.sampling.arrays import MAX_TOP_LOGPROBS


def admit(message: Generate, info: EngineInfo, *, now: float, taken: Container[int]) -> Request:
    """Checks what only the engine can know for sure and makes the request.

    Args:
        now: Monotonic seconds.
        taken: Ids of live requests.

    Raises:
        RequestError: Ids outside the vocabulary, an empty prompt, a prompt that cannot fit.
        EngineFailure: The id is in use: a defect of the client process.
    """
    if message.rid in taken:
        raise EngineFailure(f"request id {message.rid} is in use")
    if not message.input_ids or len(message.input_ids) % 4:
        raise RequestError("the prompt has no tokens", param="input_ids", code="invalid_value")
    prompt = np.frombuffer(message.input_ids, dtype="<i4").astype(np.int32)
    if int(prompt.min()) < 0 or int(prompt.max()) >= info.vocab_size:
        raise RequestError(f"token ids must be 0 to {info.vocab_size - 1}", param="input_ids", code="invalid_value")
    message.sampling.validate(info.vocab_size)
    _check_logprobs(message.logprobs, info.vocab_size)
    limit = info.max_request_tokens
    room = limit - len(prompt)
    asked = room if message.sampling.max_new_tokens is None else message.sampling.max_new_tokens
    if room < asked or room < 0:
        raise ContextLengthExceeded(
            f"this model's context is {limit} tokens, and {len(prompt)} in the prompt plus {asked} to generate are "
            f"{len(prompt) + asked}; shorten the prompt or lower max_tokens",
            param="max_tokens",
        )
    return Request(
        message.rid,
        prompt,
        message.sampling,
        seed=message.seed,
        max_new_tokens=asked,
        eos_token_ids=info.eos_token_ids,
        logprobs=message.logprobs,
        namespace=message.namespace,
        arrival=now,
    )


def _check_logprobs(wanted: LogprobRequest, vocab_size: int) -> None:
    if not 0 <= wanted.top <= MAX_TOP_LOGPROBS:
        raise RequestError(
            f"at most {MAX_TOP_LOGPROBS} top logprobs, not {wanted.top}", param="top_logprobs", code="invalid_value"
        )
    if any(not 0 <= token < vocab_size for token in wanted.token_ids):
        raise RequestError(
            f"logprobs of token ids need ids 0 to {vocab_size - 1}", param="token_ids_logprob", code="invalid_value"
        )


def check_queue(waiting: int, limit: int) -> None:
    """Refuses when the bounded queue is full.

    Raises:
        QueueFull: With the limit and the flag that raises it.
    """
    if waiting >= limit:
        raise QueueFull(f"{waiting} requests are waiting already (--max-queued-requests {limit}); try again later")
