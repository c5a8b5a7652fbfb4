"""What is checked of a request before it is sent to the engine: everything that can be known without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sgl.errors import ContextLengthExceeded, RequestError
from sgl.protocol.messages import EngineInfo, LogprobRequest
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.generation import GenerateSpec

MAX_TOP_LOGPROBS: Final = 20
MAX_PROMPT_LOGPROB_VALUES: Final = 2_000_000
"""Most log probabilities of a prompt in all; they come in one frame, and 16 bytes each on the way."""


def resolve_sampling(spec: GenerateSpec, info: EngineInfo) -> SamplingParams:
    """Checks ``spec`` against the engine; a missing ``max_new_tokens`` becomes what is left of the context.

    Raises:
        RequestError: A value is out of range; ``param`` names it.
        ContextLengthExceeded: Prompt and requested output do not fit.
    """
    sampling = spec.sampling
    sampling.validate(info.vocab_size)
    _check_prompt(spec.prompt_ids, info.vocab_size)
    prompt_tokens = len(spec.prompt_ids)
    _check_logprobs(spec.logprobs, prompt_tokens, info.vocab_size)
    wanted = sampling.max_new_tokens
    _check_fits(prompt_tokens, 1 if wanted is None else wanted, info)
    if wanted is not None:
        return sampling
    left = info.max_request_tokens - prompt_tokens
    if sampling.min_new_tokens > left:
        _check_fits(prompt_tokens, sampling.min_new_tokens, info)
    return msgspec.structs.replace(sampling, max_new_tokens=left)


def _check_prompt(prompt_ids: Sequence[int], vocab_size: int) -> None:
    if not prompt_ids:
        raise RequestError("The prompt is empty; send at least one token.", param="prompt", code="invalid_value")
    _check_ids("prompt", prompt_ids, vocab_size)


def _check_ids(name: str, token_ids: Sequence[int], vocab_size: int) -> None:
    for token in (min(token_ids), max(token_ids)):
        if not 0 <= token < vocab_size:
            raise RequestError(
                f"{name} has token id {token}; this model has ids 0 to {vocab_size - 1}.",
                param=name,
                code="invalid_value",
            )


def _check_logprobs(wanted: LogprobRequest, prompt_tokens: int, vocab_size: int) -> None:
    if not 0 <= wanted.top <= MAX_TOP_LOGPROBS:
        raise RequestError(
            f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}, got {wanted.top}.",
            param="top_logprobs",
            code="invalid_value",
        )
    if wanted.token_ids:
        _check_ids("token_ids_logprob", wanted.token_ids, vocab_size)
    if wanted.prompt_start < 0:
        return
    values = max(0, prompt_tokens - wanted.prompt_start) * (1 + wanted.top + len(wanted.token_ids))
    if values > MAX_PROMPT_LOGPROB_VALUES:
        raise RequestError(
            f"{values} log probabilities of the prompt are more than the {MAX_PROMPT_LOGPROB_VALUES} one request may "
            "ask for; ask for fewer alternatives or start later in the prompt.",
            param="logprobs",
            code="invalid_value",
        )


def _check_fits(prompt_tokens: int, output_tokens: int, info: EngineInfo) -> None:
    total = prompt_tokens + output_tokens
    if total <= info.max_request_tokens:
        return
    if total > info.max_model_len:
        limit = f"This model's maximum context length is {info.max_model_len} tokens"
    else:
        limit = f"The KV pool of this server holds {info.max_request_tokens} tokens of one request"
    raise ContextLengthExceeded(
        f"{limit}. However, you requested {total} tokens ({prompt_tokens} in the prompt, {output_tokens} in the "
        "completion). Please reduce the length of the prompt or of the completion.",
        param="prompt",
    )
