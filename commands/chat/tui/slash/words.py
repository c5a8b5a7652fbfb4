"""What in a composer's text is a command, and the habits of people who come from other programs."""

from __future__ import annotations

from typing import Final

SHOUTED: Final = {
    "!help": "/help",
    "!set": "/set",
    "!save": "/export json",
    "!clear": "/new",
    "!exit": "/quit",
    "!status": "/stats",
}
"""Commands of the chat of transformers. Any other word with an exclamation mark begins a question."""

_SET_OF_OLLAMA: Final = {
    "parameter": "/set",
    "system": "/system",
    "format": "/json",
    "noformat": "/json off",
    "think": "/think on",
    "nothink": "/think off",
    "verbose": "/stats",
}
_SHOW_OF_OLLAMA: Final = {
    "info": "/server",
    "parameters": "/set",
    "system": "/system",
    "template": "/prompt",
}


def is_command(text: str) -> bool:
    """Whether a text is meant for the program: ``/set``, not ``/etc/passwd is what?`` and not ``//set``."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return first in SHOUTED or (first.startswith("/") and "/" not in first[1:])


def question(text: str) -> str:
    """What is asked: ``//`` at the beginning stands for one slash."""
    return text[1:] if text.startswith("//") else text


def parse(text: str) -> tuple[str, str]:
    """The command's word and its arguments, habits put into our words."""
    words = text.split(maxsplit=1)
    word, rest = words[0], words[1].strip() if len(words) > 1 else ""
    if word in SHOUTED:
        word, _, fixed = SHOUTED[word].partition(" ")
        return word, f"{fixed} {rest}".strip()
    first, _, others = rest.partition(" ")
    ours = {"/set": _SET_OF_OLLAMA, "/show": _SHOW_OF_OLLAMA}.get(word, {}).get(first, "")
    if not ours:
        return word, rest
    if first == "format":
        others = ""  # Ollama knows json only.
    word, _, fixed = ours.partition(" ")
    return word, others.strip() or fixed
