"""The body of SGLang's native ``POST /generate``, read into `NativeRequest`.

One body may ask for many answers: a list of prompts, ``n`` samples of each, or both. Every per-prompt field
is then either one value for all prompts or a list with one value each. `parse_generate` resolves all of
that, so that nothing behind it knows about batches: `NativeItem` is one answer.

Accepted as in SGLang: unknown keys beside the prompt are ignored (debug log), unknown keys in
``sampling_params`` are refused, null is the default. A known key that would change the answer and is not
implemented is refused unless it is empty.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from sgl.errors import RequestError, echo
from sgl.protocol.fields import Fields, check_count, check_token_ids, wrong_type
from sgl.protocol.messages import LogprobRequest
from sgl.protocol.native_sampling import NativeSampling, read_sampling, refuse_unsupported
from sgl.protocol.sampling import SamplingParams

log = logging.getLogger(__name__)

MAX_PROMPTS: Final = 1024
MAX_ANSWERS: Final = 4096
"""Most answers one body may ask for: prompts times ``n``."""
MAX_TOP_LOGPROBS: Final = 20
MAX_TOKEN_IDS_LOGPROB: Final = 1024
MAX_ID_LENGTH: Final = 256
MAX_SALT_LENGTH: Final = 1024

UNSUPPORTED: Final = (
    "audio_data",
    "bootstrap_host",
    "bootstrap_port",
    "bootstrap_room",
    "custom_logit_processor",
    "image_data",
    "input_embeds",
    "lora_path",
    "max_thinking_tokens",
    "multi_item_delimiter_indices",
    "positional_embed_overrides",
    "return_entropy",
    "return_flat_raw_output_top_logprobs",
    "return_flat_raw_top_logprobs",
    "return_hidden_states",
    "return_indexer_topk",
    "return_routed_experts",
    "return_sampling_mask",
    "session_params",
    "token_indices_to_pool",
    "video_data",
    "watermark",
)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class NativeItem:
    """One answer that was asked for.

    Attributes:
        prompt: Text, or token ids.
        sampling: ``max_new_tokens`` is None when the client left it out: the default then yields to the
            context, while a number that was asked for must fit.
        logprobs: ``prompt_start`` is SGLang's ``logprob_start_len``.
        rid: The client's id for this answer, "" when it gave none.
        cache_salt: Requests with different salts share no cached prefix.
        extra_key: As ``cache_salt``; SGLang has both.
        priority: Higher is served earlier where the schedule policy knows priorities.
        stream_interval: Generated tokens between two chunks of a stream.
    """

    prompt: str | list[int]
    sampling: SamplingParams
    logprobs: LogprobRequest
    rid: str
    cache_salt: str
    extra_key: str
    priority: int
    stream_interval: int


@dataclass(frozen=True, slots=True)
class NativeRequest:
    """A whole body.

    Attributes:
        items: One per answer, samples of one prompt next to each other.
        is_list: Whether the answer is a list: the prompt was one, or ``n`` is above 1.
        stream: Whether answers are streamed.
        text_in_logprobs: Whether a token's text stands beside its logprob.
        return_prompt_ids: Whether each answer repeats its prompt's token ids.
    """

    items: tuple[NativeItem, ...]
    is_list: bool
    stream: bool
    text_in_logprobs: bool
    return_prompt_ids: bool


def parse_generate(body: dict[str, object], vocab_size: int) -> NativeRequest:
    """Reads a decoded body.

    Args:
        body: The JSON object.
        vocab_size: Token ids must be below it.

    Raises:
        RequestError: A field is missing, of the wrong type or out of range; ``param`` names it.
        UnsupportedParameter: A field is known and not implemented.
    """
    fields = Fields(body)
    refuse_unsupported(fields, UNSUPPORTED)
    prompts, is_batch = _read_prompts(fields, vocab_size)
    batch = _Batch(fields, len(prompts), is_batch)
    sampling = _read_sampling(batch)
    samples = sampling[0].samples
    check_count(range(len(prompts) * samples), "sampling_params.n", 0, MAX_ANSWERS)
    is_list = is_batch or samples > 1
    rids = _read_rids(fields, batch, samples)
    logprobs = batch.each("return_logprob", lambda item, name: item.boolean(name, False))
    starts = batch.each("logprob_start_len", lambda item, name: item.integer(name, -1, low=-1))
    tops = batch.each("top_logprobs_num", lambda item, name: item.integer(name, 0, low=0, high=MAX_TOP_LOGPROBS))
    wanted_ids = _read_token_ids_logprob(fields, batch, vocab_size)
    salts = batch.each("cache_salt", lambda item, name: item.string(name, "", max_length=MAX_SALT_LENGTH))
    extras = batch.each("extra_key", lambda item, name: item.string(name, "", max_length=MAX_SALT_LENGTH))
    priority = fields.integer("priority", 0, low=-(2**31), high=2**31 - 1)
    stream = fields.boolean("stream", False)
    text_in_logprobs = fields.boolean("return_text_in_logprobs", False)
    return_prompt_ids = fields.boolean("return_prompt_token_ids", False)
    for name in fields.unread():
        log.debug("/generate: field %s is not known and was ignored", echo(name))

    items = tuple(
        NativeItem(
            prompt=prompt,
            sampling=sampling[index].sample(number),
            logprobs=_logprob_request(starts[index], tops[index], wanted_ids[index])
            if logprobs[index]
            else LogprobRequest(),
            rid=rids[index * samples + number],
            cache_salt=salts[index],
            extra_key=extras[index],
            priority=priority,
            stream_interval=sampling[index].stream_interval,
        )
        for index, prompt in enumerate(prompts)
        for number in range(samples)
    )
    return NativeRequest(items, is_list, stream, text_in_logprobs, return_prompt_ids)


class _Batch:
    """Reads fields that hold one value for all prompts, or a list with one value for each."""

    def __init__(self, fields: Fields, count: int, is_batch: bool) -> None:
        self.count = count
        self.is_batch = is_batch
        self._fields = fields

    def each(self, name: str, read: Callable[[Fields, str], Value]) -> list[Value]:
        """One value per prompt, each read by ``read``; list items are named ``name[3]`` in errors."""
        value = self._fields.value(name)
        if not self.is_batch or not isinstance(value, list):
            return [read(self._fields, name)] * self.count
        self.check(value, name)
        paths = [f"{name}[{index}]" for index in range(self.count)]
        return [read(Fields({path: item}), path) for path, item in zip(paths, value, strict=True)]

    def check(self, values: Sequence[object], name: str) -> None:
        """Refuses a list that does not have one value per prompt."""
        if len(values) != self.count:
            raise RequestError(
                f"Invalid '{name}': a list must have one value per prompt; "
                f"there are {self.count} prompts and {len(values)} values.",
                param=name,
                code="invalid_value",
            )


# -- prompts and ids -------------------------------------------------------------------------------


def _read_prompts(fields: Fields, vocab_size: int) -> tuple[Sequence[str | list[int]], bool]:
    """Returns the prompts and whether they came as a list of prompts."""
    text, ids = fields.value("text"), fields.value("input_ids")
    if text is not None and ids is not None:
        raise RequestError("Give either 'text' or 'input_ids', not both.", param="input_ids", code="invalid_value")
    if text is None and ids is None:
        raise fields.missing("text")
    if isinstance(text, str):
        return [text], False
    if text is not None:
        return _read_texts(fields), True
    return _read_ids(fields, vocab_size)


def _read_texts(fields: Fields) -> list[str]:
    texts = fields.array("text", [], min_length=1, max_length=MAX_PROMPTS)
    for index, item in enumerate(texts):
        if not isinstance(item, str):
            raise wrong_type(f"text[{index}]", "a string", item)
    return [item for item in texts if isinstance(item, str)]


def _read_ids(fields: Fields, vocab_size: int) -> tuple[list[str | list[int]], bool]:
    values = fields.array("input_ids", [], min_length=1)
    if not isinstance(values[0], list):
        return [check_token_ids(values, "input_ids", vocab_size)], False
    check_count(values, "input_ids", 1, MAX_PROMPTS)
    prompts: list[str | list[int]] = []
    for index, item in enumerate(values):
        if not isinstance(item, list):
            raise wrong_type(f"input_ids[{index}]", "an array", item)
        prompts.append(check_token_ids(item, f"input_ids[{index}]", vocab_size))
    return prompts, True


def _read_rids(fields: Fields, batch: _Batch, samples: int) -> list[str]:
    """One id per answer; where one id stands for several answers they are numbered, as SGLang does."""
    value = fields.value("rid")
    answers = batch.count * samples
    if value is None:
        return [""] * answers
    if isinstance(value, list) and batch.is_batch:
        rids = batch.each("rid", lambda item, name: item.string(name, "", max_length=MAX_ID_LENGTH))
        named = [rid for rid in rids if rid]
        if len(set(named)) < len(named):
            raise RequestError("Invalid 'rid': each prompt needs an id of its own.", param="rid", code="invalid_value")
        return [_numbered(rid, number, samples > 1) for rid in rids for number in range(samples)]
    rid = fields.string("rid", "", max_length=MAX_ID_LENGTH)
    return [_numbered(rid, number, batch.is_batch or samples > 1) for number in range(answers)]


def _numbered(rid: str, number: int, shared: bool) -> str:
    return f"{rid}_{number}" if rid and shared else rid


# -- sampling parameters ---------------------------------------------------------------------------


def _read_sampling(batch: _Batch) -> list[NativeSampling]:
    """The parameters of each prompt; all must ask for the same number of samples."""
    sampling = batch.each("sampling_params", lambda item, name: read_sampling(item.object(name) or Fields({}, name)))
    if len({item.samples for item in sampling}) > 1:
        raise RequestError(
            "Invalid 'sampling_params': n must be the same for all prompts.",
            param="sampling_params",
            code="invalid_value",
        )
    return sampling


# -- log probabilities -----------------------------------------------------------------------------


def _read_token_ids_logprob(fields: Fields, batch: _Batch, vocab_size: int) -> list[tuple[int, ...]]:
    """A list of ids for all prompts, or a list of such lists with one for each."""
    name = "token_ids_logprob"
    values = fields.array(name, [])
    nested = batch.is_batch and any(isinstance(item, list) for item in values)
    if not nested:
        return [_token_ids(values, name, vocab_size)] * batch.count
    batch.check(values, name)
    return [_nested_ids(item, f"{name}[{index}]", vocab_size) for index, item in enumerate(values)]


def _nested_ids(value: object, path: str, vocab_size: int) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise wrong_type(path, "an array", value)
    return _token_ids(value, path, vocab_size)


def _token_ids(values: list[object], path: str, vocab_size: int) -> tuple[int, ...]:
    check_count(values, path, 0, MAX_TOKEN_IDS_LOGPROB)
    return tuple(check_token_ids(values, path, vocab_size))


def _logprob_request(start: int, top: int, token_ids: tuple[int, ...]) -> LogprobRequest:
    return LogprobRequest(output=True, top=top, prompt_start=start, token_ids=token_ids)
