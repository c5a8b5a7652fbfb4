"""A preview on a terminal: fitted to its width and its characters; and as a document of stable shape."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from sgl.config.arguments import read_serve
from sgl.config.flags import SERVE_FLAGS
from sgl.device import DeviceInfo
from sgl.gpu import Accelerator, GpuInfo, Package
from sgl.preview.build import Preview, preview
from sgl.preview.document import SCHEMA_VERSION, preview_document
from sgl.preview.plan_text import plan_lines
from sgl.preview.text import preview_text
from sgl.terminal import Terminal

DEVICE = DeviceInfo("cpu", 4, 16 * 2**30, 8 * 2**30, frozenset())
GPU = GpuInfo(name="NVIDIA L4", memory_bytes=23 * 2**30, available_bytes=22 * 2**30, capability=89)
WITH_GPU = Accelerator(gpu=GPU, problem="", remedy="", triton=Package("3.6.0"))


def look(words: str = "", device: DeviceInfo = DEVICE, accelerator: Accelerator | None = None) -> Preview:
    arguments = read_serve(words.split(), {}, None)
    environ = {"HF_HUB_OFFLINE": "1"}
    return preview(arguments, device=device, accelerator=accelerator or Accelerator(), environ=environ)


def terminal(encoding: str = "utf-8", **environ: str) -> Terminal:
    return Terminal(io.TextIOWrapper(io.BytesIO(), encoding=encoding), environ)


@pytest.mark.parametrize(
    "words", ["", "--tp 2 --max-model-len 1M", f"-m /{'x' * 30}/{'y' * 90}", "--max-total-tokens 1"]
)
def test_80_columns_and_ascii_where_there_is_nothing_more(words: str) -> None:
    page = preview_text(look(words), terminal("ascii"))
    assert page.isascii()
    too_wide = [line for line in page.splitlines() if len(line) > 80]
    assert not [line for line in too_wide if "y" * 90 not in line]
    assert not [line for line in page.splitlines() if line != line.rstrip()]


def test_groups_and_flags_are_those_of_help() -> None:
    page = preview_text(look(), terminal())
    shown = [line.split()[0] for line in page.splitlines() if line.startswith("  --")]
    assert shown == [flag.name for flag in SERVE_FLAGS if flag.group != "Start"]
    assert "--config" not in page
    assert "  --detach " in preview_text(look("-d"), terminal())


def test_a_reason_stands_below_its_flag() -> None:
    lines = preview_text(look("--port 7"), terminal()).splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("  --page-size "))
    assert lines[place].split() == ["--page-size", "16", "default"]
    assert lines[place + 1] == "      it shares prefixes finely at a small page table"
    assert next(line for line in lines if line.startswith("  --port ")).split() == ["--port", "7", "--port"]


def test_colours_only_where_they_are_wanted() -> None:
    assert "\x1b" not in preview_text(look(), terminal())
    assert "\x1b[32m--port" in preview_text(look("--port 7"), terminal(FORCE_COLOR="1"))


def test_control_characters_do_not_reach_the_terminal() -> None:
    shown = preview(read_serve(["-m", "a\x1b[31mb"], {}, None), device=DEVICE, accelerator=Accelerator(), environ={})
    assert "\x1b" not in preview_text(shown, terminal())


def test_the_bar_has_every_part_in_proportion() -> None:
    plan = look("--mem-fraction-static 0.4 --max-running-requests 1k").plan
    assert plan is not None
    bar = plan_lines(plan, terminal("ascii"))[2].strip()
    assert len(bar) == 72
    assert "".join(dict.fromkeys(bar)) == "WKar."
    assert bar.count("K") == pytest.approx(72 * plan.kv_bytes / DEVICE.available_bytes, abs=3)


def test_a_gpu_has_graphs_beside() -> None:
    plan = look(accelerator=WITH_GPU).plan
    assert plan is not None
    lines = plan_lines(plan, terminal("ascii"))
    assert "".join(dict.fromkeys(lines[2].strip())) == "WKagbr."
    assert lines[0] == "Memory of NVIDIA L4 (22.0 GiB of 23.0 GiB free now):"
    assert any(line.endswith("estimated, of decode steps of up to 256 requests") for line in lines)
    assert any(" buffers " in line and "penalties of the largest step" in line for line in lines)
    without = look("--disable-cuda-graph", accelerator=WITH_GPU).plan
    assert without is not None
    assert without.graph_bytes == 0
    assert not [line for line in plan_lines(without, terminal("ascii")) if "graphs" in line]


def test_the_lines_below_the_bar_have_the_numbers() -> None:
    plan = look("--max-total-tokens 4Ki").plan
    assert plan is not None
    lines = [" ".join(line.split()) for line in plan_lines(plan, terminal("ascii"))]
    assert lines[0] == "Memory of CPU, 4 cores (8.0 GiB of 16.0 GiB free now):"
    assert "K KV cache 12.0 MiB 4096 tokens, 3072 bytes each" in lines
    assert lines[-1] == "longest request 1024 tokens: 4 at once"


@pytest.mark.parametrize("kind", ["int8", "fp8_e4m3", "fp8_e5m2"])
def test_a_narrow_kv_cache_is_named(kind: str) -> None:
    plan = look(f"--max-total-tokens 4Ki --kv-cache-dtype {kind}").plan
    assert plan is not None
    heads = 2 * plan.demand.model.num_layers * plan.demand.model.num_kv_heads
    each = 3072 // 4 + (0 if kind == "fp8_e5m2" else 4 * heads)
    (line,) = [line for line in plan_lines(plan, terminal("ascii")) if "KV cache" in line]
    assert line.endswith(f"4096 tokens, {each} bytes each in {kind}")


def test_fewer_requests_at_longer_contexts() -> None:
    plan = look("--max-model-len 64k --max-total-tokens 128k --kv-cache-dtype int8").plan
    assert plan is not None
    assert plan_lines(plan, terminal())[-1].strip() == "longest request 64000 tokens: 2 at once; 32K: 3; 8K: 15; 2K: 62"


def test_what_is_missing_is_said() -> None:
    plan = look("--max-total-tokens 1G").plan
    assert plan is not None
    assert any("missing" in line and "GiB" in line for line in plan_lines(plan, terminal()))


SHAPE: dict[str, Any] = {
    "schema_version": int,
    "starts": bool,
    "model": {
        "architecture": str,
        "parameters": int,
        "active_parameters": int,
        "max_position": int,
        "checkpoint_dtype": str,
        "quantization": (str, type(None)),
    },
    "settings": {
        flag.key: {"value": (str, int, float, bool, list, type(None)), "origin": str, "reason": (str, type(None))}
        for flag in SERVE_FLAGS
    },
    "memory": {
        "place": str,
        "place_name": str,
        "memory_bytes": int,
        "available_bytes": int,
        "ranks": int,
        "weight_bytes": int,
        "copy_bytes": int,
        "activation_bytes": int,
        "graph_bytes": int,
        "buffer_bytes": int,
        "runtime_bytes": int,
        "kv_bytes": int,
        "free_bytes": int,
        "page_size": int,
        "page_bytes": int,
        "pages": int,
        "kv_tokens": int,
        "max_request_tokens": int,
        "requests_at": {"1024": int},
        "fits": bool,
        "shortage": type(None),
    },
    "notices": list,
    "problems": list,
}


def check(document: object, shape: object) -> None:
    if isinstance(shape, dict):
        assert isinstance(document, dict)
        assert document.keys() == shape.keys()
        for key, value in document.items():
            check(value, shape[key])
    else:
        assert isinstance(document, shape)  # type: ignore[arg-type]


def test_the_document_has_its_shape() -> None:
    document = json.loads(json.dumps(preview_document(look())))
    assert document["schema_version"] == SCHEMA_VERSION == 1
    assert document["starts"] is True
    check(document, SHAPE)


def test_the_document_of_a_start_that_fails() -> None:
    document = preview_document(look("--tp 2 --max-total-tokens 1G"))
    assert document["starts"] is False
    assert document["problems"][0] == {
        "message": "--tp 2 is not in this version: a model runs on one device",
        "hint": "leave it out",
        "exit_code": 2,
    }
    assert document["memory"]["fits"] is False
    assert document["memory"]["shortage"]["hint"].startswith("use --max-total-tokens ")
    assert document["settings"]["tp"] == {"value": 2, "origin": "--tp", "reason": None}


def test_the_document_without_a_model() -> None:
    document = preview_document(look("-m no/such"))
    assert (document["model"], document["memory"], document["starts"]) == (None, None, False)


def test_a_sliding_window_is_named_because_it_saves_no_memory_yet() -> None:
    plan = look().plan
    assert plan is not None
    assert not [line for line in plan_lines(plan, terminal()) if "layers see" in line]
    sliding = replace(plan.demand.model, windows=(None, 256, None, 256, None, 256))
    lines = plan_lines(replace(plan, demand=replace(plan.demand, model=sliding)), terminal())
    assert " ".join(line.strip() for line in lines[-2:]).endswith(
        "3 of 6 layers see the last 256 tokens only; this version keeps their whole context."
    )
