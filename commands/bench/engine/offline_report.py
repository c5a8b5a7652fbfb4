"""An offline run for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.config.sizes import gib
from sgl.log import escape
from sgl.terminal import Terminal

from .offline_prompts import PUBLIC
from .offline_result import OfflineResult

SHOWN: Final = (
    *("dtype", "device", "threads", "page_size", "kv_tokens", "max_running_requests", "chunked_prefill_size"),
    *("schedule_policy", "radix_cache", "deterministic", "speculative"),
)
"""Settings of the engine that a throughput depends on."""


def lines(result: OfflineResult, terminal: Terminal) -> list[str]:
    """The run as lines of text, without colours where there are none."""
    work, run = result.workload, result.run
    scale = "" if work.scale == 1 else f" x {work.scale:g}"
    head = f"offline: {escape(work.name)}{scale} on {escape(result.model)}"
    rows = [
        ("output", f"{result.output_rate:,.1f} tok/s", f"{result.output_tokens:,} tokens"),
        ("total", f"{result.total_rate:,.1f} tok/s", f"{result.input_tokens:,} input, {result.cached_tokens:,} cached"),
        ("requests", f"{result.request_rate:,.2f} req/s", _answers(result)),
        ("time", f"{run.duration:,.2f} s", f"after {result.load_seconds:.1f} s to load"),
    ]
    width = max(len(value) for _, value, _ in rows)
    shown = [terminal.style(head, "bold")]
    shown += [f"  {name:<9} {value:>{width}}  {terminal.style(detail, 'dim')}" for name, value, detail in rows]
    shown.append(f"  {'engine':<9} {escape(_settings(result))}")
    shown.append(f"  {'prompts':<9} {_prompts(result)}")
    shown += [f"  {terminal.mark('warn')} {escape(note)}" for note in _warnings(result)]
    return [terminal.fit(line) for line in shown]


def _answers(result: OfflineResult) -> str:
    parts = [f"{result.answered} of {len(result.run.records)} answered"]
    parts += [f"{result.retractions} retractions"] if result.retractions else []
    return ", ".join(parts)


def _settings(result: OfflineResult) -> str:
    values = [(name, result.engine[name]) for name in SHOWN if name in result.engine]
    parts = [f"{name} {str(value).lower()}" for name, value in values if value is not None]
    return ", ".join([*parts, f"weights {gib(int(result.engine['weight_bytes']))}"])


def _prompts(result: OfflineResult) -> str:
    work = result.workload
    temperature = "each its own temperature" if work.temperature is None else f"temperature {work.temperature:g}"
    eos = "end tokens ignored" if work.ignore_eos else "end tokens end an answer"
    return f"seed {work.seed}, {temperature}, {eos}, sha256 {work.sha256[:12]}"


def _warnings(result: OfflineResult) -> Iterator[str]:
    run, work = result.run, result.workload
    if run.partial:
        yield "the run was cut short: figures are of what was computed until then"
    if work.scale != 1:
        yield f"scaled: every prompt and answer has {work.scale:.0%} of its length; no published figure compares"
    elif not work.published and work.name == PUBLIC:
        yield "not the published workload: its number of prompts, temperature, end tokens or token ids differ"
    yield from work.notes
    yield from result.notes
    failures = [one.failure for one in run.records if one.failure is not None and one.failure.kind != "cut"]
    if failures:
        yield f"{len(failures)} requests failed; the first: {failures[0].message}"
