"""Steps of fixed batches for people: one table of times, one of where they go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sgl.columns import align
from sgl.config.sizes import gib
from sgl.log import escape
from sgl.terminal import Terminal

from .one_batch_result import BatchResult, OneBatchResult
from .sections import Group, grouped

TIMES: Final = (
    "BATCH",
    "PREFILL ms",
    "STEPS",
    "in tok/s",
    "of FLOP/s",
    "DECODE ms",
    "p10",
    "p90",
    "out tok/s",
    "of GB/s",
)
SMALLEST_SHARE: Final = 0.01
"""Parts of a step below this share are left out of the lines; the JSON has them."""
_NONE: Final = "-"


def lines(result: OneBatchResult, terminal: Terminal, *, parts: bool = False) -> list[str]:
    """The result as lines of text.

    Args:
        parts: Whether to name every part of a step, not only the kinds of work.
    """
    machine, engine = result.machine, result.engine
    head = f"one batch: {result.input_len} in, {result.output_len} out on {escape(result.model)}"
    threads = f", {machine.threads} thread{'s' * (machine.threads > 1)}" if machine.threads else ""
    shown = [
        terminal.style(head, "bold"),
        f"  engine    {engine['dtype']} on {engine['device']}, weights {gib(int(engine['weight_bytes']))}, "
        f"steps of up to {engine['chunked_prefill_size']} tokens, prefix cache off",
        f"  measured  reads {machine.bytes_per_second / 1e9:,.1f} GB/s, multiplies {_flops(machine.flops)} in "
        f"{machine.product_dtype}{threads}",
        "",
    ]
    heading, *rows = align([TIMES, *(_times(one) for one in result.batches)], right=range(len(TIMES)))
    shown += [terminal.style(f"  {heading}", "bold"), *(f"  {row}" for row in rows)]
    for one in result.batches:
        shown += _breakdown(one, terminal, parts)
    if any(one.decode_share > 1 for one in result.batches):
        shown += [
            "",
            f"  {terminal.mark('warn')} more than memory gives: weights and KV cache fit the processor's cache",
        ]
    if result.partial:
        shown += ["", f"  {terminal.mark('warn')} cut short: not every batch size was measured"]
    return [terminal.fit(line) for line in shown]


def _times(one: BatchResult) -> tuple[str, ...]:
    decode = (_NONE,) * 5
    if one.decode is not None:
        times = (_ms(one.decode.median), _ms(one.decode.p10), _ms(one.decode.p90))
        decode = (*times, f"{one.decode_rate:,.0f}", _percent(one.decode_share))
    return (
        str(one.batch),
        _ms(one.prefill.median),
        str(one.prefill_steps),
        f"{one.prefill_rate:,.0f}",
        _percent(one.prefill_share),
        *decode,
    )


def _breakdown(one: BatchResult, terminal: Terminal, parts: bool) -> Iterator[str]:
    if not one.prefill_parts and not one.decode_parts:
        return
    yield ""
    yield terminal.style(f"  batch {one.batch}: where the time goes", "bold")
    rows = _rows(one, parts)
    yield from (f"  {line}" for line in align(rows, right=(1, 2, 3, 4)))


def _rows(one: BatchResult, parts: bool) -> Sequence[tuple[str, ...]]:
    prefill = dict(one.prefill_parts) if parts else _named(grouped(one.prefill_parts))
    decode = dict(one.decode_parts) if parts else _named(grouped(one.decode_parts))
    names = sorted({*prefill, *decode}, key=lambda name: -_share(decode or prefill, name))
    rows = []
    for name in names:
        if max(_share(prefill, name), _share(decode, name)) >= SMALLEST_SHARE:
            rows.append((f"  {name}", *_cells(prefill, name, "prefill"), *_cells(decode, name, "decode step")))
    return rows


def _cells(parts: Mapping[str, float], name: str, of: str) -> tuple[str, str]:
    if not parts:
        return (_NONE, "")
    return (f"{_ms(parts.get(name, 0.0))} ms", f"{_percent(_share(parts, name))} of {of}")


def _named(groups: Mapping[Group, float]) -> dict[str, float]:
    return dict(groups.items())


def _share(parts: Mapping[str, float], name: str) -> float:
    whole = sum(parts.values())
    return parts.get(name, 0.0) / whole if whole else 0.0


def _ms(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def _flops(rate: float) -> str:
    return f"{rate / 1e12:,.1f} TFLOP/s" if rate >= 1e12 else f"{rate / 1e9:,.0f} GFLOP/s"
