"""The request id: on every answer, in every log line of the request, never used for anything else."""

from __future__ import annotations

import uuid
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = b"x-request-id"
MAX_LENGTH: Final = 128
_SCOPE_KEY: Final = "sgl.request_id"


def request_id(scope: Scope) -> str:
    """The id of the request this scope belongs to."""
    value = scope[_SCOPE_KEY]
    assert isinstance(value, str)
    return value


class RequestId:
    """Takes the client's ``x-request-id`` when it is one short printable word, else draws one, and echoes it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = _from_client(scope) or f"req-{uuid.uuid4().hex}"
        scope[_SCOPE_KEY] = identity
        header = (HEADER, identity.encode("ascii"))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        await self._app(scope, receive, send_with_id)


def _from_client(scope: Scope) -> str | None:
    """The client's own id. Only printable ASCII without blanks: it is written to logs and headers."""
    values = [value for name, value in scope["headers"] if name == HEADER]
    if len(values) != 1 or not 0 < len(values[0]) <= MAX_LENGTH:
        return None
    value: bytes = values[0]
    return value.decode("ascii") if all(0x21 <= byte <= 0x7E for byte in value) else None
