"""The outermost handler: whatever a route raises, the client gets one well-formed error object."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sgl.errors import SglError
from sgl.server.errors import ClientGone, error_response, internal_error
from sgl.server.requestid import request_id

logger = logging.getLogger(__name__)


class ErrorBoundary:
    """Turns exceptions into answers. Streams handle their own once the first byte is out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientGone:
            logger.debug("request %s: the client left before the answer", request_id(scope))
        except SglError as error:
            if started:
                raise
            await error_response(error)(scope, receive, send)
        except Exception:
            logger.exception("request %s failed by a bug of ours", request_id(scope))
            if started:
                raise
            await error_response(internal_error(request_id(scope)))(scope, receive, send)
