"""How many requests a server works on, asked of itself."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final

from sgl.runs.server import Server

ASK_SECONDS: Final = 1.5
"""How long an answer may take; a busy engine gives one after its step."""

_LARGEST: Final = 1 << 20
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests that are computed, and that wait."""

    running: int
    queued: int


def ask_all(servers: Sequence[Server], api_key: str | None = None) -> list[Traffic | None]:
    """`ask` for several servers at the same time."""
    if not servers:
        return []
    with ThreadPoolExecutor(min(_AT_ONCE, len(servers))) as pool:
        return list(pool.map(lambda server: ask(server, api_key), servers))


def ask(server: Server, api_key: str | None = None, seconds: float = ASK_SECONDS) -> Traffic | None:
    """What a server works on; None when it does not take requests, or does not say.

    Args:
        api_key: For a server that asks for one.
    """
    if server.state not in ("ready", "stopping") or not server.url:
        return None
    headers = {"Authorization": f"Bearer {api_key}"} if server.has_key and api_key else {}
    request = urllib.request.Request(f"{server.url}/server_info", headers=headers)
    # The server is on this machine: a proxy has no part in it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as answer:
            state = json.loads(answer.read(_LARGEST))["internal_states"][0]
            return Traffic(int(state["num_running_reqs"]), int(state["num_waiting_reqs"]))
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return None  # Gone, busy, another's by now, or it wants a key that we do not have.
