"""mini-sglang on the same machine and the same offline workload, where it is installed: what G6 and G7 compare with.

Its class for work without a server is asked as its own benchmark asks it (sgl-project/mini-sglang,
``benchmark/offline/bench.py``), with random weights of the same shape. Not yet run: it needs a GPU.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu_acceptance import workload
from benchmarks.gpu_acceptance.engines import Bench
from benchmarks.gpu_acceptance.goals import PEER, peer_name
from benchmarks.gpu_acceptance.rows import Figure
from sgl import builtin
from sgl.selftest.case import Measured

MODULE: Final = "minisgl"
SETTINGS: Final[dict[str, Any]] = {"max_seq_len_override": 4096, "max_extend_tokens": 16384, "cuda_graph_max_bs": 256}
"""Of its own benchmark."""


def installed(bench: Bench) -> Measured:
    """Skips where it is not."""
    if bench.place.rehearsal:
        return Measured("skip", f"{PEER} has no part for CPUs")
    if find_spec(MODULE) is None:
        return Measured("skip", f"{PEER} is not installed; its page says how: github.com/sgl-project/mini-sglang")
    return Measured("ok", f"{PEER} is installed")


def offline(name: str, model: str) -> Callable[[Bench], Iterator[Figure]]:
    """Tokens a second of the offline workload.

    Args:
        name: Of the goal that the figure is for.
        model: As `Bench.folder` knows it.
    """

    def run(bench: Bench) -> Iterator[Figure]:
        if installed(bench).status != "ok":
            return
        folder = bench.folder(model)
        _give_tokenizer(folder)
        engine = import_module(f"{MODULE}.llm").LLM(str(folder), use_dummy_weight=True, **SETTINGS)
        params = import_module(f"{MODULE}.core").SamplingParams
        asked = workload.offline()
        wanted = [params(temperature=workload.TEMPERATURE, ignore_eos=True, max_tokens=each.output) for each in asked]
        engine.generate([list(asked[0].ids)], params(temperature=workload.TEMPERATURE, ignore_eos=True, max_tokens=8))
        samples = []
        for turn in range(bench.place.repeats(3, 1)):
            # It keeps prefixes: prompts that it has seen would not be computed again.
            prompts = [[(token + turn + 1) % workload.LARGEST_ID for token in each.ids] for each in asked]
            begun = time.perf_counter()
            answers = engine.generate(prompts, wanted)
            seconds = time.perf_counter() - begun
            _check([len(answer["token_ids"]) for answer in answers], [each.output for each in asked])
            samples.append(sum(each.output for each in asked) / seconds)
        yield Figure(peer_name(name), tuple(samples), "tok/s", "1 prompt of 8 tokens before; wall clock of all")

    return run


def _give_tokenizer(folder: Path) -> None:
    """It will not start without one; ids are handed over as they are."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(builtin.folder() / name, folder)


def _check(found: list[int], wanted: list[int]) -> None:
    """It does not hand the last token out.

    Raises:
        RuntimeError: An answer is shorter than it should be: the figure would be too good.
    """
    if any(got < want - 1 for got, want in zip(found, wanted, strict=True)):
        raise RuntimeError(f"{sum(found)} tokens came, not {sum(wanted)}")
