"""ChatGPT's export: ``conversations.json``, a list of trees whose nodes stand in ``mapping``.

Empty and hidden nodes are dropped and their children attached further up. Thoughts are nodes of their own there; they
become reasoning of the reply that follows. Pictures are files beside the export and become notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ..store.messages import Role
from ..store.parts import Part, Parts, Reasoning, Text, ToolCall, ToolResult
from . import loose
from .conversation import Conversation, Node, nearest_kept

_ROLES: Final[Mapping[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_HIDDEN_KINDS: Final = frozenset({"reasoning_recap", "user_editable_context", "model_editable_context"})
_FINISH: Final = {"stop": "stop", "max_tokens": "length", "interrupted": "interrupted"}


def is_chatgpt(value: object) -> bool:
    """Whether this is the export, or one conversation of it."""
    entries = value if isinstance(value, list) else [value]
    return any("mapping" in loose.mapping(entry) for entry in entries)


def read_chatgpt(entry: object) -> Conversation | None:
    """One conversation; None when nothing was said in it."""
    whole = loose.mapping(entry)
    raw = {name: loose.mapping(node) for name, node in loose.mapping(whole.get("mapping")).items()}
    parents = {name: loose.text(node.get("parent")) or None for name, node in raw.items()}
    nodes = {name: node for name, value in raw.items() if (node := _node(name, parents[name], value)) is not None}
    thoughts = {name: node for name, node in nodes.items() if _only_thoughts(node)}
    spoken = nodes.keys() - thoughts.keys()
    above = nearest_kept(parents, spoken)
    if not spoken:
        return None
    before = nearest_kept(parents, nodes.keys())
    kept = []
    for name, node in nodes.items():
        if name in spoken:
            kept.append(
                replace(node, parent=above[name], parts=_thoughts_before(name, node, thoughts, before) + node.parts)
            )
    kept.sort(key=lambda node: node.created or 0.0)
    current = loose.text(whole.get("current_node"))
    return Conversation(
        title=loose.text(whole.get("title")),
        nodes=tuple(kept),
        current=current if current in spoken else above.get(current),
        tags=("chatgpt",),
        archived=whole.get("is_archived") is True,
        pinned=whole.get("is_starred") is True,
        created=loose.seconds(whole.get("create_time")),
        updated=loose.seconds(whole.get("update_time")),
    )


def _only_thoughts(node: Node) -> bool:
    return node.role == "assistant" and all(isinstance(part, Reasoning) for part in node.parts)


def _thoughts_before(name: str, node: Node, thoughts: Mapping[str, Node], before: Mapping[str, str | None]) -> Parts:
    """The reasoning of the thought nodes right above a reply, oldest first."""
    parts: list[Part] = []
    seen: set[str] = set()
    above = before[name]
    while node.role == "assistant" and above is not None and above in thoughts and above not in seen:
        seen.add(above)
        parts[:0] = thoughts[above].parts
        above = before[above]
    return tuple(parts)


def _node(name: str, parent: str | None, value: Mapping[str, Any]) -> Node | None:
    message = loose.mapping(value.get("message"))
    author = loose.mapping(message.get("author"))
    metadata = loose.mapping(message.get("metadata"))
    content = loose.mapping(message.get("content"))
    role = _ROLES.get(loose.text(author.get("role")))
    if role is None or metadata.get("is_visually_hidden_from_conversation") is True:
        return None
    parts = _parts(content, loose.text(message.get("recipient")), name)
    if role == "tool":
        tool = loose.text(author.get("name"))
        said = "\n".join(part.text for part in parts if isinstance(part, Text))
        parts = (ToolResult(parent or "", said, tool),) if said else ()
    if not parts:
        return None
    finish = loose.text(loose.mapping(metadata.get("finish_details")).get("type"))
    return Node(
        id=name,
        parent=parent,
        role=role,
        parts=parts,
        created=loose.seconds(message.get("create_time")),
        model=loose.text(metadata.get("model_slug")),
        finish_reason=_FINISH.get(finish, ""),
    )


def _parts(content: Mapping[str, Any], recipient: str, name: str) -> Parts:
    kind = loose.text(content.get("content_type"))
    if kind in _HIDDEN_KINDS:
        return ()
    if kind == "thoughts":
        thoughts = [loose.mapping(each) for each in loose.items(content.get("thoughts"))]
        lines = (loose.text(each.get(key)).strip() for each in thoughts for key in ("summary", "content"))
        text = "\n\n".join(line for line in lines if line)
        return (Reasoning(text),) if text else ()
    if kind == "code":
        code = loose.text(content.get("text"))
        if not code:
            return ()
        if recipient not in ("", "all"):
            return (ToolCall(name, recipient, code),)
        language = loose.text(content.get("language"))
        return (Text(f"```{'' if language == 'unknown' else language}\n{code}\n```"),)
    pieces = [_piece(each) for each in loose.items(content.get("parts"))]
    pieces += [loose.text(content.get(key)) for key in ("text", "result")]
    text = "\n\n".join(piece for piece in pieces if piece)
    return (Text(text),) if text.strip() else ()


def _piece(value: object) -> str:
    """One entry of ``parts``: text, or a picture, or speech with its transcript."""
    if isinstance(value, str):
        return value
    entry = loose.mapping(value)
    if loose.text(entry.get("content_type")) == "image_asset_pointer":
        return f"[picture {loose.text(entry.get('asset_pointer')).rpartition('/')[2]} is not in the file]"
    return loose.text(entry.get("text"))
