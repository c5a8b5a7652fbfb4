"""The peer is asked for what we are asked for, with a stand-in for it: the real one needs a GPU."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from benchmarks.gpu_acceptance import peer, workload
from benchmarks.gpu_acceptance.engines import Bench
from benchmarks.gpu_acceptance.goals import SMALL
from benchmarks.gpu_acceptance.place import Place


@dataclass
class Params:
    temperature: float
    ignore_eos: bool
    max_tokens: int


class StandIn:
    """What is used of ``minisgl.llm.LLM``; like it, it keeps the last token to itself."""

    made: ClassVar[list[StandIn]] = []
    lost = 1

    def __init__(self, path: str, **settings: Any) -> None:
        self.files = sorted(each.name for each in Path(path).iterdir())
        self.settings = settings
        self.asked: list[tuple[list[list[int]], Any]] = []
        self.made.append(self)

    def generate(self, prompts: list[list[int]], params: Any) -> list[dict[str, Any]]:
        self.asked.append((prompts, params))
        each = params if isinstance(params, list) else [params] * len(prompts)
        return [{"text": "", "token_ids": [0] * (one.max_tokens - self.lost)} for one in each]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    package, llm, core = (ModuleType(name) for name in ("minisgl", "minisgl.llm", "minisgl.core"))
    package.__spec__ = ModuleSpec("minisgl", None)
    llm.LLM, core.SamplingParams = StandIn, Params  # type: ignore[attr-defined]
    for module in (package, llm, core):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(StandIn, "made", [])
    return StandIn


def test_it_computes_the_public_workload_with_prompts_it_has_not_seen(stand_in: type[StandIn]) -> None:
    bench = Bench(Place())
    assert peer.installed(bench).status == "ok"
    (figure,) = peer.offline("G6", SMALL)(bench)
    bench.end()
    (engine,) = stand_in.made
    assert engine.files == ["config.json", "tokenizer.json", "tokenizer_config.json"]
    assert engine.settings["use_dummy_weight"] is True
    assert figure.name == "G6 mini-sglang"
    assert len(figure.samples) == 3
    _, *turns = engine.asked
    asked = workload.offline()
    for prompts, params in turns:
        assert [len(each) for each in prompts] == [len(each.ids) for each in asked]
        assert [each.max_tokens for each in params] == [each.output for each in asked]
        assert all(0 <= token < workload.LARGEST_ID for prompt in prompts for token in prompt)
    firsts = [tuple(prompts[0]) for prompts, _ in turns]
    assert len({*firsts, asked[0].ids}) == 4


def test_answers_that_end_early_are_no_figure(stand_in: type[StandIn], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "lost", 2)
    bench = Bench(Place(quick=True))
    with pytest.raises(RuntimeError, match=r"^\d+ tokens came, not 133966$"):
        list(peer.offline("G7", SMALL)(bench))
    bench.end()


def test_it_is_skipped_where_it_is_not(stand_in: type[StandIn]) -> None:
    for bench in (Bench(Place(rehearsal=True)), Bench(Place())):
        if not bench.place.rehearsal:
            del sys.modules["minisgl"]
        assert peer.installed(bench).status == "skip"
        assert list(peer.offline("G6", SMALL)(bench)) == []
        bench.end()
