"""Whether the client of `sgl bench` is in the way: ``python -m benchmarks.bench_client``.

A server with known delays (tests/fake_bench_server.py) streams so many chunks per second as are asked for, and says
afterwards when it wrote each. Shown is what the client noted beside it, and what the client cost.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from sgl_cli.bench.load.plan import closed
from sgl_cli.bench.load.run_load import run_load
from sgl_cli.bench.prompt import Prompt
from sgl_cli.bench.run import Run
from sgl_cli.bench.target.target import Target
from sgl_cli.bench.wire.ask import Ask
from tests.fake_bench_server import fake_bench_server


def main() -> None:
    """Runs once and prints a few lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks-per-second", type=float, default=6000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--api", choices=("completions", "chat", "generate"), default="chat")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output-len", type=int, default=100)
    parser.add_argument("--new-connections", action="store_true", help="one connection per request")
    words = parser.parse_args()
    gap = words.concurrency / words.chunks_per_second
    count = int(words.chunks_per_second * words.seconds / words.output_len)
    with fake_bench_server(ttft=0.1, ttft_spread=0.5, per_token=gap, per_token_spread=0.2) as server:
        target = Target(server.url, words.api, Ask("fake"))
        prompts = [Prompt(index, words.output_len, text="hello", extra={"rid": f"r{index}"}) for index in range(count)]
        plan = replace(closed(words.concurrency), workers=words.workers, reuse=not words.new_connections)
        run = run_load(target, prompts, plan)
        print(report(run, server.truth()))


def report(run: Run, truth: Sequence[dict[str, object]]) -> str:
    """The client's notes beside the server's."""
    told = {entry["rid"]: entry for entry in truth}
    zero = run.started - time.time() + time.perf_counter()
    late, gaps, shares = [], [], []
    for record in run.records:
        entry = told[f"r{record.index}"]
        written = entry["chunks"]
        assert isinstance(written, list)
        if record.failure is not None or len(written) != len(record.chunks):
            continue
        behind = [there + zero - here for here, there in zip(written, record.chunks, strict=True)]
        gaps += [later - earlier for earlier, later in pairwise(behind)]
        late.append(behind[0])
        shares.append(behind[0] / (written[0] - record.sent - zero))
    client = run.client
    lines = [
        f"requests      {len(run.records)}, {sum(each.failure is not None for each in run.records)} failed",
        f"chunks/s      {client.chunks_per_second:,.0f}",
        f"CPU           {100 * client.cpu_share:.0f} % of a core, the busiest of {client.workers}; "
        f"{1e6 * client.cpu_share * client.workers / (client.chunks_per_second or 1):.0f} us a chunk",
        f"loop lag      p50 {client.lag_p50_ms:.2f} ms, p99 {client.lag_p99_ms:.2f} ms, max {client.lag_max_ms:.2f} ms",
        f"TTFT error    {_spread(late)}; {100 * statistics.mean(shares):+.2f} % on average",
        f"ITL error     {_spread(gaps)}",
        *(f"warning       {warning}" for warning in client.warnings),
    ]
    return "\n".join(lines)


def _spread(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    places = (("p1", 0.01), ("p50", 0.5), ("p99", 0.99))
    parts = (f"{name} {1000 * ordered[int(share * (len(ordered) - 1))]:+.3f} ms" for name, share in places)
    return ", ".join([*parts, f"mean {1000 * statistics.mean(ordered):+.3f} ms"])


if __name__ == "__main__":
    main()
