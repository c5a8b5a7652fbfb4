"""Words that completion offers for values of ``sgl bench``, by kind of value."""

from __future__ import annotations

from .data.wish import FROM_FILE, KINDS
from .flags.plan import APIS
from .metrics.definitions import METRICS
from .metrics.slo import GAPS, PRESETS, WHOLE


def bench_words() -> dict[str, tuple[str, ...]]:
    """Kind of value -> its words, or how they begin."""
    metrics = (f"{metric.name}.{stat}" for metric in METRICS if metric.spread for stat in ("p50", "p99"))
    return {
        "dataset": tuple(f"{kind}:" if kind in FROM_FILE else kind for kind in KINDS),
        "api": APIS,
        "arrival": ("poisson", "constant"),
        "metric": (*metrics, *(metric.name for metric in METRICS if not metric.spread), *PRESETS),
        "objective": (*(f"{name}:" for name in WHOLE), *(f"{name}_p99:" for name in GAPS), *PRESETS),
    }
