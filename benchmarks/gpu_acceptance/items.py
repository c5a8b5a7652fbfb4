"""Everything that is checked and measured, in the order of a run: what is wrong is known before anything is timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.gpu_acceptance import attention_checks as attention
from benchmarks.gpu_acceptance import engine_checks as engine
from benchmarks.gpu_acceptance import engine_figures as speed
from benchmarks.gpu_acceptance import fixed_checks as fixed
from benchmarks.gpu_acceptance import kernel_figures as kernels
from benchmarks.gpu_acceptance import latent_figures as latents
from benchmarks.gpu_acceptance import layer_checks as layers
from benchmarks.gpu_acceptance import merge_checks as merges
from benchmarks.gpu_acceptance import peer
from benchmarks.gpu_acceptance import product_checks as products
from benchmarks.gpu_acceptance.engines import Bench
from benchmarks.gpu_acceptance.goals import LARGE, LLAMA, SMALL, peer_name
from benchmarks.gpu_acceptance.place import Place
from benchmarks.gpu_acceptance.rows import Figure
from sgl.selftest.case import Measured
from sgl.selftest.gpu import GPU_CASES, GpuCase

Check = Callable[[Bench], Measured]
Measure = Callable[[Bench], Iterator[Figure]]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the command.

    Attributes:
        name: What ``--only`` looks for.
        group: Items of one group run in one process, one behind the other.
        seconds: After which it is taken for hanging. The first one of a kernel compiles it.
        check: What must hold, or None.
        measure: What is measured, or None.
    """

    name: str
    group: str
    seconds: float
    check: Check | None = None
    measure: Measure | None = None


def _kernel(name: str, check: Callable[[Place], Measured]) -> Item:
    return Item(f"kernel, {name}", "kernels", 300, check=lambda bench: check(bench.place))


def _selftest(case: GpuCase) -> Item:
    return _kernel(f"selftest {case.name}", lambda place: case.run(place.device))


def _engine(name: str, check: Check) -> Item:
    return Item(f"engine, {name}", f"engine, {name}", 600, check=check)


def _measured(name: str, group: str, measure: Measure, seconds: float = 600) -> Item:
    return Item(name, group, seconds, measure=measure)


def _peer(goal: str, model: str) -> Item:
    name = peer_name(goal)
    return Item(name, name, 900, check=peer.installed, measure=peer.offline(goal, model))


def _alone(measure: Callable[[Place], Iterator[Figure]]) -> Measure:
    return lambda bench: measure(bench.place)


CHECKS: Final = (
    *map(_selftest, GPU_CASES),
    _kernel("norms", layers.norms),
    _kernel("heads", layers.heads(None)),
    _kernel("heads, int8", layers.heads("int8")),
    _kernel("heads, fp8", layers.heads("fp8_e4m3")),
    *(_kernel(f"decode attention, {form}", attention.decode(form)) for form in attention.FORMS),
    _kernel("decode attention, repeated", merges.repeated),
    *(_kernel(f"prompt attention, {form}", attention.extend(form)) for form in attention.FORMS),
    *(_kernel(f"fixed attention, {form}", fixed.fixed(form)) for form in attention.FORMS),
    _kernel("latent attention", attention.latent),
    _kernel("latent attention, fixed", fixed.fixed_latent),
    _kernel("latent attention, expanded", attention.latent_expanded),
    _kernel("merge", attention.merged),
    _kernel("few rows", products.few_rows),
    _kernel("few rows, activated", products.activated),
    _kernel("int4", products.int4),
    _kernel("int8", products.int8),
    _kernel("fp8", products.fp8),
    _kernel("experts", products.experts),
    _kernel("sampling", layers.drawn),
    _engine("CPU", engine.cpu),
    _engine("torch attention", engine.torch_attention),
    _engine("FlashInfer", engine.flashinfer),
    _engine("FP8 cache", engine.eight_bits),
    _engine("CUDA graphs", engine.graphs),
    _engine("overlap", engine.overlap),
    _engine("deterministic", engine.deterministic),
    _engine("repeated", engine.repeated),
    _engine("no wait", engine.no_wait),
    _engine("too large", engine.too_large),
    _engine("out of memory", engine.runs_out),
)

MEASURES: Final = (
    _measured("ceilings", "machine", _alone(kernels.ceilings), 120),
    _measured("G11", "machine", _alone(kernels.attention), 300),
    _measured("G12", "machine", _alone(kernels.int4), 300),
    _measured("latent prompts", "machine", _alone(latents.latent), 300),
    _measured("G1", "8b", speed.single("G1", LLAMA)),
    _measured("G5", "8b", speed.batched),
    _measured("G9", "8b", speed.first_tokens),
    _measured("G10", "8b", speed.idle),
    _measured("G2", "8b fp8", speed.single("G2", LLAMA, "fp8")),
    _measured("G3", "8b int4", speed.single("G3", LLAMA, "int4")),
    _measured("G4", "0.6b", speed.single("G4", SMALL)),
    _measured("G6", "0.6b", speed.offline("G6", SMALL)),
    _peer("G6", SMALL),
    _measured("G7", "14b", speed.offline("G7", LARGE), 900),
    _peer("G7", LARGE),
)

ITEMS: Final = (*CHECKS, *MEASURES)


def chosen(words: list[str]) -> tuple[Item, ...]:
    """Items that are called one of the words or begin with it; all without words."""
    if not words:
        return ITEMS
    lowered = [word.lower() for word in words]
    return tuple(item for item in ITEMS if any(_fits(item.name.lower(), word) for word in lowered))


def _fits(name: str, word: str) -> bool:
    """``G1`` is not ``G10``."""
    return name == word or name.startswith((f"{word},", f"{word} ")) or f", {word}" in name
