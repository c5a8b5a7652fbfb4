"""From what a person said to a server under test: one that runs, or one that is started for the run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from ...chat.client.connector import Connector, Report
from ...chat.client.wish import Wish
from ..wire.ask import Api, Ask
from .target import Target


@dataclass(frozen=True)
class Found:
    """A server.

    Attributes:
        url: Base address of its OpenAI API.
        model: The name for requests.
        key: Sent as bearer token; never shown.
        source: Where the address comes from, for people.
        started_here: Whether it was started for this.
        server_id: Its name in ``sgl ps``; empty when it is not one of this machine's.
    """

    url: str
    model: str
    key: str | None
    source: str
    started_here: bool = False
    server_id: str = ""

    def target(
        self, api: Api, ask: Ask | None = None, *, path: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Target:
        """How to ask it; ``ask`` is given the model's name unless it has one."""
        asked = ask or Ask()
        if not asked.model:
            asked = replace(asked, model=self.model)
        return Target(self.url, api, asked, self.key, path, headers or {})


@contextmanager
def found(
    wish: Wish,
    *,
    report: Report = lambda progress: None,
    environ: Mapping[str, str] = os.environ,
    connector: Connector | None = None,
) -> Iterator[Found]:
    """Finds a server as `sgl chat` does, or starts one; one that was started here is stopped at the end.

    Args:
        wish: What a person said.
        report: Told how far it is, see `Connector.connect`.
        environ: Environment variables.
        connector: In place of one made of ``wish``; it is closed.

    Raises:
        ChatError: There is no server, it cannot be reached, or it did not start.
        UsageError: An address is none, or the server leaves it open which model is meant.
    """
    with closing(connector or Connector(wish, environ)) as held:
        there = held.connect(report)
        endpoint = there.client.endpoint
        server_id = "" if there.server is None else there.server.id
        yield Found(endpoint.url, there.model, endpoint.key, endpoint.source, there.started_here, server_id)
