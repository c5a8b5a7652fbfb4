"""Where to compute, with whose attention, and up to which batch in CUDA graphs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sgl.config.attention import attention_refusals, choose_attention
from sgl.config.devices import AttentionName, DeviceName
from sgl.config.engine import DTypeName, EngineConfig
from sgl.config.graphs import LARGEST
from sgl.config.model import ModelConfig
from sgl.config.reason import Reason
from sgl.errors import UsageError
from sgl.gpu import FIRST_FP8, Accelerator, GpuInfo


class Compute(NamedTuple):
    """What was decided.

    Attributes:
        gpu: Where it is computed; None is the CPU.
        attention: Whose kernels compute attention.
        largest_graph: Largest batch of a CUDA graph; 0 is without graphs.
        reasons: Why, where that was open.
    """

    gpu: GpuInfo | None
    attention: AttentionName
    largest_graph: int
    reasons: tuple[Reason, ...]

    @property
    def device(self) -> DeviceName:
        """The device's name."""
        return "cpu" if self.gpu is None else "cuda"


def choose_gpu(config: EngineConfig, accelerator: Accelerator) -> tuple[GpuInfo | None, str]:
    """The GPU to compute on, None for the CPU, and why. Without a usable one even a wish for it gives the CPU."""
    if config.device == "cpu":
        return None, "--device cpu says so"
    gpu = accelerator.usable
    if gpu is None:
        return None, accelerator.problem
    return gpu, "it was asked for" if config.device == "cuda" else f"it can be used: {describe(gpu)}"


def describe(gpu: GpuInfo) -> str:
    """The GPU in words: ``NVIDIA H200, sm_90, with FP8 in hardware``."""
    if not gpu.capability:
        return gpu.name
    fp8 = "with FP8 in hardware" if gpu.capability >= FIRST_FP8 else "without FP8 in hardware"
    return f"{gpu.name}, sm_{gpu.capability}, {fp8}"


def choose_compute(
    config: EngineConfig, model: ModelConfig, dtype: DTypeName, running: int, accelerator: Accelerator
) -> Compute:
    """Decides what was left open.

    Args:
        dtype: Of activations.
        running: Most requests computed at once.
    """
    gpu, where = choose_gpu(config, accelerator)
    attention, whose = choose_attention(config, model, dtype, gpu, accelerator)
    largest, why = _graphs(config, running, attention, gpu)
    reasons = []
    if config.device is None:
        reasons.append(Reason("device", "cpu" if gpu is None else "cuda", where))
    if config.attention_backend is None or (gpu is None and attention == "triton"):
        reasons.append(Reason("attention_backend", attention, whose))
    if config.cuda_graph_max_bs != largest:
        reasons.append(Reason("cuda_graph_max_bs", largest, why))
    return Compute(gpu, attention, largest, tuple(reasons))


def compute_refusals(
    config: EngineConfig, model: ModelConfig, dtype: DTypeName, accelerator: Accelerator
) -> Iterator[UsageError]:
    """Yields every wish that this machine cannot grant."""
    gpu, why = choose_gpu(config, accelerator)
    if config.device == "cuda" and gpu is None:
        yield UsageError(f"--device cuda: {why}", hint=accelerator.remedy)
        return  # The other wishes may be fine with it.
    yield from attention_refusals(config, model, dtype, gpu, accelerator)
    if not config.cuda_graph_max_bs:
        return
    flag = f"--cuda-graph-max-bs {config.cuda_graph_max_bs}"
    if gpu is None and config.attention_backend != "triton":
        yield UsageError(f"{flag} needs a GPU, and this start computes on the CPU ({why})", hint="leave it out")
    elif config.attention_backend == "torch":
        yield UsageError(
            f"{flag}: --attention-backend torch cannot be captured in a CUDA graph", hint="give one of them"
        )


def _graphs(config: EngineConfig, running: int, attention: AttentionName, gpu: GpuInfo | None) -> tuple[int, str]:
    """The largest batch that is captured, and why."""
    if gpu is None:
        # Where kernels are interpreted, so are graphs, for tests.
        graphs = (config.cuda_graph_max_bs or 0) if attention == "triton" else 0
        return graphs, "a CPU has no CUDA graphs"
    if not config.cuda_graphs:
        return 0, "--disable-cuda-graph turns them off"
    if attention == "torch":
        return 0, "attention by torch cannot be captured"
    if config.cuda_graph_max_bs is None:
        return min(running, LARGEST), f"it is every batch of running requests, up to {LARGEST}"
    return min(running, config.cuda_graph_max_bs), "no more requests run at once"
