"""Where to compute, with whose attention and with which graphs: every auto has its reason, every refusal its line."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import pytest

from sgl.config.engine import EngineConfig, ResolvedConfig
from sgl.config.graphs import capture_sizes
from sgl.config.latent import LatentConfig
from sgl.config.model import ModelConfig
from sgl.config.resolve import resolve
from sgl.errors import UsageError
from sgl.gpu import NO_GPU, Accelerator, GpuInfo, Package
from tests.unit.config.test_resolve import device, model, reason

GIB: Final = 2**30
H200: Final = GpuInfo(
    name="NVIDIA H200", memory_bytes=140 * GIB, available_bytes=139 * GIB, capability=90, multiprocessors=132
)
TRITON: Final = Package("3.6.0")
FLASHINFER: Final = Package("0.6.6")
NONE: Final = Package()
LATENT: Final = LatentConfig(q_rank=None, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)
HEADS_OF_128: Final = replace(model(), head_dim=128)


def with_gpu(gpu: GpuInfo = H200, flashinfer: Package = NONE) -> Accelerator:
    return Accelerator(gpu=gpu, problem="", remedy="", triton=TRITON, flashinfer=flashinfer)


def decide(accelerator: Accelerator, of: ModelConfig = HEADS_OF_128, **options: Any) -> ResolvedConfig:
    return resolve(EngineConfig(model_path="m", **options), of, device(), accelerator)


def refusal(accelerator: Accelerator, of: ModelConfig = HEADS_OF_128, **options: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        decide(accelerator, of, **options)
    assert "\n" not in caught.value.message + (caught.value.hint or "")
    return caught.value


def test_a_gpu_that_can_be_used_is_taken() -> None:
    resolved = decide(with_gpu())
    assert (resolved.device, resolved.capability, resolved.multiprocessors) == ("cuda", 90, 132)
    assert reason(resolved, "device").endswith("because it can be used: NVIDIA H200, sm_90, with FP8 in hardware")
    assert (resolved.dtype, resolved.page_size, resolved.threads) == ("bfloat16", 16, 1)
    assert (resolved.max_running_requests, resolved.cuda_graph_max_bs) == (256, 256)
    assert (resolved.chunked_prefill_size, resolved.mem_fraction_static) == (8192, 0.88)


def test_a_small_gpu_takes_smaller_steps() -> None:
    small = replace(H200, memory_bytes=24 * GIB, capability=86)
    assert decide(with_gpu(small)).chunked_prefill_size == 2048
    assert "without FP8 in hardware" in reason(decide(with_gpu(small)), "device")


def test_a_gpu_that_cannot_be_used_leaves_the_cpu_and_says_why() -> None:
    broken = replace(with_gpu(), problem="CUDA does not start: no driver", remedy="look at it")
    resolved = decide(broken)
    assert (resolved.device, resolved.capability, resolved.attention_backend) == ("cpu", 0, "torch")
    assert reason(resolved, "device") == "device: cpu, because CUDA does not start: no driver"
    error = refusal(broken, device="cuda")
    assert (error.message, error.hint) == ("--device cuda: CUDA does not start: no driver", "look at it")
    assert error.exit_code == 2


def test_the_cpu_can_be_asked_for() -> None:
    resolved = decide(with_gpu(), device="cpu")
    assert (resolved.device, resolved.cuda_graph_max_bs, resolved.max_running_requests) == ("cpu", 0, 64)
    assert not [text for text in resolved.reasons if text.startswith("device: ")]


def test_attention_is_ours_where_our_kernels_take_the_model() -> None:
    model = replace(HEADS_OF_128, head_dim=80)
    for accelerator in (with_gpu(), with_gpu(flashinfer=FLASHINFER)):
        resolved = decide(accelerator, model)
        assert (resolved.attention_backend, resolved.cuda_graph_max_bs) == ("triton", 256)
        assert reason(resolved, "attention_backend").endswith("our kernels take this model")


@pytest.mark.parametrize("changes", [{}, {"latent": LATENT}])
def test_another_backend_that_could_be_asked_for_is_named(changes: dict[str, Any]) -> None:
    resolved = decide(with_gpu(flashinfer=FLASHINFER), replace(HEADS_OF_128, **changes))
    assert resolved.attention_backend == "triton"
    assert "FlashInfer 0.6.6, which takes it as well" in reason(resolved, "attention_backend")


def test_what_no_kernel_takes_is_left_to_torch() -> None:
    resolved = decide(with_gpu(flashinfer=FLASHINFER), replace(HEADS_OF_128, head_dim=512))
    assert (resolved.attention_backend, resolved.cuda_graph_max_bs) == ("torch", 0)
    assert "no kernel here takes heads of 512 elements" in reason(resolved, "attention_backend")


@pytest.mark.parametrize(
    ("changes", "options", "why"),
    [
        ({"head_dim": 80}, {}, "heads of 80 elements"),
        ({"sinks": True}, {}, "attention sinks"),
        ({"latent": replace(LATENT, kv_rank=256)}, {}, "latent attention of 256 + 64 elements"),
        ({"attention_softcap": 50.0, "windows": (None, 4096)}, {}, "a soft cap together with sliding"),
        ({"checkpoint_dtype": "float32"}, {}, "float32"),
        ({}, {"kv_cache_dtype": "int8"}, "a KV cache in int8"),
        ({}, {"deterministic": True}, "--deterministic"),
    ],
)
def test_what_flashinfer_does_not_take_is_refused(changes: dict[str, Any], options: dict[str, Any], why: str) -> None:
    model = replace(HEADS_OF_128, **changes)
    error = refusal(with_gpu(flashinfer=FLASHINFER), model, attention_backend="flashinfer", **options)
    assert error.message.startswith("--attention-backend flashinfer does not take ")
    assert why in error.message


@pytest.mark.parametrize(
    ("accelerator", "changes", "options", "message"),
    [
        (NO_GPU, {}, {"attention_backend": "triton"}, "--attention-backend triton needs a GPU"),
        (NO_GPU, {}, {"attention_backend": "flashinfer"}, "--attention-backend flashinfer needs a GPU"),
        (with_gpu(), {}, {"attention_backend": "flashinfer"}, "--attention-backend flashinfer: it is not installed"),
        (
            with_gpu(flashinfer=FLASHINFER),
            {"sinks": True},
            {"attention_backend": "flashinfer"},
            "--attention-backend flashinfer does not take attention sinks",
        ),
        (with_gpu(), {"head_dim": 512}, {"attention_backend": "triton"}, "does not take heads of 512 elements"),
        (NO_GPU, {}, {"cuda_graph_max_bs": 8}, "--cuda-graph-max-bs 8 needs a GPU"),
        (
            with_gpu(),
            {},
            {"cuda_graph_max_bs": 8, "attention_backend": "torch"},
            "--attention-backend torch cannot be captured",
        ),
    ],
)
def test_what_cannot_be_had(
    accelerator: Accelerator, changes: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    assert message in refusal(accelerator, replace(HEADS_OF_128, **changes), **options).message


def test_triton_on_a_cpu_is_for_tests_and_says_so() -> None:
    interpreted = Accelerator(triton=TRITON, interpreted=True)
    resolved = decide(interpreted, attention_backend="triton")
    assert (resolved.device, resolved.attention_backend) == ("cpu", "triton")
    assert "which is for tests" in reason(resolved, "attention_backend")
    assert decide(interpreted).attention_backend == "torch"
    error = refusal(Accelerator(interpreted=True), attention_backend="triton")
    assert error.message == "--attention-backend triton: it is not installed"


def test_graphs() -> None:
    assert decide(with_gpu(), max_running_requests=40).cuda_graph_max_bs == 40
    assert decide(with_gpu(), max_running_requests=999).cuda_graph_max_bs == 256
    assert decide(with_gpu(), cuda_graph_max_bs=0).cuda_graph_max_bs == 0
    assert decide(with_gpu(), cuda_graph_max_bs=512).cuda_graph_max_bs == 256
    off = decide(with_gpu(), cuda_graphs=False)
    assert off.cuda_graph_max_bs == 0
    assert reason(off, "cuda_graph_max_bs").endswith("--disable-cuda-graph turns them off")
    assert not [text for text in decide(with_gpu(), cuda_graph_max_bs=8).reasons if "cuda_graph" in text]


def test_captured_sizes_have_no_hole() -> None:
    assert capture_sizes(0) == ()
    assert capture_sizes(1) == (1,)
    assert capture_sizes(5) == (1, 2, 3, 4, 5)
    assert capture_sizes(37) == (*range(1, 9), 16, 24, 32, 37)
    for largest in range(1, 300):
        sizes = capture_sizes(largest)
        assert sizes[-1] == largest
        assert list(sizes) == sorted(set(sizes))
        assert all(after - before <= 8 for before, after in pairwise(sizes))


@pytest.mark.parametrize(("capability", "told"), [(80, True), (89, False), (90, False), (0, False)])
def test_fp8_without_hardware_is_told(capability: int, told: bool) -> None:
    config = {"quant_method": "fp8", "activation_scheme": "dynamic"}
    quantised = model(quantization_config=config, hidden_size=256, intermediate_size=512, num_hidden_layers=1)
    resolved = decide(with_gpu(replace(H200, capability=capability)), quantised)
    assert ("does not multiply FP8: weights stay so in memory" in reason(resolved, "quantization")) is told
    assert "expanded to" in reason(decide(NO_GPU, quantised), "quantization")
