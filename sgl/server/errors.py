"""Errors as HTTP answers: the nested OpenAI object, the right status, the right headers.

The tree itself is `sgl.errors`; here are only the kinds that need HTTP words, and the rendering. Text that
reaches a client comes from messages written in this package; an unforeseen exception becomes a constant
sentence with the request id.
"""

from __future__ import annotations

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sgl.errors import AuthenticationError, EngineFailure, PayloadTooLarge, RequestError, SglError, Unavailable, echo


class RouteNotFound(RequestError):
    """No such path."""

    http_status = 404
    code = "not_found"


class MethodNotAllowed(RequestError):
    """The path exists, not for this method; ``allowed`` becomes the Allow header."""

    http_status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class UnsupportedMediaType(RequestError):
    """The body is not sent as JSON in UTF-8."""

    http_status = 415
    code = "unsupported_media_type"


class BodyTimeout(RequestError):
    """The body did not arrive in time."""

    http_status = 408
    code = "body_timeout"


class AmbiguousLength(RequestError):
    """The end of the body is given in two ways."""

    code = "ambiguous_length"


class QueueTimeout(Unavailable):
    """The request waited too long for its turn."""

    code = "queue_timeout"


class RequestTimeout(Unavailable):
    """The request took longer than the server lets any request take."""

    http_status = 504
    code = "request_timeout"


class RequestAborted(Unavailable):
    """The request was ended by the operator or by a shutdown before it was done."""

    code = "request_aborted"


class ClientGone(Exception):
    """The client closed the connection, or reads nothing: there is nobody to answer."""


def error_body(error: SglError) -> dict[str, dict[str, str | None]]:
    """The JSON object that stands for ``error`` in every answer and every stream."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }


def error_response(error: SglError) -> Response:
    """A whole HTTP answer for ``error``."""
    headers: dict[str, str] = {}
    if isinstance(error, Unavailable):
        headers["retry-after"] = str(error.retry_after)
    if isinstance(error, AuthenticationError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = error.allowed
    if isinstance(error, BodyTimeout | PayloadTooLarge | AmbiguousLength):
        # The rest of the body is not read, so the connection cannot carry another request.
        headers["connection"] = "close"
    return Response(
        msgspec.json.encode(error_body(error)),
        status_code=error.http_status,
        headers=headers,
        media_type="application/json",
    )


def internal_error(request_id: str) -> EngineFailure:
    """What a client is told about a bug of ours: nothing but the id under which the log has it."""
    return EngineFailure(
        f"The server had an internal error. Quote request id {request_id} when you report it.", code="internal_error"
    )


async def translate_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, no route and wrong method, as ours. Registered for `HTTPException`."""
    path = echo(request.scope["path"])
    match error:
        case HTTPException(status_code=404):
            refusal: SglError = RouteNotFound(f"There is no route {path}; GET /v1/models shows that the server is up.")
        case HTTPException(status_code=405, headers={"Allow": str(methods)}):
            allowed = ", ".join(sorted(methods.split(", ")))
            refusal = MethodNotAllowed(
                f"{path} does not take {echo(request.scope['method'])}; use {allowed}.", allowed=allowed
            )
        case _:
            raise error
    return error_response(refusal)
