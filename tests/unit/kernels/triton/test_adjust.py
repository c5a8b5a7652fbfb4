"""Adjusted logits against the twin, and the twin against the CPU sampler, which transformers' processors hold."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sgl.kernels.triton.adjust import Biases, Ends, Penalties, adjust, advance_rows
from sgl.kernels.twins import adjust as twin
from sgl.protocol.sampling import SamplingParams
from sgl.sampling import sampler
from sgl.sampling.arrays import SampleRow, SamplingBatch
from tests.unit.sampling.cases import logits_row

# Logits that a penalty carries past float32 are among the cases; numpy, which interprets, tells of it.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")

VOCABULARY = 101
PARAMS = [
    SamplingParams(repetition_penalty=1.3, frequency_penalty=0.25, presence_penalty=-0.5),
    SamplingParams(),
    SamplingParams(logit_bias={0: 3.0, 7: -100.0, 100: 1.5}, frequency_penalty=1.1, stop_token_ids=(9,)),
    SamplingParams(min_new_tokens=4, stop_token_ids=(5, 100), logit_bias={5: 50.0}),
    SamplingParams(repetition_penalty=0.01, min_new_tokens=2),
]
OUTPUT = [7, 7, 100]


def rows() -> list[SampleRow]:
    return [
        SampleRow.start(each, 0, [1, 2, 7, 50], output_ids=OUTPUT, end_token_ids=(2, VOCABULARY + 3)) for each in PARAMS
    ]


def history_of(row: SampleRow) -> Tensor:
    line = torch.zeros(VOCABULARY, dtype=torch.int32)
    if row.history is not None:
        line[torch.from_numpy(row.history.ids)] = 2 * torch.from_numpy(row.history.counts).to(torch.int32) + 1
    return line


def penalties_of(batch: list[SampleRow]) -> Penalties:
    """Lines of the history in another order than rows, with one that is nobody's."""
    chosen = [index for index, row in enumerate(batch) if row.history is not None]
    slots = torch.full((len(batch),), -1, dtype=torch.int32)
    history = torch.full((len(chosen) + 1, VOCABULARY), 12345, dtype=torch.int32)
    for slot, index in enumerate(reversed(chosen)):
        slots[index] = slot
        history[slot] = history_of(batch[index])
    return Penalties(
        history,
        slots,
        torch.tensor([row.params.repetition_penalty for row in batch]),
        torch.tensor([row.params.presence_penalty for row in batch]),
        torch.tensor([row.params.frequency_penalty for row in batch]),
    )


def biases_of(batch: list[SampleRow]) -> Biases:
    entries = [(i, token, value) for i, row in enumerate(batch) for token, value in row.params.logit_bias.items()]
    places = torch.tensor([entry[:2] for entry in entries], dtype=torch.int32)
    return Biases(places[:, 0].contiguous(), places[:, 1].contiguous(), torch.tensor([entry[2] for entry in entries]))


def ends_of(batch: list[SampleRow]) -> Ends:
    entries = [
        (i, token, row.position - row.generated + row.params.min_new_tokens)
        for i, row in enumerate(batch)
        for token in row.end_token_ids + row.params.stop_token_ids
    ]
    columns = torch.tensor(entries)
    return Ends(
        columns[:, 0].to(torch.int32),
        columns[:, 1].to(torch.int32),
        columns[:, 2].contiguous(),
        torch.tensor([row.position for row in batch]),
    )


def spread(batch: list[SampleRow]) -> tuple[Tensor, Tensor]:
    """(bias, too_early) over the vocabulary."""
    bias, early = torch.zeros(len(batch), VOCABULARY), torch.zeros(len(batch), VOCABULARY, dtype=torch.bool)
    for index, row in enumerate(batch):
        for token, value in row.params.logit_bias.items():
            bias[index, token] = value
        if row.generated < row.params.min_new_tokens:
            early[index, [token for token in row.end_token_ids + row.params.stop_token_ids if token < VOCABULARY]] = (
                True
            )
    return bias, early


def grammar() -> tuple[Tensor, Tensor]:
    """(words, bool) of what each row may draw; the first row may draw anything."""
    words = torch.randint(-(2**31), 2**31, (len(PARAMS), 4), generator=torch.Generator().manual_seed(1))
    words[0] = -1
    bits = torch.arange(VOCABULARY)
    return words.to(torch.int32), (words[:, bits // 32] >> (bits % 32) & 1).bool()


def raw_logits(dtype: torch.dtype) -> Tensor:
    logits = torch.stack([logits_row("wide", VOCABULARY, i) for i in range(len(PARAMS))]).to(dtype)
    logits[4, 50] = 3e38
    logits[0, 7] = -math.inf
    return logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("masked", [False, True])
def test_all_changes_together(dtype: torch.dtype, masked: bool) -> None:
    batch, logits = rows(), raw_logits(dtype)
    wider = torch.full((len(batch), VOCABULARY + 9), math.nan, dtype=dtype)
    wider[:, :VOCABULARY] = logits
    words, allowed = grammar()
    found = adjust(
        wider[:, :VOCABULARY],
        penalties=penalties_of(batch),
        biases=biases_of(batch),
        ends=ends_of(batch),
        allowed=words if masked else None,
        tile=64,
    )
    assert torch.equal(found, sampler.adjust(logits, SamplingBatch(batch), words if masked else None))
    bias, early = spread(batch)
    expected = twin.adjust(
        logits,
        history=torch.stack([history_of(row) for row in batch]),
        repetition=torch.tensor([row.params.repetition_penalty for row in batch]),
        presence=torch.tensor([row.params.presence_penalty for row in batch]),
        frequency=torch.tensor([row.params.frequency_penalty for row in batch]),
        bias=bias,
        too_early=early,
        allowed=allowed if masked else torch.ones_like(allowed),
    )
    assert torch.equal(found, expected)


@pytest.mark.parametrize("which", ["biases", "ends", "allowed", "penalties", "nothing"])
def test_each_change_alone(which: str) -> None:
    batch, logits = rows(), raw_logits(torch.float32)
    found = adjust(
        logits,
        penalties=penalties_of(batch) if which == "penalties" else None,
        biases=biases_of(batch) if which == "biases" else None,
        ends=ends_of(batch) if which == "ends" else None,
        allowed=grammar()[0] if which == "allowed" else None,
    )
    bias, early = spread(batch)
    expected = {
        "biases": logits + bias,
        "ends": logits.masked_fill(early, -torch.inf),
        "allowed": logits.masked_fill(~grammar()[1], -torch.inf),
        "nothing": logits,
    }
    if which == "penalties":
        assert not torch.equal(found[[0, 2, 4]], logits[[0, 2, 4]])
        assert torch.equal(found[[1, 3]], logits[[1, 3]])
    else:
        assert torch.equal(found, expected[which])


def test_the_host_keeps_the_raw_logits() -> None:
    logits = raw_logits(torch.float32)
    before = logits.clone()
    adjust(logits, biases=biases_of(rows()), ends=ends_of(rows()))
    assert torch.equal(logits, before)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_nothing_hides_a_logit_that_is_not_finite(poison: float) -> None:
    batch = rows()
    logits = raw_logits(torch.float32)
    logits[3, 5] = logits[2, 7] = logits[0, 7] = logits[1, 40] = poison
    words, _ = grammar()
    words[1, 1] &= ~(1 << 8)
    found = adjust(logits, penalties=penalties_of(batch), biases=biases_of(batch), ends=ends_of(batch), allowed=words)
    assert [bool(row.isnan().any()) for row in found] == [True, True, True, True, False]


def test_rows_move_on_by_what_was_drawn() -> None:
    batch = rows()
    penalties = penalties_of(batch)
    tokens = [3, 4, 7, 5, 0]
    positions = torch.tensor([row.position for row in batch])
    advance_rows(positions, torch.tensor(tokens), penalties)
    for row, token in zip(batch, tokens, strict=True):
        row.append(token)
    assert positions.tolist() == [row.position for row in batch]
    for index, row in enumerate(batch):
        if row.history is not None:
            # A token of the output is seen without the mark of a prompt, too.
            line, expected = penalties.history[penalties.slots[index]], history_of(row)
            assert torch.equal(line >> 1, expected >> 1)
            assert torch.equal(line != 0, expected != 0)
    assert bool((penalties.history[-1] == 12345).all())


def test_positions_alone_move_on() -> None:
    positions = torch.tensor([5, 2**33])
    advance_rows(positions, torch.tensor([1, 1]))
    assert positions.tolist() == [6, 2**33 + 1]
