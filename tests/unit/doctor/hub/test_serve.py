"""``sgl doctor serve`` and models that are not on this machine: headers are asked for, weights are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sgl.config.arguments import read_serve
from sgl.doctor.finding import Finding
from sgl.doctor.machine import Disk
from sgl.doctor.recorded import RecordedMachine
from sgl.doctor.serve import ServeReport, examine_serve
from tests.doctor.parts import ordinary
from tests.fake_hub import FakeHub
from tests.unit.doctor.model.folders import make_folder, write_shards

NAME = "owner/tiny-model"


def examine(environ: dict[str, str], name: str = NAME) -> ServeReport:
    machine = RecordedMachine(replace(ordinary(), environ=environ))
    return examine_serve(read_serve(["-m", name], {}, None), None, machine)


def named(report: ServeReport, title: str) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.title == title]
    return finding


@pytest.mark.parametrize("sharded", [False, True])
def test_a_model_on_the_hub_is_judged_by_its_headers(
    hub: FakeHub, environ: dict[str, str], tmp_path: Path, sharded: bool
) -> None:
    folder = make_folder(tmp_path / "model")
    if sharded:
        write_shards(folder)
    hub.add(NAME, folder)
    report = examine(environ)
    assert {finding.status for finding in report.findings} == {"ok"}
    assert named(report, "found").detail == "on the hub, commit aaaaaaaa; a start would download the weights"
    assert named(report, "tensors").status == "ok"
    assert report.fit.plan is not None
    assert not list(Path(environ["HF_HUB_CACHE"]).rglob("*.safetensors"))
    weights = [path.stat().st_size for path in folder.glob("*.safetensors")]
    sent = sum(request.sent for request in hub.requests if request.path.endswith(".safetensors"))
    assert sent < sum(weights)


def test_a_model_in_the_cache_is_read_there(hub: FakeHub, environ: dict[str, str], tmp_path: Path) -> None:
    snapshot = Path(environ["HF_HUB_CACHE"]) / "models--owner--tiny-model" / "snapshots" / ("b" * 40)
    make_folder(snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("b" * 40)
    report = examine(environ)
    assert named(report, "found").detail == "in the cache, commit bbbbbbbb"
    assert {finding.status for finding in report.findings} == {"ok"}
    assert not hub.requests


def test_a_name_that_is_almost_one_in_the_cache(hub: FakeHub, environ: dict[str, str]) -> None:
    snapshot = Path(environ["HF_HUB_CACHE"]) / "models--owner--tiny-model" / "snapshots" / ("b" * 40)
    make_folder(snapshot)
    for name in ("owner/tinymodel", "tiny-modell"):
        finding = named(examine(environ, name), "found")
        assert finding.status == "error"
        assert finding.remedy == "sgl doctor serve -m owner/tiny-model"


def test_a_repository_that_is_not_there(hub: FakeHub, environ: dict[str, str]) -> None:
    finding = named(examine(environ, "no/body"), "found")
    assert finding.status == "error"
    assert "There is no public repository no/body" in finding.detail
    assert finding.remedy


def test_only_pickled_weights_on_the_hub(hub: FakeHub, environ: dict[str, str], tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    hub.add(NAME, folder)
    finding = named(examine(environ), "weight files")
    assert finding.status == "error"
    assert "pickled weights" in finding.detail


def test_a_damaged_file_on_the_hub(hub: FakeHub, environ: dict[str, str], tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"<html>" * 20000)
    hub.add(NAME, folder)
    finding = named(examine(environ), "weight files")
    assert finding.status == "error"
    assert "does not begin as a safetensors file does" in finding.detail
    assert finding.remedy == f"sgl download {NAME} --verify"


def test_offline(hub: FakeHub, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    finding = named(examine({**environ, "HF_HUB_OFFLINE": "1"}), "found")
    assert finding.status == "error"
    assert not hub.requests


def test_room_for_the_download(hub: FakeHub, environ: dict[str, str], tmp_path: Path) -> None:
    hub.add(NAME, make_folder(tmp_path / "model"))
    arguments = read_serve(["-m", NAME], {}, None)
    for free, status in ((2**30, "ok"), (1000, "error")):
        disks = {environ["HF_HUB_CACHE"]: Disk(total=2**40, free=free)}
        machine = RecordedMachine(replace(ordinary(), environ=environ, disks=disks))
        finding = named(examine_serve(arguments, None, machine), "download")
        assert finding.status == status
        assert finding.detail.startswith("0.3 MiB to download")
