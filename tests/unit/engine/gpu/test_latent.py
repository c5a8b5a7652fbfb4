"""DeepSeek on the engine for GPUs, its kernels interpreted: expanded or absorbed, it says what the CPU's says."""

from __future__ import annotations

from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest

from sgl.attention import triton_latent
from sgl.attention.latent_parts import Part, cut_parts
from sgl.config.latent_room import LatentRoom
from sgl.engine.gpu import attention
from sgl.protocol.messages import LogprobRequest
from tests.harness import Answer, LocalEngine, generate
from tests.zoo.deepseek import YARN, v2, v3
from tests.zoo.families import make_checkpoint
from tests.zoo.family import Family

pytestmark = pytest.mark.usefixtures("unwarmed")

PROMPT: Final = tuple(range(20, 50))
FAMILIES: Final = (
    Family("v3", v3(num_hidden_layers=2, first_k_dense_replace=2, rope_parameters=YARN)),
    Family("v2", v2(num_hidden_layers=1, q_lora_rank=None)),
)
"""Without experts, which `test_families` has."""
GPU: Final[dict[str, Any]] = {"attention_backend": "triton", "cuda_graph_max_bs": 0}
WAYS: Final = ("expanded", "head by head", "absorbed")


def served(folder: Path, **options: Any) -> list[Answer]:
    """A prompt in chunks; then one that begins with it, beside another and while a third is answered."""
    few = {"max_total_tokens": 192, "page_size": 4, "chunked_prefill_size": 22, "max_running_requests": 3}
    engine = LocalEngine.load(folder, **{"dtype": "float32", **few, **options})
    wanted: dict[str, Any] = {"ignore_eos": True, "logprobs": LogprobRequest(output=True)}
    engine.submit(generate(1, PROMPT, max_new_tokens=1, **wanted), generate(2, [7, 90], max_new_tokens=4, **wanted))
    engine.step()
    engine.step()
    engine.submit(
        generate(3, [*PROMPT[:24], 9], max_new_tokens=1, **wanted),
        generate(4, [*PROMPT[:8], *range(100, 116)], max_new_tokens=1, **wanted),
    )
    return list(engine.finish().values())


def ways(parts: list[list[Part]]) -> set[str]:
    """What was computed of each step: without a prefix, behind one, or absorbed."""
    kinds = chain.from_iterable(parts)
    return {"absorbed" if not part.expanded else "behind" if part.context > part.count else "new" for part in kinds}


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Answer]]:
    """A model, and what the engine for CPUs says."""
    folder = tmp_path_factory.mktemp(request.param.name)
    make_checkpoint(request.param, folder)
    return folder, served(folder)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_says_what_the_cpu_says(
    told: tuple[Path, list[Answer]], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, wanted = told
    cut: list[list[Part]] = []

    def watched(*given: Any, **named: Any) -> list[Part]:
        cut.append(cut_parts(*given, **named))
        return cut[-1]

    monkeypatch.setattr(triton_latent, "cut_parts", watched)
    if way == "head by head":
        monkeypatch.setattr(attention, "LatentRoom", partial(LatentRoom, most=1, gathered=7))
    if way == "absorbed":
        monkeypatch.setattr(LatentRoom, "expands", lambda *_: False)
    got = served(folder, **GPU)
    assert ways(cut) == {"absorbed"} if way == "absorbed" else {"new", "behind", "absorbed"}
    assert [answer.cached_tokens > 0 for answer in got] == [False, False, True, True]
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine.failure is None
        assert mine.tokens == theirs.tokens
        expected = [entry.logprob for entry in theirs.logprobs]
        assert [entry.logprob for entry in mine.logprobs] == pytest.approx(expected, abs=1e-4)
