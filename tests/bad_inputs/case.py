"""One bad (or oddly good) request and what must come back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.serving import CHAT, COMPLETIONS, MODEL

USER: Final = {"role": "user", "content": "Once upon a time"}
BASES: Final[dict[str, dict[str, Any]]] = {
    CHAT: {"model": MODEL, "messages": [USER], "max_tokens": 4},
    COMPLETIONS: {"model": MODEL, "prompt": "Once upon a time", "max_tokens": 4},
}
"""A good body of each route."""

ABSENT: Final = object()
"""As a value in `changed`: the field is taken away."""


@dataclass(frozen=True)
class Case:
    """A request.

    Attributes:
        name: Tells the case apart.
        path: Route.
        body: Raw bytes.
        code: OpenAI's error code; None when the answer is good.
        param: The field the error names; "" when that does not matter.
        status: HTTP status.
    """

    name: str
    path: str
    body: bytes
    code: str | None = None
    param: str | None = ""
    status: int = 400


def good(name: str, path: str, **changes: Any) -> Case:
    """A body with odd values that are fine."""
    return Case(f"{_route(path)}-{name}", path, changed(path, **changes), status=200)


def bad(name: str, path: str, code: str, param: str | None = "", status: int = 400, **changes: Any) -> Case:
    """A body that is refused for one reason."""
    return Case(f"{_route(path)}-{name}", path, changed(path, **changes), code, param, status)


def raw(name: str, path: str, body: bytes, code: str | None, param: str | None = "", status: int = 400) -> Case:
    """A body given byte for byte; good when ``code`` is None."""
    return Case(f"{_route(path)}-{name}", path, body, code, param, 200 if code is None else status)


def changed(path: str, **changes: Any) -> bytes:
    """The good body of a route with fields replaced, added or taken away."""
    body = {name: value for name, value in {**BASES[path], **changes}.items() if value is not ABSENT}
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _route(path: str) -> str:
    return path.removeprefix("/v1/").replace("/", "-")
