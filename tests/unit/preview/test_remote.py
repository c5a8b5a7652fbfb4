"""A model that is only on the Hub: planned from its config.json, and not a byte of its weights is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl.config.arguments import read_serve
from sgl.errors import CheckpointError, ModelNotFound, SglError, UnsupportedModel
from sgl.preview.build import Preview, preview
from tests.fake_hub import FakeHub

NAME = "owner/stories"


def look(words: str, environ: dict[str, str]) -> Preview:
    return preview(read_serve(words.split(), {}, None), environ=environ)


def test_it_is_planned_as_from_a_folder(
    hub: FakeHub, environ: dict[str, str], stories260k: Path, tmp_path: Path
) -> None:
    hub.add(NAME, stories260k)
    remote, local = look(f"-m {NAME}", environ), look(f"-m {stories260k}", environ)
    assert remote.problems == ()
    assert remote.model == local.model
    assert remote.plan is not None
    assert local.plan is not None
    assert (remote.plan.weight_bytes, remote.plan.kv_bytes) == (local.plan.weight_bytes, local.plan.kv_bytes)
    size = (stories260k / "model.safetensors").stat().st_size / 2**20
    assert remote.notices == (f"{NAME} is not in the cache: a start downloads it, {size:.1f} MiB",)
    assert not hub.bodies("model.safetensors")
    assert not (tmp_path / "hub").exists()


def test_dummy_weights_are_not_missed(hub: FakeHub, environ: dict[str, str], stories260k: Path) -> None:
    hub.add(NAME, {"config.json": (stories260k / "config.json").read_bytes()})
    shown = look(f"-m {NAME} --load-format dummy", environ)
    assert shown.problems == ()
    assert shown.notices == (f"{NAME} is not in the cache: a start downloads it",)


def test_a_revision_is_asked_for(hub: FakeHub, environ: dict[str, str], stories260k: Path) -> None:
    hub.add(NAME, stories260k, revisions=("main", "v1"))
    assert look(f"-m {NAME} --revision v1", environ).problems == ()
    assert look(f"-m {NAME}@v1", environ).problems == ()
    assert [type(problem) for problem in look(f"-m {NAME}@v2", environ).problems] == [ModelNotFound]


@pytest.mark.parametrize(
    ("files", "problem", "word"),
    [
        ({"README.md": b"x"}, ModelNotFound, "has no config.json"),
        ({"config.json": b"{"}, UnsupportedModel, f"{NAME}/config.json is not valid JSON"),
        ({"config.json": b'{"architectures": ["Strange"]}', "a.safetensors": b"x"}, UnsupportedModel, "Strange"),
        ({"config.json": None, "pytorch_model.bin": b"x"}, CheckpointError, "pickled"),
    ],
)
def test_what_cannot_be_served(
    files: dict[str, bytes | None],
    problem: type[SglError],
    word: str,
    hub: FakeHub,
    environ: dict[str, str],
    stories260k: Path,
) -> None:
    config = (stories260k / "config.json").read_bytes()
    hub.add(NAME, {name: config if content is None else content for name, content in files.items()})
    problems = look(f"-m {NAME}", environ).problems
    assert [type(found) for found in problems] == [problem]
    assert word in problems[0].message


@pytest.mark.parametrize("fault", [{"status": 401}, {"status": 404}, {"status": 500}])
def test_a_hub_that_gives_nothing(fault: dict[str, int], hub: FakeHub, environ: dict[str, str]) -> None:
    hub.add(NAME, {"config.json": b"{}"})
    hub.fail("", **fault)
    problems = look(f"-m {NAME}", environ).problems
    assert len(problems) == 1
    assert NAME in problems[0].message


def test_a_gated_repository_names_its_page(hub: FakeHub, environ: dict[str, str], stories260k: Path) -> None:
    hub.add(NAME, stories260k, gated=True)
    (problem,) = look(f"-m {NAME}", environ).problems
    assert "gated" in problem.message
    assert f"{hub.endpoint}/{NAME}" in (problem.hint or "")
