"""`Failed` messages back into the errors they were made from."""

from __future__ import annotations

from sgl.errors import ContextLengthExceeded, EngineFailure, QueueFull, RequestError, SglError, Unavailable
from sgl.protocol.messages import Failed


def error_of(failed: Failed) -> SglError:
    """The error an engine answered a request with."""
    if failed.code == ContextLengthExceeded.code:
        return ContextLengthExceeded(failed.message, param=failed.param)
    if failed.code == QueueFull.code:
        return QueueFull(failed.message)
    if failed.http_status == Unavailable.http_status:
        return Unavailable(failed.message)
    if failed.http_status == RequestError.http_status:
        return RequestError(failed.message, param=failed.param, code=failed.code)
    return EngineFailure(failed.message, param=failed.param, code=failed.code)
