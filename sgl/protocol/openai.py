"""The bodies of /v1/chat/completions and /v1/completions as typed values.

Ranges, messages and codes are OpenAI's; the extensions (top_k, min_tokens, ...) have SGLang's names. Three
kinds of fields are told apart: those that are honoured, those of `sgl.protocol.unsupported` that would change
the answer and are refused, and all others, which are ignored. What depends on the model (vocabulary, context) is
checked later, where the request is submitted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from sgl.errors import RequestError, UnsupportedParameter, echo
from sgl.protocol.conversation import Message, read_messages
from sgl.protocol.fields import Fields, check_count, check_length, check_token_ids, wrong_type
from sgl.protocol.logit_bias import read_logit_bias
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.sampling import MIN_REPETITION_PENALTY, SamplingParams
from sgl.protocol.unsupported import IGNORED, UNSUPPORTED

logger = logging.getLogger(__name__)

MAX_MODEL_LENGTH: Final = 256
MAX_CHOICES: Final = 16
MAX_PROMPTS: Final = 64
MAX_STOP_STRINGS: Final = 4
MAX_STOP_LENGTH: Final = 256
MAX_STOP_TOKEN_IDS: Final = 256
MAX_LOGIT_BIAS: Final = 300
MAX_TOP_LOGPROBS: Final = 20
MAX_COMPLETION_LOGPROBS: Final = 5
MAX_LABEL_LENGTH: Final = 512
MAX_RID_LENGTH: Final = 128
INT32_MAX: Final = 2**31 - 1
COMPLETION_MAX_TOKENS: Final = 16
"""OpenAI's default of ``max_tokens`` in /v1/completions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generating:
    """What the two routes have in common.

    Attributes:
        model: The name asked for, not yet compared with the served ones.
        choices: How many independent answers to each prompt (``n``).
        sampling: How to draw; ``max_new_tokens`` is None when the request sets no bound.
        logprobs: Which log probabilities the answer carries.
        stream: Whether the answer comes in events.
        include_usage: Whether a stream ends with a chunk of token counts.
        continuous_usage: Whether every chunk of a stream has the counts so far.
        rid: SGLang's name for a client's own request id; may be empty.
        cache_salts: Requests share cached prefixes only when these are equal.
        priority: Higher goes first, where the policy knows priorities.
    """

    model: str
    choices: int
    sampling: SamplingParams
    logprobs: LogprobRequest
    stream: bool
    include_usage: bool
    continuous_usage: bool
    rid: str
    cache_salts: tuple[str, str]
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A body of /v1/chat/completions."""

    generating: Generating
    messages: list[Message]
    add_generation_prompt: bool
    continue_final_message: bool
    template_kwargs: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """A body of /v1/completions; ``prompts`` holds texts or token ids, one entry per prompt."""

    generating: Generating
    prompts: list[str | list[int]]
    echo: bool


def read_chat(body: dict[str, object]) -> ChatRequest:
    """Checks a body of /v1/chat/completions.

    Raises:
        RequestError: The first field that is missing, of a wrong type, out of range or not implemented.
    """
    fields = Fields(body)
    model = _read_model(fields)
    messages = read_messages(fields)
    _refuse_unsupported(fields)
    top = fields.integer("top_logprobs", None, low=0, high=MAX_TOP_LOGPROBS)
    wanted = fields.boolean("logprobs", False)
    if top is not None and not wanted:
        raise RequestError(
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is true.",
            param="top_logprobs",
            code="invalid_value",
        )
    continue_final = fields.boolean("continue_final_message", False)
    add_prompt = fields.boolean("add_generation_prompt", not continue_final)
    if continue_final and (add_prompt or messages[-1]["role"] != "assistant"):
        raise RequestError(
            "'continue_final_message' needs a last message of the assistant and no 'add_generation_prompt'.",
            param="continue_final_message",
            code="invalid_value",
        )
    request = ChatRequest(
        generating=_read_generating(
            fields, model, _read_chat_max_tokens(fields), LogprobRequest(output=wanted, top=top or 0)
        ),
        messages=messages,
        add_generation_prompt=add_prompt,
        continue_final_message=continue_final,
        template_kwargs=fields.mapping("chat_template_kwargs", {}),
    )
    _log_unknown(fields)
    return request


def read_completion(body: dict[str, object]) -> CompletionRequest:
    """Checks a body of /v1/completions.

    Raises:
        RequestError: The first field that is missing, of a wrong type, out of range or not implemented.
    """
    fields = Fields(body)
    model = _read_model(fields)
    prompts = _read_prompts(fields)
    _refuse_unsupported(fields)
    repeat = fields.boolean("echo", False)
    top = fields.integer("logprobs", None, low=0, high=MAX_COMPLETION_LOGPROBS)
    logprobs = LogprobRequest()
    if top is not None:
        logprobs = LogprobRequest(output=True, top=top, prompt_start=0 if repeat else -1)
    max_tokens = fields.integer("max_tokens", COMPLETION_MAX_TOKENS, low=0, high=INT32_MAX)
    request = CompletionRequest(
        generating=_read_generating(fields, model, max_tokens, logprobs), prompts=prompts, echo=repeat
    )
    best_of = fields.integer("best_of", None, low=1, high=MAX_CHOICES)
    if best_of not in (None, 1, request.generating.choices):
        raise UnsupportedParameter("Unsupported parameter: 'best_of' other than 1 or 'n'.", param="best_of")
    _log_unknown(fields)
    return request


# -- parts both have ---------------------------------------------------------------------------------


def _read_model(fields: Fields) -> str:
    model = fields.string("model", None, min_length=1, max_length=MAX_MODEL_LENGTH)
    if model is None:
        raise fields.missing("model")
    return model


def _refuse_unsupported(fields: Fields) -> None:
    for name, harmless in UNSUPPORTED.items():
        value = fields.value(name)
        if value is not None and value not in harmless:
            raise UnsupportedParameter(
                f"Unsupported parameter: '{name}' is not implemented by this server; leave it out.", param=name
            )


def _read_generating(fields: Fields, model: str, max_tokens: int | None, logprobs: LogprobRequest) -> Generating:
    stream = fields.boolean("stream", False)
    options = fields.object("stream_options")
    if options is not None and not stream:
        raise RequestError(
            "The 'stream_options' parameter is only allowed when 'stream' is true.",
            param="stream_options",
            code="invalid_value",
        )
    for name in IGNORED:
        if isinstance(fields.value(name), str):
            fields.string(name, None, max_length=MAX_LABEL_LENGTH)
    return Generating(
        model=model,
        choices=fields.integer("n", 1, low=1, high=MAX_CHOICES),
        sampling=_read_sampling(fields, max_tokens),
        logprobs=logprobs,
        stream=stream,
        include_usage=options.boolean("include_usage", False) if options else False,
        continuous_usage=options.boolean("continuous_usage_stats", False) if options else False,
        rid=_read_rid(fields),
        cache_salts=(
            fields.string("cache_salt", "", max_length=MAX_LABEL_LENGTH),
            fields.string("extra_key", "", max_length=MAX_LABEL_LENGTH),
        ),
        priority=fields.integer("priority", 0, low=-INT32_MAX, high=INT32_MAX),
    )


def _read_sampling(fields: Fields, max_tokens: int | None) -> SamplingParams:
    min_tokens = fields.integer("min_tokens", 0, low=0, high=INT32_MAX)
    if max_tokens is not None and min_tokens > max_tokens:
        raise fields.bad_value("min_tokens", f"It must not be larger than the {max_tokens} tokens asked for.")
    return SamplingParams(
        max_new_tokens=max_tokens,
        min_new_tokens=min_tokens,
        temperature=fields.number("temperature", 1.0, low=0.0, high=2.0),
        top_p=fields.number("top_p", 1.0, low=0.0, high=1.0),
        top_k=fields.integer("top_k", -1, low=-1, high=INT32_MAX),
        min_p=fields.number("min_p", 0.0, low=0.0, high=1.0),
        presence_penalty=fields.number("presence_penalty", 0.0, low=-2.0, high=2.0),
        frequency_penalty=fields.number("frequency_penalty", 0.0, low=-2.0, high=2.0),
        repetition_penalty=fields.number("repetition_penalty", 1.0, low=MIN_REPETITION_PENALTY, high=2.0),
        logit_bias=read_logit_bias(fields, MAX_LOGIT_BIAS),
        stop=_read_stop(fields),
        stop_token_ids=_read_stop_token_ids(fields),
        ignore_eos=fields.boolean("ignore_eos", False),
        seed=fields.integer("seed", None),
        skip_special_tokens=fields.boolean("skip_special_tokens", True),
        spaces_between_special_tokens=fields.boolean("spaces_between_special_tokens", True),
        no_stop_trim=fields.boolean("no_stop_trim", False),
    )


def _read_stop(fields: Fields) -> tuple[str, ...]:
    value = fields.value("stop")
    if value is None:
        return ()
    if isinstance(value, str):
        check_length(value, "stop", 1, MAX_STOP_LENGTH)
        return (value,)
    if not isinstance(value, list):
        raise fields.wrong_type("stop", "a string or an array of strings")
    check_count(value, "stop", 0, MAX_STOP_STRINGS)
    strings: list[str] = []
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise wrong_type(f"stop[{index}]", "a string", item)
        check_length(item, f"stop[{index}]", 1, MAX_STOP_LENGTH)
        strings.append(item)
    return tuple(strings)


def _read_stop_token_ids(fields: Fields) -> tuple[int, ...]:
    items = fields.array("stop_token_ids", None, max_length=MAX_STOP_TOKEN_IDS)
    return () if items is None else tuple(check_token_ids(items, "stop_token_ids"))


def _read_rid(fields: Fields) -> str:
    rid = fields.string("rid", "", max_length=MAX_RID_LENGTH)
    if rid and not (rid.isascii() and rid.isprintable()):
        raise fields.bad_value("rid", "It must be printable ASCII.")
    return rid


def _log_unknown(fields: Fields) -> None:
    unknown = fields.unread()
    if unknown and logger.isEnabledFor(logging.DEBUG):
        logger.debug("ignored %d unknown request fields: %s", len(unknown), ", ".join(map(echo, unknown[:20])))


# -- chat only ---------------------------------------------------------------------------------------


def _read_chat_max_tokens(fields: Fields) -> int | None:
    newer = fields.integer("max_completion_tokens", None, low=1, high=INT32_MAX)
    older = fields.integer("max_tokens", None, low=1, high=INT32_MAX)
    if newer is not None and older is not None and newer != older:
        raise RequestError(
            f"'max_tokens' ({older}) and 'max_completion_tokens' ({newer}) mean the same; send one of them.",
            param="max_tokens",
            code="invalid_value",
        )
    return older if newer is None else newer


# -- completions only --------------------------------------------------------------------------------


def _read_prompts(fields: Fields) -> list[str | list[int]]:
    """A text, token ids, or an array of at most `MAX_PROMPTS` of either."""
    value = fields.value("prompt")
    if value is None:
        raise fields.missing("prompt")
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise fields.wrong_type("prompt", "a string or an array")
    check_count(value, "prompt", 1, INT32_MAX)
    if not isinstance(value[0], str | list):
        return [check_token_ids(value, "prompt")]
    check_count(value, "prompt", 1, MAX_PROMPTS)
    prompts: list[str | list[int]] = []
    for index, item in enumerate(value):
        if isinstance(item, str):
            prompts.append(item)
        elif isinstance(item, list):
            check_count(item, f"prompt[{index}]", 1, INT32_MAX)
            prompts.append(check_token_ids(item, f"prompt[{index}]"))
        else:
            raise wrong_type(f"prompt[{index}]", "a string or an array of token ids", item)
    return prompts
