"""What an engine is asked for: prompts and batches of many sizes, and every way to draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

from sgl.ipc.token_ids import pack_ids
from sgl.protocol.messages import Failed, FromEngine, Generate, LogprobRequest, Outputs, ToEngine
from sgl.protocol.sampling import SamplingParams
from sgl.scheduler.loop import Scheduler

Asked = tuple[int, dict[str, Any]]
"""Tokens of a prompt, and how its answer is drawn; ``logprobs`` may be among that."""

GREEDY: Final[dict[str, Any]] = {"temperature": 0.0}
WARM: Final[dict[str, Any]] = {"temperature": 0.8}
WAYS: Final[tuple[dict[str, Any], ...]] = (
    GREEDY,
    WARM,
    {**WARM, "top_k": 40},
    {**WARM, "top_p": 0.9},
    {**WARM, "top_p": 0.9, "top_k": 50, "min_p": 0.05},
    {**WARM, "min_p": 0.1},
    {**GREEDY, "presence_penalty": 0.5},
    {**WARM, "frequency_penalty": 0.5, "repetition_penalty": 1.1, "top_k": 20},
    {**GREEDY, "logit_bias": {5: 2.0}},
    {**WARM, "logit_bias": dict.fromkeys(range(20), 1.0), "presence_penalty": 0.2},
    {**GREEDY, "min_new_tokens": 2, "stop_token_ids": (7, 8, 9)},
    {**WARM, "min_new_tokens": 2, "top_p": 0.5},
    {**GREEDY, "logprobs": LogprobRequest(output=True)},
    {**WARM, "logprobs": LogprobRequest(output=True, top=5)},
    {**WARM, "logprobs": LogprobRequest(output=True, top=3, token_ids=(1, 2, 3))},
    {**GREEDY, "logprobs": LogprobRequest(output=True, top=2, prompt_start=0)},
)
LENGTHS: Final = (1, 2, 7, 8, 9, 15, 16, 17, 33, 64, 100, 128, 129, 500, 1000, 2000, 8192, 9000)
BATCHES: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 23, 31, 32, 33, 48, 64, 65, 100, 127, 128)


def waves(seed: int, *, brief: bool = False) -> Iterator[list[Asked]]:
    """Requests that come together, one wave when all before are answered."""
    draw = Random(seed)
    for length in LENGTHS[:: 3 if brief else 1]:
        yield [(length, GREEDY)]
    if brief:
        yield [(draw.randrange(1, 400), way) for way in WAYS]
        return
    for way in WAYS:
        yield [(12, way)]
    for count in BATCHES:
        yield [(draw.randrange(1, 40), GREEDY) for _ in range(count)]
    for count in BATCHES[:16]:
        yield [(draw.randrange(1, 300), draw.choice(WAYS)) for _ in range(count)]
    for count in BATCHES[1::3]:
        yield [(draw.randrange(1, 40), WARM) for _ in range(count)]
        yield [(draw.randrange(1, 40), {**WARM, "top_p": 0.9}) for _ in range(count)]
    yield [(draw.randrange(1, 600), way) for way in WAYS * 4]


class Line:
    """The scheduler's line to its client, which is this process."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.ended = 0

    def recv(self, timeout: float | None = 0.0) -> list[ToEngine]:
        """Nothing: requests are handed to the scheduler itself."""
        return []

    def send(self, body: FromEngine) -> None:
        """Counts what was answered."""
        if isinstance(body, Failed):
            self.failures.append(body.message)
        elif isinstance(body, Outputs):
            self.ended += sum(delta.finish is not None for delta in body.deltas)


def serve(scheduler: Scheduler, line: Line, asked: Sequence[Asked], first: int) -> None:
    """Answers one wave; those of its second half come while the first is being answered.

    Raises:
        RuntimeError: Some request was not answered.
    """
    room = scheduler.info.max_request_tokens - 8
    vocabulary = scheduler.info.vocab_size
    before = line.ended
    half = -(-len(asked) // 2)
    for number, (tokens, way) in enumerate(asked):
        if number == half:
            scheduler.step()
        ways = dict(way)
        logprobs = ways.pop("logprobs", LogprobRequest())
        count = min(tokens, room)
        # Every third prompt repeats itself, so that there is something to guess from.
        ids = [(first + number) % vocabulary if number % 3 else 0, *(place % 5 for place in range(1, count))]
        scheduler.receive(
            Generate(
                rid=first + number,
                input_ids=pack_ids(ids),
                sampling=SamplingParams(max_new_tokens=3 + number % 3, ignore_eos=True, **ways),
                seed=number,
                logprobs=logprobs,
            )
        )
    while scheduler.step():
        pass
    if line.failures:
        raise RuntimeError(f"a request failed: {line.failures[0]}")
    if line.ended - before != len(asked):
        raise RuntimeError(f"{line.ended - before} of {len(asked)} requests were answered")
