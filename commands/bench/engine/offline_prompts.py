"""The prompts of an offline run: any dataset of the bench, all of them at once, shortened where that was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, TextIO

from sgl.config.hf import HfConfig
from sgl.errors import UsageError
from sgl.models.table import read_model_config

from ..data.dataset import Dataset
from ..data.open import DataFacts, open_dataset
from ..data.wish import WITH_INPUT_LENGTH
from ..flags.data import read_data
from ..flags.given import Given
from ..prompt import Prompt
from .settings import Settings

PUBLIC: Final = "public-256"
DEFAULT_COUNT: Final = 256
"""Prompts of a dataset that makes as many as one wants."""


def offline_dataset(flags: Mapping[str, object], settings: Settings, stdin: TextIO | None = None) -> Dataset:
    """The dataset of the flags, for the model that is to run.

    Args:
        flags: What was typed, by name: ``dataset``, ``input_len``, ``output_len``, ``seed``.
        settings: The model.
        stdin: Where prompts may come from.

    Raises:
        UsageError: A flag is wrong.
        ModelError: The model's config.json cannot be read.
    """
    model = read_model_config(HfConfig.load(settings.folder))
    wish = read_data(Given(flags))
    # The published prompts are folded into a small vocabulary rather than refused: the result says so.
    vocabulary = None if wish.kind == PUBLIC else model.vocab_size
    return open_dataset(wish, DataFacts(vocabulary=vocabulary), stdin)


def all_prompts(dataset: Dataset, count: int | None = None) -> list[Prompt]:
    """The first ``count`` prompts of a dataset; without a count, all that it has, or 256 when it makes them.

    Raises:
        UsageError: A file cannot be read or holds something else.
    """
    if count is not None:
        return list(dataset.prompts(count))
    if dataset.name in WITH_INPUT_LENGTH and dataset.repeats_after is None:
        return list(dataset.prompts(DEFAULT_COUNT))
    return list(_one_pass(dataset))


def _one_pass(dataset: Dataset) -> Iterator[Prompt]:
    """Until it would start again, which it knows once it has."""
    for number, prompt in enumerate(dataset.prompts()):
        if dataset.repeats_after is not None and number >= dataset.repeats_after:
            return
        yield prompt


def scaled(prompts: list[Prompt], scale: float) -> list[Prompt]:
    """Prompts of token ids with this part of their length, and answers likewise; at least one token each.

    For machines that would take hours, and for models with a small context. The number of prompts, and so the batch,
    stays. Other than 1 is another workload: its figures compare with nothing that was published.

    Raises:
        UsageError: ``scale`` is not above 0 and at most 1, or a prompt is text.
    """
    if not 0 < scale <= 1:
        raise UsageError(f"--scale takes a part above 0 and at most 1, not {scale:g}")
    if scale == 1:
        return prompts
    return [_shortened(prompt, scale) for prompt in prompts]


def _shortened(prompt: Prompt, scale: float) -> Prompt:
    if prompt.ids is None:
        raise UsageError("--scale shortens prompts of token ids; these are text", hint="--dataset public-256 or random")
    ids = prompt.ids[: _part(len(prompt.ids), scale)]
    return replace(prompt, ids=ids, input_tokens=len(ids), output_tokens=_part(prompt.output_tokens, scale))


def _part(length: int, scale: float) -> int:
    return max(1, round(length * scale))
