"""Every error that ``sgl`` raises on purpose, in one tree.

* `SglError` -- root; knows its HTTP status, OpenAI ``type`` and ``code``, and its process exit code
    * `UsageError` -- a flag, variable or config file is wrong (exit 2)
    * `ModelError` -- the model folder cannot be served as it is (exit 2)
        * `ModelNotFound`, `UnsupportedModel`, `CheckpointError`
    * `StartupError` -- the machine refuses: port in use, out of memory (exit 1)
        * `OutOfMemory` -- a device had less memory than the start took
    * `DownloadError` -- the hub, the network or the disk ended a download (exit 1)
    * `RequestError` -- one request is wrong (400)
        * `UnsupportedParameter`, `ContextLengthExceeded`, `UnknownModel` (404), `PayloadTooLarge` (413)
    * `AuthenticationError` (401)
    * `Unavailable` -- the request is fine, the server cannot take it now (503)
        * `QueueFull`, `Draining`, `EngineDead`
    * `EngineFailure` -- one request failed inside the engine (500)

Messages are one line and say what to do. Text from a client is quoted through `echo`, never raw.
"""

from __future__ import annotations

from typing import Final

ECHO_LIMIT: Final = 64


class SglError(Exception):
    """Root of the tree. ``str(error)`` is the one line shown to people.

    ``hint`` is a second line for the terminal: what to type instead. It never goes to a client.
    """

    http_status: int = 500
    type: str = "server_error"
    code: str | None = None
    exit_code: int = 1

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(SglError):
    """A flag, an environment variable or a config file is wrong."""

    exit_code = 2


class ModelError(SglError):
    """The model folder cannot be served as it is."""

    exit_code = 2


class ModelNotFound(ModelError):
    """There is no such folder and no such cached repository."""


class UnsupportedModel(ModelError):
    """The architecture, or a value in its config.json, is not implemented."""


class CheckpointError(ModelError):
    """The weight files are missing, damaged, or do not match the config."""


class StartupError(SglError):
    """The machine cannot do what was asked: port in use, out of memory."""


class OutOfMemory(StartupError):
    """A device had less memory than the start took, although the plan said that it would fit."""


class DownloadError(SglError):
    """The hub, the network or the disk ended a download."""


class RequestError(SglError):
    """One request is wrong; ``param`` names the field, ``code`` is OpenAI's."""

    http_status = 400
    type = "invalid_request_error"


class UnsupportedParameter(RequestError):
    """A known field that would change the answer and is not implemented."""

    code = "unsupported_parameter"


class ContextLengthExceeded(RequestError):
    """Prompt and requested output do not fit the context or the KV pool."""

    code = "context_length_exceeded"


class UnknownModel(RequestError):
    """The request names a model that is not served here."""

    http_status = 404
    code = "model_not_found"


class PayloadTooLarge(RequestError):
    """The request body is over the limit."""

    http_status = 413
    code = "request_too_large"


class AuthenticationError(SglError):
    """No key, or a wrong one."""

    http_status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Unavailable(SglError):
    """The request is fine; the server cannot take it now. ``retry_after`` is in seconds."""

    http_status = 503
    type = "server_error"
    retry_after: int = 1

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueFull(Unavailable):
    """The bounded queue is full."""

    code = "queue_full"


class Draining(Unavailable):
    """The server is shutting down and takes no new requests."""

    code = "draining"


class EngineDead(Unavailable):
    """The engine process is gone."""

    code = "engine_dead"


class EngineFailure(SglError):
    """One request failed inside the engine; others are unaffected."""

    code = "engine_error"


def echo(value: object) -> str:
    """Quotes a client's value for a message: printable, escaped, at most 64 characters."""
    text = ascii(value)
    return text if len(text) <= ECHO_LIMIT else text[: ECHO_LIMIT - 3] + "..."
