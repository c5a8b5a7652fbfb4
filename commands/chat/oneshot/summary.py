"""An answer's numbers, for people and for programs."""

from __future__ import annotations

from typing import Any

from ..session.reply import Reply
from ..session.session import Session
from ..store.parts import part_to_json


def stats_line(reply: Reply) -> str:
    """One line: speed, times and tokens. ``~`` marks what was counted here because the server does not count."""
    about = "~" if reply.estimated else ""
    words = []
    if reply.ttft is not None:
        words.append(f"first token {_seconds(reply.ttft)}")
    if reply.tokens_per_second is not None:
        words.append(f"{about}{reply.tokens_per_second:.1f} tok/s")
    if reply.usage and reply.usage.input_tokens is not None:
        cached = f" ({reply.usage.cached_tokens} cached)" if reply.usage.cached_tokens is not None else ""
        words.append(f"{reply.usage.input_tokens} in{cached}")
    words.append(f"{about}{reply.output_tokens} out")
    words.append(f"{_seconds(reply.seconds)} in all")
    words.append(reply.finish_reason)
    return ", ".join(word for word in words if word)


def document(session: Session, reply: Reply, thread_id: str | None) -> dict[str, Any]:
    """The answer as one JSON object; ``thread_id`` is None for a chat that is not kept."""
    usage = reply.usage
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "tool_calls": [part_to_json(call) for call in reply.tool_calls],
        "model": reply.model,
        "finish_reason": reply.finish_reason,
        "usage": {
            "input_tokens": usage.input_tokens if usage else None,
            "output_tokens": reply.output_tokens,
            "output_tokens_estimated": reply.estimated,
            "cached_tokens": usage.cached_tokens if usage else None,
            "reasoning_tokens": usage.reasoning_tokens if usage else None,
        },
        "timings": {
            "queue_ms": usage.queue_ms if usage else None,
            "ttft_ms": _milliseconds(reply.ttft),
            "reasoning_ms": _milliseconds(reply.reasoning_seconds),
            "total_ms": _milliseconds(reply.seconds),
            "tokens_per_second": None if reply.tokens_per_second is None else round(reply.tokens_per_second, 2),
        },
        "url": session.client.endpoint.url,
        "thread_id": thread_id,
    }


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 2)
