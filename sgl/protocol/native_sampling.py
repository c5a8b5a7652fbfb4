"""SGLang's ``sampling_params`` object, read into `SamplingParams` and the two fields that are not sampling."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

import msgspec

from sgl.errors import RequestError, UnsupportedParameter, echo
from sgl.protocol.fields import Fields, check_token_ids, wrong_type
from sgl.protocol.logit_bias import read_logit_bias
from sgl.protocol.sampling import MAX_LOGIT_BIAS, MAX_STOP_STRINGS, MAX_STOP_TOKEN_IDS, SamplingParams
from sgl.protocol.seeds import sample_seed

MAX_SAMPLES: Final = 128
"""Largest ``n``."""
MAX_NEW_TOKENS: Final = 2**31 - 1
MAX_NAME: Final = 64
"""Longest name that is looked at for a hint: comparing names costs the square of their length."""

UNSUPPORTED: Final = (
    "custom_params",
    "ebnf",
    "json_schema",
    "regex",
    "stop_regex",
    "structural_tag",
    "watermark",
)
KNOWN: Final = (*SamplingParams.__struct_fields__, "n", "sampling_seed", "stream_interval")
"""Names to propose for one that is not known."""


@dataclass(frozen=True, slots=True)
class NativeSampling:
    """One ``sampling_params`` object.

    Attributes:
        params: ``max_new_tokens`` is None when it was left out.
        samples: SGLang's ``n``: how many answers each prompt gets.
        stream_interval: Generated tokens between two chunks of a stream.
    """

    params: SamplingParams
    samples: int
    stream_interval: int

    def sample(self, number: int) -> SamplingParams:
        """Parameters of the ``number``-th answer to a prompt; each has a seed of its own."""
        return msgspec.structs.replace(self.params, seed=sample_seed(self.params.seed, number))


def read_sampling(fields: Fields) -> NativeSampling:
    """Reads one object. Types are checked here, ranges by `SamplingParams.validate` on submission.

    Raises:
        RequestError: A field has the wrong type, or is not known.
        UnsupportedParameter: A field is known and not implemented.
    """
    refuse_unsupported(fields, UNSUPPORTED)
    if fields.integer("beam_width", 1, low=1) != 1:
        raise _unsupported(fields.path("beam_width"))
    default = SamplingParams()
    params = SamplingParams(
        max_new_tokens=fields.integer("max_new_tokens", None, low=0, high=MAX_NEW_TOKENS),
        min_new_tokens=fields.integer("min_new_tokens", default.min_new_tokens, low=0, high=MAX_NEW_TOKENS),
        temperature=fields.number("temperature", default.temperature),
        top_p=fields.number("top_p", default.top_p),
        top_k=fields.integer("top_k", default.top_k),
        min_p=fields.number("min_p", default.min_p),
        presence_penalty=fields.number("presence_penalty", default.presence_penalty),
        frequency_penalty=fields.number("frequency_penalty", default.frequency_penalty),
        repetition_penalty=fields.number("repetition_penalty", default.repetition_penalty),
        logit_bias=read_logit_bias(fields, MAX_LOGIT_BIAS),
        stop=_read_stop(fields),
        stop_token_ids=_read_stop_token_ids(fields),
        ignore_eos=fields.boolean("ignore_eos", default.ignore_eos),
        seed=fields.integer("sampling_seed", None),
        skip_special_tokens=fields.boolean("skip_special_tokens", default.skip_special_tokens),
        spaces_between_special_tokens=fields.boolean(
            "spaces_between_special_tokens", default.spaces_between_special_tokens
        ),
        no_stop_trim=fields.boolean("no_stop_trim", default.no_stop_trim),
    )
    samples = fields.integer("n", 1, low=1, high=MAX_SAMPLES)
    stream_interval = fields.integer("stream_interval", 1, low=1, high=MAX_NEW_TOKENS)
    _refuse_unknown(fields)
    return NativeSampling(params, samples, stream_interval)


def refuse_unsupported(fields: Fields, names: tuple[str, ...]) -> None:
    """Refuses the named fields unless they say nothing: null, false, zero, empty, or a list of such.

    Raises:
        UnsupportedParameter: The first field that says something.
    """
    for name in names:
        if not _says_nothing(fields.value(name)):
            raise _unsupported(fields.path(name))


def _says_nothing(value: object) -> bool:
    return not value or (isinstance(value, list) and all(not item for item in value))


def _unsupported(param: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"'{param}' is not implemented by this server; leave it out.", param=param)


def _refuse_unknown(fields: Fields) -> None:
    for name in fields.unread():
        near = difflib.get_close_matches(name[:MAX_NAME], KNOWN, n=1)
        advice = f"Did you mean '{near[0]}'?" if near else "Leave it out."
        raise RequestError(
            f"Unknown sampling parameter: {echo(name)}. {advice}",
            param=fields.path(name[:MAX_NAME]),
            code="unknown_parameter",
        )


def _read_stop(fields: Fields) -> tuple[str, ...]:
    value = fields.value("stop")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    stops = fields.array("stop", [], max_length=MAX_STOP_STRINGS)
    for index, item in enumerate(stops):
        if not isinstance(item, str):
            raise wrong_type(f"{fields.path('stop')}[{index}]", "a string", item)
    return tuple(item for item in stops if isinstance(item, str))


def _read_stop_token_ids(fields: Fields) -> tuple[int, ...]:
    values = fields.array("stop_token_ids", [], max_length=MAX_STOP_TOKEN_IDS)
    return tuple(check_token_ids([item for item in values if item is not None], fields.path("stop_token_ids")))
