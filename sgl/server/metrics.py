"""What the server counts, and how Prometheus reads it.

`Metrics` watches every request of the engine client and answers a scrape. Each quantity is measured once
and shown under up to three names: our own ``sgl:``, and those of vLLM and SGLang, so that dashboards made
for either work unchanged. Histograms have vLLM's buckets. The one label is ``model_name``; nothing a client
sends ever becomes a label.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sgl.errors import Unavailable
from sgl.runtime.client import EngineClient, Generation
from sgl.server.metric_tables import COUNTERS, GAUGES, HISTOGRAMS, REQUESTS, Snapshot, token_buckets
from sgl.server.throughput import Throughput

PROBE_SECONDS: Final = 0.5
"""How long a scrape waits for fresh counters of the engine; a step may take longer, then the last ones count."""


class Metrics(Collector):
    """Counts for one engine client. Give it to the client as its ``observer``.

    Attributes:
        registry: Holds this collector alone; never the process-wide one.
        startup_seconds: How long the server took to start.
        throughput: Tokens per second of all requests together.
    """

    def __init__(self, client: EngineClient, model_name: str, startup_seconds: float = 0.0) -> None:
        self.startup_seconds = startup_seconds
        self.throughput = Throughput()
        self.registry = CollectorRegistry(auto_describe=False)
        self._client = client
        self._model_name = model_name
        self._totals: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
        self._last_token_at: dict[Generation, float] = {}
        tokens = token_buckets(client.info.max_model_len)
        self._histograms = {
            row.key: Histogram(row.names[0], row.help, buckets=row.buckets or tokens, registry=None)
            for row in HISTOGRAMS
        }
        self.registry.register(self)

    async def exposition(self) -> bytes:
        """The whole page, in Prometheus' text format."""
        # Busy or gone, the engine does not answer: then the last counters it sent are shown.
        with contextlib.suppress(Unavailable):
            await self._client.probe(PROBE_SECONDS)
        return generate_latest(self.registry)

    # -- Observer ----------------------------------------------------------------------------------

    def advanced(self, generation: Generation, tokens: int) -> None:
        """Counts new tokens and the time since the last ones, shared evenly when several came at once."""
        now = time.monotonic()
        last = self._last_token_at.get(generation)
        self._last_token_at[generation] = now
        self._totals["generation_tokens"] += tokens
        self.throughput.add(now, tokens)
        if last is None:
            self._count_prompt(generation)
            self._observe("first_token", now - generation.created_at)
            return
        for _ in range(tokens):
            self._observe("inter_token", (now - last) / tokens)

    def ended(self, generation: Generation) -> None:
        """Counts a request's end and its durations."""
        started = self._last_token_at.pop(generation, None) is not None
        finish = generation.finish
        self._finished["error" if finish is None else finish.kind] += 1
        if finish is None or finish.kind == "abort":
            return
        if not started:  # max_new_tokens 0: only the prompt was computed
            self._count_prompt(generation)
        self._observe("prompt_tokens", generation.prompt_tokens)
        self._observe("generation_tokens", generation.completion_tokens)
        self._observe_durations(generation)

    # -- Collector ---------------------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        """Every series under each of its names."""
        snapshot = Snapshot(
            stats=self._client.stats,
            info=self._client.info,
            alive=self._client.alive,
            draining=self._client.draining,
            in_flight=self._client.in_flight,
            startup_seconds=self.startup_seconds,
            totals=self._totals,
        )
        labels, values = ["model_name"], [self._model_name]
        for gauge in GAUGES:
            for name in gauge.names:
                family = GaugeMetricFamily(name, gauge.help, labels=labels)
                family.add_metric(values, gauge.read(snapshot))
                yield family
        for counter in COUNTERS:
            for name in counter.names:
                total = CounterMetricFamily(name, counter.help, labels=labels)
                total.add_metric(values, counter.read(snapshot))
                yield total
        for name in REQUESTS.names:
            requests = CounterMetricFamily(name, REQUESTS.help, labels=[*labels, "finished_reason"])
            for reason in REQUESTS.reasons:
                requests.add_metric([*values, reason], self._finished[reason])
            yield requests
        for row in HISTOGRAMS:
            yield from self._histogram_under(self._histograms[row.key], row.names)

    def _histogram_under(self, histogram: Histogram, names: tuple[str, ...]) -> Iterator[Metric]:
        (measured,) = histogram.collect()
        for name in names:
            family = Metric(name, measured.documentation, "histogram")
            for sample in measured.samples:
                suffix = sample.name[len(measured.name) :]
                if suffix != "_created":
                    family.add_sample(name + suffix, {"model_name": self._model_name, **sample.labels}, sample.value)
            yield family

    # -- counting ----------------------------------------------------------------------------------

    def _count_prompt(self, generation: Generation) -> None:
        self._totals["prompt_tokens"] += generation.prompt_tokens
        self._totals["cached_tokens"] += generation.cached_tokens

    def _observe_durations(self, generation: Generation) -> None:
        if generation.ended_at is not None:
            self._observe("whole", generation.ended_at - generation.created_at)
            if generation.first_token_at is not None and generation.completion_tokens > 1:
                decoding = generation.ended_at - generation.first_token_at
                self._observe("per_token", decoding / (generation.completion_tokens - 1))
        if generation.timings is not None:
            self._observe("queue", generation.timings.queue)
            self._observe("prefill", generation.timings.prefill)
            self._observe("decode", generation.timings.decode)

    def _observe(self, key: str, value: float) -> None:
        self._histograms[key].observe(value)
