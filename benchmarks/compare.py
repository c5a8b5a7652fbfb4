"""``python -m benchmarks.compare``: sgl beside other engines, one after the other, on one machine in one run.

Every engine has the machine to itself while it is measured. sgl is measured before and after its peers, so
that a machine that changes its speed meanwhile shows. Peers that are not there are named and left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.client import RequestFailed
from benchmarks.engines import (
    STORIES,
    Engine,
    in_float32,
    llama_server,
    sgl,
    sgl_on_benchmark_model,
    tiny_body,
    transformers_batching,
    transformers_serve,
    vllm_cpu,
)
from benchmarks.machine import describe
from benchmarks.measure import Round, Startup, run_in_process, run_scenario, warm_up
from benchmarks.model import MODEL, ensure_model
from benchmarks.process import ServerFailed
from benchmarks.report import tables, verdicts, write_results
from benchmarks.targets import (
    SGL,
    SGL_DETERMINISTIC,
    SGL_NO_CACHE,
    SGL_TINY,
    SGL_TINY_DETERMINISTIC,
    Measured,
    costs,
    judge,
)
from benchmarks.workload import BATCH, SHARED, SINGLE, TINY, Scenario

SCENARIOS: Final = (SINGLE, BATCH, SHARED, TINY)


@dataclass
class Session:
    """One run of this command: what has been measured so far, and what could not be."""

    scenarios: dict[str, Scenario]
    rounds: list[Round] = field(default_factory=list)
    startups: list[Startup] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)

    def serve(self, engine: Engine, *scenarios: Scenario) -> None:
        """Starts a server, measures the scenarios that are wanted, and ends it; a failure is noted."""
        wanted = [self.scenarios[scenario.key] for scenario in scenarios if scenario.key in self.scenarios]
        if not wanted:
            return
        if engine.missing:
            self.absent[engine.name] = engine.missing
            return
        self.commands[engine.name] = engine.shown
        _say(f"{engine.name}: starting")
        try:
            with engine.start() as server:
                self.startups.append(warm_up(engine, server))
                for scenario in wanted:
                    self._note(run_scenario(engine, server, scenario, seed=self._seed(engine.name, scenario)))
        except (ServerFailed, RequestFailed) as error:
            self._failed(engine.name, str(error))

    def in_process(self, python: str, way: str, scenario: Scenario) -> None:
        """Measures transformers without a server."""
        if scenario.key not in self.scenarios:
            return
        name = f"transformers {way}"
        self.commands[name] = f"model.{way}() in its own process"
        _say(f"{name}: starting")
        try:
            self._note(run_in_process(python, way, str(MODEL), self.scenarios[scenario.key], seed=0))
        except RequestFailed as error:
            self._failed(name, str(error))

    @property
    def measured(self) -> Measured:
        """What there is so far."""
        return Measured(self.rounds, self.startups)

    def _seed(self, engine: str, scenario: Scenario) -> int:
        """The n-th round of a scenario has the same prompts for every engine, and no earlier round's."""
        return len(self.measured.of(engine, scenario.key))

    def _note(self, round_: Round) -> None:
        self.rounds.append(round_)
        _say(f"{round_.engine}: {round_.scenario}: {round_.tokens_per_second:.1f} tok/s in {round_.wall:.1f} s")

    def _failed(self, name: str, why: str) -> None:
        self.absent[name] = f"failed: {why}"
        _say(f"{name}: failed: {why}")


def plan(session: Session, options: argparse.Namespace) -> list[tuple[str, Callable[[], None]]]:
    """Everything to measure, in order: (group, what to do)."""
    ours = sgl_on_benchmark_model()
    peer, vllm = options.peer_python, options.vllm_python
    tiny = sgl(options.tiny_model, name=SGL_TINY, body=tiny_body)
    tiny_deterministic = tiny.with_flags(SGL_TINY_DETERMINISTIC, "--deterministic")
    steps: list[tuple[str, Callable[[], None]]] = [
        ("sgl", lambda: session.serve(ours, SINGLE, BATCH, SHARED)),
        ("sgl", lambda: session.serve(ours.with_flags(SGL_NO_CACHE, "--disable-radix-cache"), SHARED)),
        ("transformers", lambda: session.serve(transformers_serve(peer), SINGLE)),
        ("transformers", lambda: session.serve(transformers_batching(peer), BATCH, SHARED)),
        # Where a CPU has no bfloat16 instructions sgl computes in float32. A user of transformers could, too.
        ("transformers", lambda: session.serve(in_float32(transformers_serve(peer)), SINGLE)),
        ("transformers", lambda: session.serve(in_float32(transformers_batching(peer)), BATCH)),
        ("transformers", lambda: session.in_process(peer, "generate", SINGLE)),
        ("transformers", lambda: session.in_process(peer, "generate_batch", BATCH)),
        ("llama", lambda: session.serve(llama_server(options.llama_server, peer), SINGLE, BATCH, SHARED)),
        # Fewer bits: ours beside llama.cpp's of the same size, 8.5 and 4.5 bits a weight.
        ("quantised", lambda: session.serve(ours.with_flags("sgl int8", "--quantization", "int8"), SINGLE, BATCH)),
        ("quantised", lambda: session.serve(llama_server(options.llama_server, peer, "q8_0"), SINGLE, BATCH)),
        ("quantised", lambda: session.serve(ours.with_flags("sgl int4", "--quantization", "int4"), SINGLE, BATCH)),
        ("quantised", lambda: session.serve(llama_server(options.llama_server, peer, "q4_0"), SINGLE, BATCH)),
        ("vllm", lambda: session.serve(vllm_cpu(vllm), SINGLE, BATCH, SHARED)),
    ]
    again = [("sgl", lambda: session.serve(ours, SINGLE, BATCH, SHARED))] * (options.rounds - 1)
    deterministic = [("sgl", lambda: session.serve(ours.with_flags(SGL_DETERMINISTIC, "--deterministic"), BATCH))]
    # Cheap enough to alternate: the two are compared with each other.
    small = [
        ("tiny", lambda: session.serve(tiny, TINY, TINY)),
        ("tiny", lambda: session.serve(tiny_deterministic, TINY, TINY)),
    ] * options.rounds
    return [*steps, *again, *deterministic, *small]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints, writes; 1 when something of sgl failed."""
    options = _parse(argv)
    chosen = {scenario.key: scenario for scenario in SCENARIOS if scenario.key in options.scenarios}
    if options.quick:
        chosen = {key: scenario.shortened() for key, scenario in chosen.items()}
    session = Session(chosen)
    if options.engines != ["tiny"]:
        ensure_model()
    try:
        for group, measure in plan(session, options):
            if group in options.engines:
                measure()
    except KeyboardInterrupt:
        _say("interrupted; this is what was measured so far")
    judged = judge(session.measured)
    sys.stdout.write(f"\n{tables(session.measured, list(chosen.values()), session.absent)}\n\n")
    sys.stdout.write(f"{verdicts(judged, costs(session.measured))}\n")
    if session.rounds:
        path = write_results(
            session.measured,
            judged,
            machine=describe(),
            commands=session.commands,
            absent=session.absent,
            scenarios=list(chosen.values()),
            target=options.out,
        )
        sys.stdout.write(f"\nwritten: {path.name}\n")
    return 1 if any(name.startswith(SGL) for name in session.absent) else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    groups = ["sgl", "transformers", "llama", "quantised", "vllm", "tiny"]
    parser.add_argument("--engines", nargs="+", choices=groups, default=groups, help="what to measure (all)")
    keys = [scenario.key for scenario in SCENARIOS]
    parser.add_argument("--scenarios", nargs="+", choices=keys, default=keys, help="with what (all)")
    parser.add_argument("--rounds", type=int, default=2, help="times sgl is measured: before and after its peers (2)")
    parser.add_argument("--quick", action="store_true", help="8 tokens of output: tries the command, measures little")
    parser.add_argument("--llama-server", metavar="PATH", help="llama.cpp's server (the one on PATH)")
    parser.add_argument(
        "--peer-python",
        metavar="PATH",
        default=sys.executable,
        help="Python that has transformers[serving] and gguf (this one)",
    )
    parser.add_argument("--vllm-python", metavar="PATH", default=sys.executable, help="Python that has vllm (this one)")
    parser.add_argument("--tiny-model", metavar="FOLDER", type=Path, default=STORIES, help="folder of stories260k")
    parser.add_argument("--out", metavar="FILE", type=Path, help="where results go (results/<cpu>-<date>.json)")
    return parser.parse_args(argv)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
