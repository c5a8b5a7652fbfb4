"""`LocalEngine`: the real scheduler, cache, runner and model in this process, driven step by step; no server."""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import torch

from benchmarks.gpu_acceptance.place import Place
from benchmarks.gpu_acceptance.roofline import read_config
from sgl import builtin
from sgl.config.engine import EngineConfig
from sgl.ipc.token_ids import pack_ids
from sgl.protocol.messages import Abort, Failed, FromEngine, Generate, LogprobRequest, Outputs, ToEngine
from sgl.protocol.sampling import SamplingParams
from sgl.scheduler.build import build_scheduler

Prompt = Sequence[int]


Watch = Callable[[Callable[[], None]], object]
"""Is handed what computes steps, and calls it."""


def _plainly(steps: Callable[[], None]) -> None:
    steps()


@dataclass
class Answer:
    """What was said about one request: tokens, their log probabilities where asked for, when the first one came."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    first: float = 0.0
    ended: bool = False


class Line:
    """The scheduler's line to its client (`sgl.scheduler.io.Io`), which is this process."""

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}
        self.failure = ""

    def recv(self, timeout: float | None = 0.0) -> list[ToEngine]:
        """Nothing: requests are handed to the scheduler itself."""
        return []

    def send(self, body: FromEngine) -> None:
        """Files what the scheduler says."""
        if isinstance(body, Failed):
            self.failure = body.message
        elif isinstance(body, Outputs):
            for delta in body.deltas:
                answer = self.answers[delta.rid]
                if delta.token_ids and not answer.tokens:
                    answer.first = time.perf_counter()
                answer.tokens += delta.token_ids
                answer.logprobs += (each.logprob for each in delta.logprobs)
                answer.ended = answer.ended or delta.finish is not None


class LocalEngine:
    """One engine.

    Args:
        config: Wishes, the model's folder among them.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._line = Line()
        self._scheduler = build_scheduler(config, self._line, lambda phase: None)
        self._next = 0
        self.info = self._scheduler.info

    def answer(
        self,
        prompts: Sequence[Prompt],
        tokens: int | Sequence[int],
        *,
        logprobs: bool = False,
        temperature: float = 0.0,
    ) -> list[Answer]:
        """All prompts at once, to the end of ``tokens`` each."""
        counts = [tokens] * len(prompts) if isinstance(tokens, int) else list(tokens)
        rids = self._hand_over(prompts, counts, logprobs, temperature)
        while not all(self._line.answers[rid].ended for rid in rids):
            self.step()
        self._settle()
        return [self._line.answers.pop(rid) for rid in rids]

    def decode(self, prompts: Sequence[Prompt], *, warm: int, steps: int, run: Watch = _plainly) -> float:
        """Seconds of ``steps`` decode steps of all prompts together, behind their prompts and ``warm`` steps.

        Args:
            run: Called with what computes the steps, in place of computing them plainly.

        Raises:
            RuntimeError: The batch did not stay whole.
        """
        # A sequence may have its first token as many steps before the last one as there are steps of prompts.
        budget = max(1, self.info.chunked_prefill_size - len(prompts))
        spare = 2 + -(-sum(map(len, prompts)) // budget)
        rids = self._hand_over(prompts, [warm + steps + spare] * len(prompts), False, 0.0)
        answers = [self._line.answers[rid] for rid in rids]
        while not all(answer.tokens for answer in answers):
            self.step()
        for _ in range(warm):
            self.step()
        before = sum(len(answer.tokens) for answer in answers)
        begun = time.perf_counter()
        run(partial(self._steps, steps))
        seconds = time.perf_counter() - begun
        found = sum(len(answer.tokens) for answer in answers) - before
        for rid in rids:
            self._scheduler.receive(Abort(rid))
        self._settle()
        for rid in rids:
            del self._line.answers[rid]
        if found != steps * len(prompts):
            raise RuntimeError(f"{found} tokens came of {steps} steps of {len(prompts)}: the KV pool is too small")
        return seconds

    def first_token(self, prompt: Prompt) -> float:
        """Seconds from handing over a prompt to its first token."""
        begun = time.perf_counter()
        (answer,) = self.answer([prompt], 1)
        return answer.first - begun

    def _steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def step(self) -> None:
        """One step.

        Raises:
            RuntimeError: A request failed.
        """
        self._scheduler.step()
        if self._line.failure:
            raise RuntimeError(f"the engine could not compute a step: {self._line.failure}")

    @property
    def attention(self) -> str:
        """Module and class of what computes attention: what was chosen is one thing, what was built another."""
        kind = type(self._scheduler._pipeline._runner._forward._attention)  # type: ignore[attr-defined]
        return f"{kind.__module__}.{kind.__qualname__}"

    def prompts(self, count: int, tokens: int, seed: int) -> list[list[int]]:
        """Random ids that have nothing in common."""
        draw = Random(f"prompts {seed}")
        return [[draw.randrange(self.info.vocab_size) for _ in range(tokens)] for _ in range(count)]

    def _hand_over(
        self, prompts: Sequence[Prompt], counts: Sequence[int], logprobs: bool, temperature: float
    ) -> list[int]:
        rids = []
        for prompt, count in zip(prompts, counts, strict=True):
            self._next += 1
            rids.append(self._next)
            self._line.answers[self._next] = Answer()
            self._scheduler.receive(
                Generate(
                    rid=self._next,
                    input_ids=pack_ids(prompt),
                    sampling=SamplingParams(max_new_tokens=count, ignore_eos=True, temperature=temperature),
                    seed=len(rids),
                    logprobs=LogprobRequest(output=logprobs),
                )
            )
        return rids

    def _settle(self) -> None:
        """Until nothing is in flight."""
        while self._scheduler.step():
            pass


class Bench:
    """Makes engines and keeps the last one: items that measure the same model share it.

    Attributes:
        place: Where.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._folders = tempfile.TemporaryDirectory(prefix="sgl-acceptance-")
        self._key: object = None
        self._engine: LocalEngine | None = None

    def engine(self, model: str, *, layers: int | None = None, on_gpu: bool = True, **wishes: Any) -> LocalEngine:
        """An engine of one of the configs here with random weights, or of the trained model, ``trained``.

        Args:
            layers: Fewer than the model has.
            on_gpu: Whether our part for GPUs computes; else the CPU's.
            wishes: Fields of `EngineConfig`; a rehearsal makes them small.
        """
        key = (model, layers, on_gpu, tuple(sorted(wishes.items())))
        if self._engine is None or self._key != key:
            self.close()
            self._engine = LocalEngine(self.config(model, layers=layers, on_gpu=on_gpu, **wishes))
            self._key = key
        return self._engine

    def config(self, model: str, *, layers: int | None = None, on_gpu: bool = True, **wishes: Any) -> EngineConfig:
        """See `engine`."""
        if self.place.rehearsal:
            model, layers = "tiny", None
            wishes = {**wishes, **SMALL_WISHES, "dtype": "float32"}
            if on_gpu:
                graphs = 2 if wishes.pop("cuda_graphs", True) else 0
                wishes = {"attention_backend": "triton", "cuda_graph_max_bs": graphs, **wishes}
        wishes["device"] = "cuda" if on_gpu and not self.place.rehearsal else "cpu"
        if model == "trained":
            return EngineConfig(model_path=self.place.model or str(builtin.folder()), **wishes)
        return EngineConfig(model_path=str(self.folder(model, layers)), load_format="dummy", **wishes)

    def setting(self, name: str) -> object:
        """What the last engine turned out to be."""
        return None if self._engine is None else self._engine.info.settings[name]

    def attention(self) -> str:
        """See `LocalEngine.attention`, of the last engine."""
        return "" if self._engine is None else self._engine.attention

    def close(self) -> None:
        """Gives the engine's memory back, as far as this process can: captured graphs may keep some."""
        self._engine = self._key = None
        gc.unfreeze()  # A started engine was put out of the collector's sight.
        gc.collect()
        if self.place.device.type == "cuda":
            torch.cuda.empty_cache()

    def end(self) -> None:
        """Gives everything back."""
        self.close()
        self._folders.cleanup()

    def folder(self, model: str, layers: int | None = None) -> Path:
        """One with the config of a model and no weights; it goes at the end."""
        folder = Path(self._folders.name) / f"{model}-{layers or 'all'}"
        if not folder.is_dir():
            folder.mkdir()
            fields = read_config(model)
            if layers is not None:
                fields["num_hidden_layers"] = layers
            (folder / "config.json").write_text(json.dumps(fields), encoding="utf-8")
        return folder


SMALL_WISHES: Final[dict[str, Any]] = {
    "max_model_len": 64,
    "max_total_tokens": 256,
    "page_size": 4,
    "chunked_prefill_size": 16,
    "max_running_requests": 2,
    "threads": 1,
}
"""Of a rehearsal."""
