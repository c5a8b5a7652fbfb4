"""Who may call: bearer keys on every route but the probes, compared without telling anything by time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from sgl.errors import AuthenticationError

PUBLIC_PATHS: Final = frozenset({"/health", "/health_generate", "/livez", "/readyz"})
"""What a load balancer may ask without a key, by exact path. Everything else is denied by default."""

_SCOPE_KEY: Final = "sgl.tenant"


def tenant(scope: Scope) -> str:
    """A short name of the key that was shown, "" while there is at most one; separates prefix caches."""
    value = scope.get(_SCOPE_KEY, "")
    assert isinstance(value, str)
    return value


def cache_namespace(scope: Scope, *salts: str) -> str:
    """Name of the prefix cache a request may share: its key's when there are several, and the client's salts."""
    parts = (tenant(scope), *salts)
    # JSON, so that ("a", "bc") and ("ab", "c") stay apart.
    return msgspec.json.encode(parts).decode() if any(parts) else ""


class Auth:
    """Answers 401 unless the request shows one of the keys. Without keys everybody may call.

    The path is taken from the scope as the router sees it, never from a URL built with the Host header.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._digests = tuple(_digest(key.encode("utf-8")) for key in keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "There are no websocket routes."})
            return
        if scope["type"] == "http" and self._digests and not _is_public(scope):
            scope[_SCOPE_KEY] = self._identify(scope)
        await self._app(scope, receive, send)

    def _identify(self, scope: Scope) -> str:
        shown = _digest(_bearer_token(scope))
        found = ""
        for digest in self._digests:
            # No early exit: the time must not depend on which key matched.
            if hmac.compare_digest(digest, shown):
                found = digest.hex()[:16]
        if not found:
            raise AuthenticationError("Incorrect API key provided; check the key this server was started with.")
        return found if len(self._digests) > 1 else ""


def _is_public(scope: Scope) -> bool:
    return scope["path"] in PUBLIC_PATHS and scope["method"] in ("GET", "HEAD")


def _bearer_token(scope: Scope) -> bytes:
    values: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if not values:
        raise AuthenticationError("No API key provided; send it as 'Authorization: Bearer KEY'.")
    scheme, _, token = values[0].partition(b" ")
    if len(values) > 1 or scheme.lower() != b"bearer":
        raise AuthenticationError("The API key must come in one header, as 'Authorization: Bearer KEY'.")
    return token.strip(b" ")


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
