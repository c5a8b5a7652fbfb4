"""Sampling parameters: the one description of "how to draw" that every layer shares.

Names, defaults and ranges are those of SGLang's ``/generate`` (sampling_params); the OpenAI routes
translate into it. The struct crosses the process boundary, so it holds plain data only.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from sgl.errors import RequestError

MAX_STOP_STRINGS: Final = 32
MAX_STOP_LENGTH: Final = 1024
MAX_STOP_TOKEN_IDS: Final = 256
MAX_LOGIT_BIAS: Final = 1024
MIN_REPETITION_PENALTY: Final = 0.01
"""Logits are divided by it; SGLang allows any value above 0, and the smallest ones overflow to infinity."""
GREEDY_BELOW: Final = 1e-6
"""A temperature under this is greedy decoding, as in SGLang."""


class SamplingParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How tokens are drawn and when a request ends.

    Attributes:
        max_new_tokens: Most tokens to generate; 0 only computes the prompt; None fills the context.
        min_new_tokens: End-of-sequence and stop tokens are masked before this many are generated.
        temperature: 0 (below 1e-6) is greedy.
        top_k: Keep the k likeliest tokens; -1 or 0 keeps all.
        top_p: Keep the smallest set of likeliest tokens whose mass reaches p; 0 is greedy.
        min_p: Drop tokens below ``min_p * max probability``.
        presence_penalty: Subtracted once from each token that was generated before.
        frequency_penalty: Subtracted per earlier occurrence in the output.
        repetition_penalty: Divides positive and multiplies negative logits of every token seen in
            prompt or output (Keskar et al. 2019, as transformers does it).
        logit_bias: Token id -> value added to its logit.
        stop: Strings that end the request; matched on text, across token boundaries.
        stop_token_ids: Token ids that end the request, beside the model's own end tokens.
        ignore_eos: The model's own end tokens do not end the request.
        seed: Philox key; None lets the client of the engine draw one.
        skip_special_tokens: Special tokens leave no text.
        spaces_between_special_tokens: Accepted for SGLang's clients; has no effect on fast tokenizers.
        no_stop_trim: The matched stop string or stop token stays in the text.
    """

    max_new_tokens: int | None = 128
    min_new_tokens: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: dict[int, float] = {}
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    seed: int | None = None
    skip_special_tokens: bool = True
    spaces_between_special_tokens: bool = True
    no_stop_trim: bool = False

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken without a draw."""
        return self.temperature < GREEDY_BELOW or self.top_k == 1 or self.top_p == 0.0

    @property
    def penalised(self) -> bool:
        """Whether the tokens seen so far change the logits."""
        return self.presence_penalty != 0.0 or self.frequency_penalty != 0.0 or self.repetition_penalty != 1.0

    def validate(self, vocab_size: int) -> None:
        """Checks SGLang's ranges.

        Raises:
            RequestError: The first field that is out of range, named in ``param``.
        """
        if self.max_new_tokens is not None:
            _at_least("max_new_tokens", self.max_new_tokens, 0)
        _at_least("min_new_tokens", self.min_new_tokens, 0)
        if self.max_new_tokens is not None and self.min_new_tokens > self.max_new_tokens:
            raise RequestError(
                f"min_new_tokens ({self.min_new_tokens}) is larger than max_new_tokens ({self.max_new_tokens}).",
                param="min_new_tokens",
                code="invalid_value",
            )
        _within("temperature", self.temperature, 0.0, math.inf)
        _within("top_p", self.top_p, 0.0, 1.0)
        _at_least("top_k", self.top_k, -1)
        _within("min_p", self.min_p, 0.0, 1.0)
        _within("presence_penalty", self.presence_penalty, -2.0, 2.0)
        _within("frequency_penalty", self.frequency_penalty, -2.0, 2.0)
        _within("repetition_penalty", self.repetition_penalty, MIN_REPETITION_PENALTY, 2.0)
        _at_most("logit_bias", len(self.logit_bias), MAX_LOGIT_BIAS)
        for token, bias in self.logit_bias.items():
            _token("logit_bias", token, vocab_size)
            _within("logit_bias", bias, -100.0, 100.0)
        _at_most("stop", len(self.stop), MAX_STOP_STRINGS)
        for text in self.stop:
            if not 0 < len(text) <= MAX_STOP_LENGTH:
                raise RequestError(
                    f"A stop string must have 1 to {MAX_STOP_LENGTH} characters, got {len(text)}.",
                    param="stop",
                    code="invalid_value",
                )
        _at_most("stop_token_ids", len(self.stop_token_ids), MAX_STOP_TOKEN_IDS)
        for token in self.stop_token_ids:
            _token("stop_token_ids", token, vocab_size)
        if self.seed is not None and not -(2**63) <= self.seed < 2**63:
            raise RequestError("seed must fit in 64 bits.", param="seed", code="invalid_value")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        bounds = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise RequestError(f"{name} must be a finite number {bounds}, got {value}.", param=name, code="invalid_value")


def _at_least(name: str, value: int, low: int) -> None:
    if not low <= value < 2**31:
        raise RequestError(
            f"{name} must be an integer between {low} and {2**31 - 1}, got {value}.", param=name, code="invalid_value"
        )


def _at_most(name: str, count: int, high: int) -> None:
    if count > high:
        raise RequestError(f"{name} has {count} entries; at most {high}.", param=name, code="array_above_max_length")


def _token(name: str, token: int, vocab_size: int) -> None:
    if not 0 <= token < vocab_size:
        raise RequestError(
            f"{name} names token id {token}; this model has ids 0 to {vocab_size - 1}.",
            param=name,
            code="invalid_value",
        )
