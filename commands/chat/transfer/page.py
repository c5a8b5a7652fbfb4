"""A conversation as one HTML file: escaped, without scripts, and without anything from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Final

from ..images import Picture
from ..store.chat_store import ChatStore
from ..store.messages import Message
from ..store.parts import Image, Part, Reasoning, Text, ToolCall, ToolResult
from ..text.fences import code_blocks
from ..text.sanitize import sanitize
from .speaker import moment, speaker

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid #8886; padding: .5rem 0; }
h2 { font-size: 1rem; margin: .5rem 0; }
.user h2 { color: #26c; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
pre { background: #8882; padding: .75rem; overflow-x: auto; border-radius: .4rem; }
details, .note, time { color: #888; }
img { max-width: 100%; }
"""


def write_page(store: ChatStore, thread_id: str) -> str:
    """The branch that is shown. Markdown stays as it was written, except that code stands in blocks."""
    thread = store.threads.get(thread_id)
    title = _safe(thread.title or "Chat")
    body = [f"<h1>{title}</h1>", f"<time>{moment(thread.created)}</time>"]
    if thread.system:
        body.append(f'<article class="system"><h2>System</h2>{_text(thread.system)}</article>')
    body += [_article(store, message) for message in store.messages.path(thread.tip_hash)]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def _article(store: ChatStore, message: Message) -> str:
    parts = "".join(_part(store, part) for part in message.parts)
    end = message.finish_reason
    note = "" if end in ("", "stop", "tool_calls") else f'<p class="note">({_safe(end)})</p>'
    return f'<article class="{message.role}"><h2>{_safe(speaker(message))}</h2>{parts}{note}</article>'


def _part(store: ChatStore, part: Part) -> str:
    match part:
        case Text():
            return _text(part.text)
        case Reasoning():
            return f"<details><summary>Reasoning</summary>{_text(part.text)}</details>"
        case Image() if part.sha256:
            found = store.attachments.get(part.sha256)
            return f'<img alt="{_safe(part.name)}" src="{escape(Picture(found.mime, found.data).uri)}">'
        case Image():
            return f'<p class="note">{_safe(part.url)}</p>'
        case ToolCall():
            return f'<p class="note">Calls {_safe(part.name)}</p><pre>{_safe(part.arguments)}</pre>'
        case ToolResult():
            return f'<p class="note">{_safe(part.name or "Result")}</p><pre>{_safe(part.output)}</pre>'


def _text(text: str) -> str:
    pieces, position = [], 0
    text = sanitize(text)
    for block in code_blocks(text):
        pieces.append(_prose(text[position : block.start]))
        pieces.append(f"<pre><code>{_safe(block.content)}</code></pre>")
        position = block.end
    return "".join([*pieces, _prose(text[position:])])


def _prose(text: str) -> str:
    text = text.strip("\n")
    return f'<div class="text">{_safe(text)}</div>' if text.strip() else ""


def _safe(text: str) -> str:
    return escape(sanitize(text))
