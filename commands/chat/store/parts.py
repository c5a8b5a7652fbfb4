"""What a message is made of: text, reasoning, images, tool calls and their results; and their JSON form.

The JSON form is one stable shape for three uses: the content hash, a streaming draft's row, and the export.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sgl.errors import echo

REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True)
class Text:
    """Plain text or Markdown, as it was typed or generated."""

    text: str


@dataclass(frozen=True)
class Reasoning:
    """What the model thought before it answered.

    Attributes:
        text: The thoughts.
        seconds: How long they took; None when nobody measured.
        tokens: How many tokens they are; None when nobody counted.
    """

    text: str
    seconds: float | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Image:
    """A picture: its bytes are an attachment of the store, or it is an address that the server fetches.

    Attributes:
        mime: Such as ``image/png``; empty when unknown.
        sha256: Key of the attachment; empty for a remote picture.
        url: Address of a remote picture; empty for an attachment.
        name: What it was called where it came from, for people.
    """

    mime: str
    sha256: str = ""
    url: str = ""
    name: str = ""


@dataclass(frozen=True)
class ToolCall:
    """The model asks for a function; ``arguments`` is the JSON text as it was generated."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ToolResult:
    """What a function answered to the call ``id``."""

    id: str
    output: str
    name: str = ""
    failed: bool = False


Part = Text | Reasoning | Image | ToolCall | ToolResult
Parts = tuple[Part, ...]


def plain_text(parts: Sequence[Part]) -> str:
    """The text parts together, without reasoning and tools: what is copied, searched and titled."""
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def storable(text: str) -> str:
    """Returns ``text`` without lone surrogates, which neither UTF-8 nor SQLite can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(REPLACEMENT if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text


def storable_part(part: Part) -> Part:
    """Returns ``part`` with every text of it `storable`."""
    texts: dict[str, Any] = {name: storable(value) for name, value in vars(part).items() if isinstance(value, str)}
    return replace(part, **texts)


def part_to_json(part: Part) -> dict[str, Any]:
    """The JSON form; fields that hold their default are left out, so that new fields keep old hashes."""
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Reasoning():
            measured = {"seconds": part.seconds, "tokens": part.tokens}
            return {"type": "reasoning", "text": part.text, **_given(measured)}
        case Image():
            return {"type": "image", **_given({name: value or None for name, value in vars(part).items()})}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
        case ToolResult():
            rest = {"name": part.name or None, "failed": part.failed or None}
            return {"type": "tool_result", "id": part.id, "output": part.output, **_given(rest)}


def part_from_json(value: object) -> Part:
    """Reads the JSON form.

    Raises:
        ValueError: It is not the JSON form of a part; the message says what is wrong.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"a part is an object, not {echo(value)}")
    match value.get("type"):
        case "text":
            return Text(_string(value, "text"))
        case "reasoning":
            return Reasoning(_string(value, "text"), _number(value, "seconds"), _count(value, "tokens"))
        case "image":
            names = ("mime", "sha256", "url", "name")
            mime, sha256, url, name = (_string(value, key, default="") for key in names)
            if bool(sha256) == bool(url):
                raise ValueError("an image has either sha256 or url")
            return Image(mime, sha256, url, name)
        case "tool_call":
            return ToolCall(_string(value, "id"), _string(value, "name"), _string(value, "arguments"))
        case "tool_result":
            output, name = _string(value, "output"), _string(value, "name", default="")
            return ToolResult(_string(value, "id"), output, name, value.get("failed") is True)
        case unknown:
            raise ValueError(f"unknown type of part {echo(unknown)}")


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _string(value: Mapping[str, object], key: str, default: str | None = None) -> str:
    text = value.get(key, default)
    if not isinstance(text, str):
        raise ValueError(f"'{key}' of a part is text, not {echo(text)}")
    return text


def _number(value: Mapping[str, object], key: str) -> float | None:
    number = value.get(key)
    if number is None or (isinstance(number, int | float) and not isinstance(number, bool)):
        return None if number is None else float(number)
    raise ValueError(f"'{key}' of a part is a number, not {echo(number)}")


def _count(value: Mapping[str, object], key: str) -> int | None:
    number = value.get(key)
    if number is None or (isinstance(number, int) and not isinstance(number, bool)):
        return number
    raise ValueError(f"'{key}' of a part is a whole number, not {echo(number)}")
