"""``/bench``: a few requests to the server at hand, one after the other, and how fast it answered them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sgl.errors import SglError

from .client.stop import Stop
from .session.reply import Reply

if TYPE_CHECKING:
    from .client.http import ChatClient

_TOPICS: Final = ("rivers", "bread", "clocks", "bridges", "whales", "paper", "volcanoes", "chess", "glass", "stars")


@dataclass(frozen=True)
class QuickBench:
    """What was measured, on this side of the connection.

    Attributes:
        requests: How many ended, those that failed among them.
        failed: How many failed.
        ttft_p50_ms: Median time to the first piece, in milliseconds; None when nothing came.
        ttft_max_ms: The longest such time.
        tokens_per_second: Median speed of one stream after its first token; None when no answer came in pieces.
        seconds: From the first request to the end of the last.
        estimated: Whether pieces were counted for tokens, because the server does not count.
    """

    requests: int
    failed: int
    ttft_p50_ms: float | None
    ttft_max_ms: float | None
    tokens_per_second: float | None
    seconds: float
    estimated: bool


def quick_bench(
    client: ChatClient,
    model: str,
    *,
    requests: int = 10,
    max_tokens: int = 64,
    stop: Stop,
    report: Callable[[int], None],
) -> QuickBench:
    """Asks the model about different things, so that only the template's tokens can come from a prefix cache.

    Blocks: call it from a thread. Each request makes a connection, as those of a chat do; its time is in the TTFT.

    Args:
        client: Who is asked.
        model: What is asked for.
        requests: How many.
        max_tokens: Longest answer.
        stop: Ends it at once; the request that it interrupts does not count.
        report: Told how many have ended, after each.

    Raises:
        SglError: The first request failed: the others would, too. A later one counts as failed.
    """
    run = secrets.token_hex(4)  # A second bench must not find the prompts of the first in the cache.
    began = time.monotonic()
    replies: list[Reply] = []
    failed = 0
    for number in range(requests):
        prompt = f"{run}-{number}: tell me about {_TOPICS[number % len(_TOPICS)]}."
        try:
            reply = _ask(client, model, prompt, max_tokens, stop)
        except SglError:
            if not replies and not failed:
                raise
            failed += 1
        else:
            if reply is None:
                break
            replies.append(reply)
        report(len(replies) + failed)
    return _measured(replies, failed, time.monotonic() - began)


def median(values: Sequence[float]) -> float | None:
    """The middle one of the sorted values, the lower of two: nearest rank, always a value that was measured."""
    return sorted(values)[(len(values) - 1) // 2] if values else None


def _ask(client: ChatClient, model: str, prompt: str, max_tokens: int, stop: Stop) -> Reply | None:
    """The answer; None when it was stopped."""
    messages = [{"role": "user", "content": prompt}]
    reply = Reply(model)
    request = {"model": model, "messages": messages, "max_tokens": max_tokens, "temperature": 0}
    for event in client.ask(request, stop=stop):
        reply.add(event)
    return None if stop.is_set else reply


def _measured(replies: Sequence[Reply], failed: int, seconds: float) -> QuickBench:
    ttfts = [1000 * reply.ttft for reply in replies if reply.ttft is not None]
    speeds = [reply.tokens_per_second for reply in replies]
    return QuickBench(
        requests=len(replies) + failed,
        failed=failed,
        ttft_p50_ms=median(ttfts),
        ttft_max_ms=max(ttfts, default=None),
        tokens_per_second=median([speed for speed in speeds if speed is not None]),
        seconds=seconds,
        estimated=any(reply.estimated for reply in replies),
    )
