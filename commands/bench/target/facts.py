"""What a server says about itself, for the result file. No key of anybody's is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...chat.client.about import read_about
from ...chat.client.fields import count_in, json_object
from .pages import look, models_path
from .target import Target

HIDDEN: Final = "***"
LONGEST_TEXT: Final = 4000
_SECRET_ENDS: Final = ("api_key", "_key", "password", "passwd", "secret", "auth_token", "hf_token", "access_token")
_SECRET_FLAGS: Final = ("key", "password", "secret", "token")
_MODEL_PAGES: Final = ("/model_info", "/get_model_info")
_SERVER_PAGES: Final = ("/server_info", "/get_server_info")


@dataclass(frozen=True)
class ServerFacts:
    """Who the server is; None, 0 and empty where it does not say.

    Attributes:
        software: Such as ``sgl``, ``SGLang`` or ``vLLM``.
        version: Of the software.
        model: What is asked for.
        context: Tokens that prompt and answer may have together.
        vocabulary: Token ids below this exist.
        info: Its ``/server_info``, without secrets.
    """

    software: str = ""
    version: str = ""
    model: str = ""
    context: int | None = None
    vocabulary: int | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def server_facts(target: Target) -> ServerFacts:
    """Asks the server; what it does not answer is unknown. Blocks for some seconds at most."""
    cards = _object(target, models_path(target))
    server_info = _first(target, _SERVER_PAGES)
    model_info = _first(target, _MODEL_PAGES)
    version = None if server_info else _object(target, "/version")
    about = read_about(cards, server_info=server_info, version=version, model_info=model_info, model=target.ask.model)
    places = (server_info or {}, model_info or {})
    sizes = (count_in(place.get("vocab_size")) for place in places)
    return ServerFacts(
        software=about.software,
        version=about.version,
        model=target.ask.model,
        context=about.context,
        vocabulary=next((size for size in sizes if size), None),
        info=without_secrets(server_info or {}, target.key),
    )


def without_secrets(value: Any, key: str | None = None) -> Any:
    """A copy of JSON with the values of keys, passwords and tokens hidden, on command lines too.

    SGLang's ``/server_info`` shows its keys to whoever asks, in its arguments and in its launch command.

    Args:
        value: Any JSON.
        key: A key that is hidden wherever it stands.
    """
    if isinstance(value, dict):
        return {
            name: HIDDEN if content and str(name).lower().endswith(_SECRET_ENDS) else without_secrets(content, key)
            for name, content in value.items()
        }
    if isinstance(value, list):
        return (
            _words(value, key)
            if all(isinstance(item, str) for item in value)
            else [without_secrets(item, key) for item in value]
        )
    if isinstance(value, str):
        if " --" in value:
            value = " ".join(_words(value.split(" "), key))
        return _text(value, key)
    return value


def _words(words: list[str], key: str | None) -> list[str]:
    """Words of a command line."""
    shown: list[str] = []
    hide = False
    for word in words:
        name, equals, _ = word.partition("=")
        is_secret = name.startswith("--") and name.lower().endswith(_SECRET_FLAGS)
        shown.append(HIDDEN if hide else f"{name}={HIDDEN}" if is_secret and equals else _text(word, key))
        hide = is_secret and not equals
    return shown


def _text(text: str, key: str | None) -> str:
    return (text.replace(key, HIDDEN) if key else text)[:LONGEST_TEXT]


def _first(target: Target, paths: tuple[str, ...]) -> dict[str, Any] | None:
    return next((found for path in paths if (found := _object(target, path))), None)


def _object(target: Target, path: str) -> dict[str, Any] | None:
    answer = look(target, path)
    return json_object(answer.text) if answer.status == 200 else None
