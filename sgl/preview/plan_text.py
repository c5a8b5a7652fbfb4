"""A memory plan for people: a stacked bar, and what fits."""

from __future__ import annotations

from typing import Final, NamedTuple

from sgl.config.help import fill
from sgl.config.sizes import gib
from sgl.plan.kv import kv_layers, sliding_note
from sgl.plan.memory import MemoryPlan
from sgl.preview.document import contexts_of
from sgl.terminal import Style, Terminal

_WIDEST_BAR: Final = 72


class _Part(NamedTuple):
    """One piece of the bar: its name, bytes, a character for it (Unicode and ASCII) and its colour."""

    name: str
    size: int
    glyphs: tuple[str, str]
    style: Style


def plan_lines(plan: MemoryPlan, terminal: Terminal) -> list[str]:
    """Lines of at most ``terminal.columns`` columns, where that is not less than 40."""
    place = plan.demand.place
    each = f"each of {plan.demand.tp} ranks, " if plan.demand.tp > 1 else ""
    memory = gib(place.memory_bytes)
    if place.available_bytes != place.memory_bytes:
        memory = f"{gib(place.available_bytes)} of {memory} free now"
    lines = [terminal.style(f"Memory of {each}{place.name} ({memory}):", "bold")]
    parts = _parts(plan)
    width = max(20, min(terminal.columns - 4, _WIDEST_BAR))
    glyph = 0 if terminal.unicode else 1
    shares = _shares([part.size for part in parts], width)
    bar = "".join(
        terminal.style(part.glyphs[glyph] * share, part.style) for part, share in zip(parts, shares, strict=True)
    )
    lines += ["", f"  {bar}", "", *_legend(plan, parts, terminal, glyph), ""]
    lines.append(f"  {_requests(plan)}")
    note = sliding_note(kv_layers(plan.demand.model))
    return lines if note is None else [*lines, *fill(note, "  ", max(40, terminal.columns))]


def _parts(plan: MemoryPlan) -> list[_Part]:
    parts = [
        _Part("weights", plan.weight_bytes + plan.copy_bytes, ("█", "W"), "blue"),
        _Part("KV cache", plan.kv_bytes, ("▓", "K"), "cyan"),
        _Part("activations", plan.activation_bytes, ("▒", "a"), "yellow"),
        _Part("graphs", plan.graph_bytes, ("▞", "g"), "yellow"),
        _Part("buffers", plan.buffer_bytes, ("▤", "b"), "yellow"),
        _Part("runtime", plan.runtime_bytes, ("▚", "r"), "yellow"),
        _Part("free", max(plan.free_bytes, 0), ("░", "."), "dim"),
    ]
    return [part for part in parts if part.size > 0]


def _legend(plan: MemoryPlan, parts: list[_Part], terminal: Terminal, glyph: int) -> list[str]:
    notes = {
        "KV cache": f"{plan.kv_tokens} tokens, {plan.page_bytes // plan.demand.page_size} bytes each{_kv_type(plan)}",
        "activations": "estimated, of one step",
        "graphs": f"estimated, of decode steps of up to {plan.demand.largest_graph} requests",
        "buffers": "inputs, logits and penalties of the largest step",
        "runtime": "estimated, of Python and its libraries"
        if plan.demand.place.kind == "cpu"
        else "estimated, of CUDA and fragments",
    }
    weights = [str(plan.demand.model.quantization)] if plan.demand.model.quantization is not None else []
    if plan.copy_bytes:
        weights.append(f"{gib(plan.copy_bytes)} of it for packing")
    notes["weights"] = "; ".join(weights)
    lines = []
    for part in parts:
        mark = terminal.style(part.glyphs[glyph], part.style)
        lines.append(f"  {mark} {part.name:<12} {gib(part.size):>9}  {notes.get(part.name, '')}".rstrip())
    if plan.free_bytes < 0:
        missing = f"  {terminal.mark('error')} {'missing':<12} {gib(-plan.free_bytes):>9}"
        lines.append(missing)
    return lines


def _kv_type(plan: MemoryPlan) -> str:
    return "" if plan.demand.kv_dtype is None else f" in {plan.demand.kv_dtype}"


def _requests(plan: MemoryPlan) -> str:
    """How many requests at which context, up to the context at which all of them fit."""
    contexts = contexts_of(plan)
    if not contexts:
        return "no request fits"
    counts = [(context, plan.requests_at(context)) for context in contexts]
    all_fit = [count for _, count in counts].index(max(count for _, count in counts))
    first, *others = counts[: all_fit + 1]
    text = f"longest request {first[0]} tokens: {first[1]} at once"
    return "; ".join([text, *(f"{_short(context)}: {count}" for context, count in others)])


def _short(context: int) -> str:
    return f"{context // 1024}K"


def _shares(sizes: list[int], width: int) -> list[int]:
    """Columns of each size, by largest remainder; everything that is there gets at least one."""
    total = sum(sizes)
    if total == 0:
        return [0] * len(sizes)
    spare = width - len(sizes)
    exact = [size * spare / total for size in sizes]
    shares = [1 + int(part) for part in exact]
    rests = sorted(range(len(sizes)), key=lambda place: exact[place] - int(exact[place]), reverse=True)
    for place in rests[: width - sum(shares)]:
        shares[place] += 1
    return shares
