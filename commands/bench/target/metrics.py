"""A server's own metrics, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

FAMILIES: Final = ("sgl:", "sglang:", "vllm:")
PEAK: Final = "kv_usage_peak"
"""The largest share of the KV cache that was seen in use while the run was on: not the server's, but ours."""

KV_USAGE: Final = (
    "sgl:kv_cache_usage_perc",
    "sglang:token_usage",
    "vllm:kv_cache_usage_perc",
    "vllm:gpu_cache_usage_perc",  # Older vLLM.
)
_MEANS: Final = ("_perc", "_rate", "_usage", "_length")
"""Ends of names whose series are shares: of several engines their mean is meant, not their sum."""


def read_metrics(text: str) -> dict[str, float]:
    """The numbers of a scrape by their name without labels; histograms' buckets are left out.

    Series that differ in labels, such as those of several engines, are added up; of shares the mean is taken.
    """
    found: dict[str, list[float]] = {}
    for name, value in _samples(text.split("\n")):
        found.setdefault(name, []).append(value)
    return {name: sum(values) / (len(values) if name.endswith(_MEANS) else 1) for name, values in found.items()}


def kv_usage(text: str) -> float | None:
    """The share of the KV cache in use; looks for nothing else, so that it may run beside a load."""
    for name in KV_USAGE:
        values, at = [], 0
        while (at := text.find("\n" + name, at)) >= 0:
            end = text.find("\n", at + 1)
            values += [value for found, value in _samples([text[at + 1 : end if end > 0 else None]]) if found == name]
            at += 1
        if values:
            return sum(values) / len(values)
    return None


def with_peak(metrics: Mapping[str, float], peak: float | None) -> dict[str, float]:
    """Adds the peak where there is one."""
    return {**metrics, **({} if peak is None else {PEAK: peak})}


def _samples(lines: Iterable[str]) -> Iterable[tuple[str, float]]:
    for line in lines:
        if not line.startswith(FAMILIES):
            continue
        labels_end = line.rfind("}")
        name = line.partition("{")[0] if labels_end >= 0 else line.partition(" ")[0]
        if name.endswith(("_bucket", "_created")):
            continue
        words = (line[labels_end + 1 :] if labels_end >= 0 else line.partition(" ")[2]).split()
        try:
            value = float(words[0])
        except (IndexError, ValueError):
            continue
        if abs(value) < float("inf"):  # Neither infinite nor NaN.
            yield name, value
