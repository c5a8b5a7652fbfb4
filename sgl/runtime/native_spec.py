"""From one answer that a ``/generate`` body or `sgl.Engine` asked for to what the engine client takes."""

from __future__ import annotations

from typing import Final

import msgspec

from sgl.errors import RequestError
from sgl.protocol.messages import EngineInfo, LogprobRequest
from sgl.protocol.native import NativeItem
from sgl.protocol.sampling import SamplingParams
from sgl.runtime.generation import GenerateSpec

DEFAULT_MAX_NEW_TOKENS: Final = 128
"""SGLang's default."""


def generate_spec(
    item: NativeItem, prompt_ids: list[int], info: EngineInfo, *, namespace: str = "", label: str = ""
) -> GenerateSpec:
    """What to submit for ``item``, whose prompt has been tokenised to ``prompt_ids``.

    Args:
        namespace: Name of the prefix cache it may share.
        label: Its name in logs and for aborts; "" takes the client's ``rid``.

    Raises:
        RequestError: ``logprob_start_len`` lies beyond the prompt.
    """
    return GenerateSpec(
        prompt_ids=prompt_ids,
        sampling=_bounded(item.sampling, len(prompt_ids), info),
        logprobs=_within_prompt(item.logprobs, len(prompt_ids)),
        namespace=namespace,
        priority=item.priority,
        label=label or item.rid,
    )


def _bounded(sampling: SamplingParams, prompt_tokens: int, info: EngineInfo) -> SamplingParams:
    """The default yields to the context; a number that was asked for is refused when it does not fit."""
    if sampling.max_new_tokens is not None:
        return sampling
    # At least 1, so that a prompt which leaves no room is refused on submission rather than answered with "".
    room = max(1, info.max_request_tokens - prompt_tokens)
    return msgspec.structs.replace(sampling, max_new_tokens=min(DEFAULT_MAX_NEW_TOKENS, room))


def _within_prompt(logprobs: LogprobRequest, prompt_tokens: int) -> LogprobRequest:
    if logprobs.prompt_start > prompt_tokens:
        raise RequestError(
            f"logprob_start_len ({logprobs.prompt_start}) is larger than the prompt's {prompt_tokens} tokens.",
            param="logprob_start_len",
            code="invalid_value",
        )
    if logprobs.prompt_start == prompt_tokens:
        return msgspec.structs.replace(logprobs, prompt_start=-1)
    return logprobs
