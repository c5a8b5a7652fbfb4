"""Short ways to a load, for the tests of wire, load and target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sgl_cli.bench.prompt import Prompt
from sgl_cli.bench.record import Record
from sgl_cli.bench.target.target import Target
from sgl_cli.bench.wire.ask import Api, Ask
from tests.fake_bench_server import FakeServer

MANY_SECONDS = 10.0
"""No test waits as long as this unless something is wrong."""


def target_of(server: FakeServer, api: Api = "completions", key: str | None = None, **ask: Any) -> Target:
    """How to ask a fake server."""
    return Target(server.url, api, Ask("fake", **ask), key)


def prompts(count: int, tokens: int = 4, **fields: Any) -> list[Prompt]:
    """Different ones; each request names its prompt in ``rid``."""
    return [
        Prompt(index, tokens, text=f"prompt number {index}", extra={"rid": str(index)}, **fields)
        for index in range(count)
    ]


def kinds(records: Sequence[Record]) -> set[str]:
    """The kinds of failures; "" stands for none."""
    return {"" if record.failure is None else record.failure.kind for record in records}
