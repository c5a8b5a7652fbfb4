"""What can go wrong between us and a server, each as one line that says what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sgl.errors import SglError, echo

from ..text.oneline import fit, one_line

LONGEST_MESSAGE: Final = 400


class ChatError(SglError):
    """The server, or the way to it, failed."""


class NoServer(ChatError):
    """There is nobody to talk to."""


class NotAnApi(ChatError):
    """What answers does not speak OpenAI's API."""


class Refused(ChatError):
    """The server answered with an error.

    Attributes:
        status: HTTP status; 0 for an error inside a stream.
        said: The server's own words, on one line.
    """

    def __init__(self, message: str, *, status: int, said: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.said = said


def refused(
    status: int, body: bytes, *, url: str, model: str, models: Sequence[str], has_key: bool, retry_after: str = ""
) -> Refused:
    """The error for an answer with a status other than 200.

    Args:
        status: HTTP status.
        body: What the server sent with it.
        url: Base address of the API.
        model: What was asked for; empty when the request was for the list of models.
        models: What the server says it has.
        has_key: Whether a key was sent.
        retry_after: The header of that name.
    """
    said = error_text(body)
    quoted = f": {said}" if said else ""
    hint: str | None = None
    match status:
        case 401 | 403:
            message = f"{url} refuses the key{quoted}" if has_key else f"{url} asks for a key{quoted}"
            hint = "give it with --api-key KEY or in SGL_API_KEY"
        case 404 if models and model not in models:
            message = f"there is no model {echo(model)} at {url}"
            hint = f"it has: {fit(', '.join(map(one_line, models)), LONGEST_MESSAGE)}"
        case 404 if not model:
            message = f"{url} does not list its models"
            hint = "name one with -m MODEL; --url takes the base address of an OpenAI API"
        case 404:
            message = f"{url} has no chat completions or no model {echo(model)}{quoted}"
            hint = "--url takes the base address of an OpenAI API, such as http://127.0.0.1:30000/v1"
        case 429 | 503:
            message = f"the server takes no request now{quoted}"
            hint = f"try again in {retry_after} s" if retry_after.isdecimal() else "try again in a moment"
        case _ if 300 <= status < 400:
            message = f"{url} sends requests elsewhere (status {status})"
            hint = "give the address that it leads to with --url"
        case _ if 400 <= status < 500:
            message = f"the server refuses the request{quoted or f' ({status})'}"
        case _:
            message = f"the server failed with status {status}{quoted}"
    return Refused(message, status=status, said=said, hint=hint)


def failed_in_stream(error: object) -> Refused:
    """The error for an error object among the pieces of an answer."""
    said = _message_of(error)
    return Refused(f"the server failed while it answered: {said}", status=0, said=said)


def cut_off(url: str) -> ChatError:
    """The connection ended before the answer did."""
    return ChatError(f"{url} closed the connection in the middle of the answer", hint="what had come is kept")


def silent(url: str, seconds: float) -> ChatError:
    """Nothing came for too long."""
    return ChatError(f"{url} has said nothing for {seconds:g} s", hint="'sgl ps' shows whether a server of yours lives")


def not_an_api(url: str) -> NotAnApi:
    """An answer that is none of OpenAI's."""
    hint = "--url takes the base address of an OpenAI API, such as http://127.0.0.1:30000/v1"
    return NotAnApi(f"what {url} answers is not of OpenAI's API", hint=hint)


def unreachable(url: str, reason: str) -> NoServer:
    """No connection could be made."""
    return NoServer(f"cannot reach {url}: {one_line(reason)}", hint="'sgl ps' lists servers; 'sgl serve -d' starts one")


def error_text(body: bytes) -> str:
    """The server's words in the body of an error, on one line: OpenAI's form, FastAPI's, or text."""
    text = body.decode("utf-8", "replace")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else fit(one_line(text), LONGEST_MESSAGE)
    if isinstance(content, dict):
        return _message_of(content.get("error", content))
    return fit(one_line(text), LONGEST_MESSAGE)


def _message_of(error: object) -> str:
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error
    return fit(one_line(error if isinstance(error, str) else json.dumps(error)), LONGEST_MESSAGE)
