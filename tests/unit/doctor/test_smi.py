"""The XML of nvidia-smi, and the matrix of connections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgl.doctor.probes.smi import parse_smi, parse_version
from sgl.doctor.probes.topology import Topology, parse_topology
from tests.doctor.smi import Card, smi_xml, topology


def test_a_gpu_in_full() -> None:
    processes = ((41, "/usr/bin/python3 -m server", 1024), (42, "Xorg", 60))
    card = Card(used=1100, temperature=55, processes=processes, corrected=4, uncorrected=2, pending="Yes")
    report = parse_smi(smi_xml([card], driver="580.95.05", cuda="13.0"))
    (gpu,) = report.gpus
    assert (report.driver, report.cuda) == ("580.95.05", (13, 0))
    assert (gpu.name, gpu.memory_bytes, gpu.used_bytes) == ("NVIDIA H100 80GB HBM3", 81559 * 2**20, 1100 * 2**20)
    assert [(process.pid, process.memory_bytes) for process in gpu.processes] == [(41, 2**30), (42, 60 * 2**20)]
    assert (gpu.corrected_errors, gpu.uncorrected_errors, gpu.remap_pending) == (4, 2, True)
    assert (gpu.temperature, gpu.persistence, gpu.display, gpu.mig) == (55, True, False, False)


def test_what_a_gpu_does_not_have() -> None:
    (gpu,) = parse_smi(smi_xml([Card(ecc=False, persistence="N/A", mig="N/A")])).gpus
    assert (gpu.corrected_errors, gpu.uncorrected_errors, gpu.persistence, gpu.mig) == (0, 0, None, False)


@pytest.mark.parametrize("old_names", [False, True])
@pytest.mark.parametrize(
    ("active", "reasons"),
    [
        (("gpu_idle",), ()),
        (("sw_power_cap",), ()),
        (("hw_slowdown", "hw_thermal_slowdown"), ("too hot (hardware limit)",)),
        (("hw_slowdown",), ("the hardware asked for it",)),
        (("sw_thermal_slowdown", "sw_power_cap"), ("too hot",)),
    ],
)
def test_reasons_for_low_clocks(active: tuple[str, ...], reasons: tuple[str, ...], old_names: bool) -> None:
    (gpu,) = parse_smi(smi_xml([Card(active=active, old_names=old_names)])).gpus
    assert gpu.throttling == reasons


def test_slices() -> None:
    (gpu,) = parse_smi(smi_xml([Card(mig="Enabled", slices=(20096, 9728))])).gpus
    assert gpu.mig
    assert [each.memory_bytes // 2**20 for each in gpu.slices] == [20096, 9728]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("<nvidia_smi_log>", "cannot be read"),
        ("<html></html>", "is a html"),
        ('<!DOCTYPE a [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><nvidia_smi_log>&b;</nvidia_smi_log>', "entities"),
    ],
)
def test_other_text_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_smi(text)


@given(st.text())
def test_any_text_is_refused_or_read(text: str) -> None:
    try:
        parse_smi(text)
    except ValueError:
        return
    assert text.strip().startswith("<")


@pytest.mark.parametrize(("text", "version"), [("12.8", (12, 8)), ("9", (9, 0)), ("", None), ("N/A", None)])
def test_versions(text: str, version: tuple[int, int] | None) -> None:
    assert parse_version(text) == version


def test_the_matrix_of_connections() -> None:
    matrix = parse_topology(topology(3, "NV18"))
    assert matrix is not None
    assert matrix.links == {(a, b): "NV18" for a in range(3) for b in range(3) if a != b}


def test_the_slowest_connection_counts() -> None:
    matrix = Topology(links={(0, 1): "NV18", (0, 2): "SYS", (1, 2): "NV4"})
    assert matrix.slowest((0, 1)) == (0, 1, "NV18")
    assert matrix.slowest((0, 1, 2)) == (0, 2, "SYS")
    assert Topology(links={(0, 1): "NV18", (1, 2): "NV4", (0, 2): "NV18"}).slowest((0, 1, 2)) == (1, 2, "NV4")
    assert matrix.slowest((0,)) is None


@given(st.text())
def test_any_text_is_a_matrix_or_none(text: str) -> None:
    matrix = parse_topology(text)
    assert matrix is None or isinstance(matrix, Topology)
