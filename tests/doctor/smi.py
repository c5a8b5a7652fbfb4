"""Answers of nvidia-smi, written after the elements that NVIDIA documents, with what a test varies as arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_HEAD: Final = '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n'
_REASONS: Final = (
    *("gpu_idle", "applications_clocks_setting", "sw_power_cap", "hw_slowdown", "hw_thermal_slowdown"),
    *("hw_power_brake_slowdown", "sync_boost", "sw_thermal_slowdown", "display_clocks_setting"),
)


@dataclass(frozen=True, kw_only=True)
class Card:
    """One GPU of a recording; sizes in MiB, processes as (pid, name, MiB)."""

    name: str = "NVIDIA H100 80GB HBM3"
    capability: str = "9.0"
    total: int = 81559
    used: int = 4
    persistence: str = "Enabled"
    display: str = "Disabled"
    temperature: int = 34
    active: tuple[str, ...] = ("gpu_idle",)
    mig: str = "Disabled"
    slices: tuple[int, ...] = ()
    uncorrected: int = 0
    corrected: int = 0
    pending: str = "No"
    ecc: bool = True
    processes: tuple[tuple[int, str, int], ...] = ()
    old_names: bool = False


def smi_xml(cards: Sequence[Card], driver: str = "580.95.05", cuda: str = "13.0") -> str:
    """What ``nvidia-smi -q -x`` prints."""
    lines = [
        "<nvidia_smi_log>",
        "\t<timestamp>Wed Nov 25 10:15:42 2026</timestamp>",
        f"\t<driver_version>{driver}</driver_version>",
        f"\t<cuda_version>{cuda}</cuda_version>",
        f"\t<attached_gpus>{len(cards)}</attached_gpus>",
    ]
    for index, card in enumerate(cards):
        lines += _card(index, card)
    return _HEAD + "\n".join([*lines, "</nvidia_smi_log>"]) + "\n"


def capabilities(cards: Sequence[Card]) -> str:
    """What ``nvidia-smi --query-gpu=index,compute_cap --format=csv,noheader`` prints."""
    return "".join(f"{index}, {card.capability}\n" for index, card in enumerate(cards))


def topology(count: int, link: str) -> str:
    """What ``nvidia-smi topo -m`` prints for GPUs that are all connected in the same way, with one network card."""
    names = [f"GPU{index}" for index in range(count)]
    head = "\t".join(f"\x1b[4m{name}" for name in [*names, "NIC0", "CPU Affinity", "NUMA Affinity", "GPU NUMA ID"])
    rows = [f"\t{head}\x1b[0m"]
    for index, name in enumerate(names):
        cells = [" X " if other == index else link for other in range(count)]
        rows.append("\t".join([name, *cells, "PXB", "0-63", "0", "N/A"]))
    rows.append("\t".join(["NIC0", *["PXB"] * count, " X ", "", "", ""]))
    legend = "Legend:\n\n  X    = Self\n  SYS  = Connection traversing PCIe as well as the SMP interconnect\n"
    return "\n".join(rows) + "\n\n" + legend + "\nNIC Legend:\n\n  NIC0: mlx5_0\n"


def _card(index: int, card: Card) -> list[str]:
    kind = "throttle" if card.old_names else "event"
    count = str(card.uncorrected) if card.ecc else "N/A"
    corrected = str(card.corrected) if card.ecc else "N/A"
    reasons = [
        f"\t\t\t<clocks_{kind}_reason_{reason}>{'Active' if reason in card.active else 'Not Active'}"
        f"</clocks_{kind}_reason_{reason}>"
        for reason in _REASONS
    ]
    return [
        f'\t<gpu id="00000000:{0x19 + 16 * index:02X}:00.0">',
        f"\t\t<product_name>{card.name}</product_name>",
        "\t\t<product_brand>NVIDIA</product_brand>",
        f"\t\t<display_active>{card.display}</display_active>",
        f"\t\t<persistence_mode>{card.persistence}</persistence_mode>",
        f"\t\t<mig_mode>\n\t\t\t<current_mig>{card.mig}</current_mig>\n\t\t\t<pending_mig>{card.mig}</pending_mig>",
        "\t\t</mig_mode>",
        *_slices(card),
        f"\t\t<uuid>GPU-{index:08x}-5b1e-4c2a-9d3f-0123456789ab</uuid>",
        f"\t\t<minor_number>{index}</minor_number>",
        f"\t\t<clocks_{kind}_reasons>",
        *reasons,
        f"\t\t</clocks_{kind}_reasons>",
        "\t\t<fb_memory_usage>",
        f"\t\t\t<total>{card.total} MiB</total>\n\t\t\t<reserved>551 MiB</reserved>",
        f"\t\t\t<used>{card.used} MiB</used>\n\t\t\t<free>{card.total - card.used - 551} MiB</free>",
        "\t\t</fb_memory_usage>",
        "\t\t<ecc_errors>\n\t\t\t<volatile>",
        f"\t\t\t\t<sram_correctable>{corrected}</sram_correctable>",
        f"\t\t\t\t<sram_uncorrectable_parity>{'0' if card.ecc else 'N/A'}</sram_uncorrectable_parity>",
        f"\t\t\t\t<sram_uncorrectable_secded>{'0' if card.ecc else 'N/A'}</sram_uncorrectable_secded>",
        f"\t\t\t\t<dram_correctable>{'0' if card.ecc else 'N/A'}</dram_correctable>",
        f"\t\t\t\t<dram_uncorrectable>{count}</dram_uncorrectable>",
        "\t\t\t</volatile>\n\t\t</ecc_errors>",
        "\t\t<remapped_rows>\n\t\t\t<remapped_row_corr>0</remapped_row_corr>",
        f"\t\t\t<remapped_row_unc>{1 if card.pending == 'Yes' else 0}</remapped_row_unc>",
        f"\t\t\t<remapped_row_pending>{card.pending}</remapped_row_pending>",
        "\t\t\t<remapped_row_failure>No</remapped_row_failure>\n\t\t</remapped_rows>",
        f"\t\t<temperature>\n\t\t\t<gpu_temp>{card.temperature} C</gpu_temp>\n\t\t</temperature>",
        *_processes(card),
        "\t</gpu>",
    ]


def _slices(card: Card) -> list[str]:
    if not card.slices:
        return ["\t\t<mig_devices>\n\t\t\tNone\n\t\t</mig_devices>"]
    lines = ["\t\t<mig_devices>"]
    for index, total in enumerate(card.slices):
        lines += [
            f"\t\t\t<mig_device>\n\t\t\t\t<index>{index}</index>",
            f"\t\t\t\t<gpu_instance_id>{index + 1}</gpu_instance_id>",
            f"\t\t\t\t<fb_memory_usage>\n\t\t\t\t\t<total>{total} MiB</total>\n\t\t\t\t</fb_memory_usage>",
            "\t\t\t</mig_device>",
        ]
    return [*lines, "\t\t</mig_devices>"]


def _processes(card: Card) -> list[str]:
    if not card.processes:
        return ["\t\t<processes>\n\t\t</processes>"]
    lines = ["\t\t<processes>"]
    for pid, name, used in card.processes:
        lines += [
            "\t\t\t<process_info>\n\t\t\t\t<gpu_instance_id>N/A</gpu_instance_id>",
            f"\t\t\t\t<pid>{pid}</pid>\n\t\t\t\t<type>C</type>\n\t\t\t\t<process_name>{name}</process_name>",
            f"\t\t\t\t<used_memory>{used} MiB</used_memory>\n\t\t\t</process_info>",
        ]
    return [*lines, "\t\t</processes>"]
