"""`Result`: the file of one run. It can be read again, compared, and shown without the server.

::

    schema_version  1
    kind            "sgl bench result"
    sgl_version     which program wrote it
    name            what the user calls the run
    started         UTC, ISO 8601
    host            cpu, gpu, driver
    server          model, info, flags
    client          cmdline, git
    dataset         name, seed, sha256 of the prompts
    config          flags of the run
    load            concurrency and rate of the run, null where there is none
    summary         figures over the whole run; names carry units
    steady_state    throughput while the load was full, or null
    slo             goodput and attainment, or null
    timeline_1s     the run second by second
    samples         a few numbers of every request
    requests        the records; only when asked for
    schema          what each figure means
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

from .metrics.definitions import schema
from .metrics.summary import Summary
from .run import Run
from .samples import Samples, sample

SCHEMA_VERSION: Final = 1
"""Goes up when a reader of the older form would misunderstand the newer one; new keys alone do not move it."""

KIND: Final = "sgl bench result"
SWEEP_KIND: Final = "sgl bench sweep"


@dataclass(frozen=True)
class Facts:
    """What is known besides the run. Keys that comparisons look at: ``host.gpu``, ``server.model``,
    ``dataset.sha256``.

    Attributes:
        sgl_version: Of this program.
        name: What the user calls the run; empty when nothing.
        host: ``cpu``, ``gpu``, ``driver`` of the machine that serves, as far as known.
        server: ``model``, and what the server says of itself.
        client: ``cmdline``, ``git``.
        dataset: ``name``, ``seed``, ``sha256`` of the prompts.
        config: Flags of the run.
    """

    sgl_version: str
    name: str = ""
    host: Mapping[str, Any] = field(default_factory=dict)
    server: Mapping[str, Any] = field(default_factory=dict)
    client: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """One run as its file holds it; the figures are in their JSON form, whoever wrote them.

    Attributes:
        facts: What is known besides.
        started: UTC, ISO 8601.
        load: ``concurrency`` and ``rate``, None where there is none.
        summary: Figures over the whole run.
        steady_state: None without one.
        slo: None when no limit was given.
        timeline: The run second by second.
        samples: A few numbers of every request.
        requests: The records in JSON form; None when they were not kept.
    """

    facts: Facts
    started: str
    load: Mapping[str, float | None]
    summary: Mapping[str, Any]
    steady_state: Mapping[str, Any] | None
    slo: Mapping[str, Any] | None
    timeline: Sequence[Mapping[str, Any]]
    samples: Samples
    requests: Sequence[Mapping[str, Any]] | None = None

    @property
    def name(self) -> str:
        """What the user calls the run; empty when nothing."""
        return self.facts.name

    @property
    def host(self) -> Mapping[str, Any]:
        """Of the facts."""
        return self.facts.host

    @property
    def server(self) -> Mapping[str, Any]:
        """Of the facts."""
        return self.facts.server

    @property
    def dataset(self) -> Mapping[str, Any]:
        """Of the facts."""
        return self.facts.dataset

    @property
    def limits(self) -> dict[str, float]:
        """The service level objectives: name -> milliseconds; empty without any."""
        return {name: entry["limit_ms"] for name, entry in ((self.slo or {}).get("per_slo") or {}).items()}

    @property
    def document(self) -> dict[str, Any]:
        """The figures, where `sgl_cli.bench.metrics.reading.read` looks for them."""
        return {"summary": self.summary, "steady_state": self.steady_state, "slo": self.slo}

    def to_json(self) -> dict[str, Any]:
        """Plain values in the order of the file."""
        facts = self.facts
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": KIND,
            "sgl_version": facts.sgl_version,
            "name": facts.name,
            "started": self.started,
            "host": dict(facts.host),
            "server": dict(facts.server),
            "client": dict(facts.client),
            "dataset": dict(facts.dataset),
            "config": dict(facts.config),
            "load": dict(self.load),
            "summary": dict(self.summary),
            "steady_state": self.steady_state,
            "slo": self.slo,
            "timeline_1s": list(self.timeline),
            "samples": self.samples.to_json(),
            **({} if self.requests is None else {"requests": list(self.requests)}),
            "schema": schema(),
        }

    def to_text(self) -> str:
        """The file. One line a part: small, and still a readable difference in version control."""
        parts = [f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in self.to_json().items()]
        return "{\n" + ",\n".join(parts) + "\n}\n"


def build_result(run: Run, summary: Summary, facts: Facts, keep_records: bool = False) -> Result:
    """The result of a run, with the records in it when they are to be kept."""
    figures = summary.to_json()
    started = datetime.fromtimestamp(run.started, tz=timezone.utc).isoformat(timespec="milliseconds")
    return Result(
        facts=facts,
        started=started,
        load={"concurrency": run.concurrency, "rate": run.rate},
        summary=figures["summary"],
        steady_state=figures["steady_state"],
        slo=figures["slo"],
        timeline=figures["timeline_1s"],
        samples=sample(run.records),
        requests=[record.to_json() for record in run.records] if keep_records else None,
    )
