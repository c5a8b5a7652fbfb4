"""``python -m sgl.tokenizer.renderer``: renders chat templates, alone in a limited process.

A chat template comes with the model and is a program: jinja2's sandbox keeps it from Python's internals
but bounds neither its time nor its memory. So it runs here, where the kernel ends what takes too much of
either, and where `sgl.tokenizer.helper` can end it, too.

Protocol: one JSON object per line, on standard input and output.

* first in: ``{"templates": {name: text}, "variables": {...}, "cpu_seconds": number}``; the variables are
  given to every rendering, and none may take more CPU time.
* twice out: ``{"started": true}`` once Python is up, then ``{"parts": bool}``: whether contents must be
  lists of parts because the template shows nothing of a plain string.
* then, in: ``{"template": name, "variables": {...}}``; out: ``{"text": str}``.

Instead of its answer each line may bring ``{"failed": kind, "message": str}``, where ``kind`` is ``syntax``,
``limit``, ``refused`` (the template called raise_exception) or ``error``. The process ends with its input.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final, NoReturn

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_OUTPUT: Final = 16 * 1024 * 1024
"""Most characters one rendering may have."""

MAX_ADDRESS_SPACE: Final = 768 * 1024 * 1024
"""Bytes of address space: a 4 MiB request rendered into `MAX_OUTPUT` fits, a runaway string does not."""

PROBE: Final = "probe"
"""Content of the message that is rendered once to learn what the template does with contents."""


class Refusal(TemplateError):
    """The template called ``raise_exception``."""


class TooLong(Exception):
    """The rendering has more than `MAX_OUTPUT` characters."""


class GenerationTag(Extension):
    """``{% generation %}...{% endgeneration %}`` marks the model's own turns for training; here it only scopes."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it as an instance-typed class attribute

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


def make_environment() -> ImmutableSandboxedEnvironment:
    """The sandbox with the names and whitespace rules that chat templates are written for."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, GenerationTag]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _raise_exception(message: object) -> NoReturn:
    raise Refusal(str(message))


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Plain JSON: jinja2's own filter would escape ``<``, ``>``, ``&`` and ``'`` for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Renderer:
    """The compiled templates and what every rendering can see."""

    def __init__(self, templates: Mapping[str, str], variables: Mapping[str, Any]) -> None:
        environment = make_environment()
        self._templates = {name: environment.from_string(text) for name, text in templates.items()}
        self._variables = dict(variables)

    def render(self, template: str, variables: Mapping[str, Any]) -> str:
        """Renders; raises whatever the template raises, or `TooLong`."""
        chosen: Template = self._templates[template]
        chunks: list[str] = []
        length = 0
        for chunk in chosen.generate(**(self._variables | dict(variables))):
            length += len(chunk)
            if length > MAX_OUTPUT:
                raise TooLong
            chunks.append(chunk)
        return "".join(chunks)

    def wants_parts(self) -> bool:
        """Whether a plain string content leaves nothing in the prompt while a list of parts does.

        Raises:
            TooLong, MemoryError, RecursionError, OverflowError: The template is not usable at all.
        """
        return not self._shows(PROBE) and self._shows([{"type": "text", "text": PROBE}])

    def _shows(self, content: object) -> bool:
        name = "default" if "default" in self._templates else next(iter(self._templates))
        variables = {
            "messages": [{"role": "user", "content": content}],
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
        }
        try:
            return PROBE in self.render(name, variables)
        except (TooLong, MemoryError, RecursionError, OverflowError):
            raise
        except Exception:  # A template may insist on a system message or on another shape of content.
            return False


def answer(renderer: Renderer, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one request line."""
    try:
        text = renderer.render(request["template"], request["variables"])
        text.encode()  # A template's own '\ud800' cannot be sent, nor tokenised.
    except Exception as error:  # Templates can raise anything; the process goes on with the next request.
        return failure(error)
    return {"text": text}


def failure(error: Exception) -> dict[str, Any]:
    """Says what stopped a template, as one answer."""
    match error:
        case Refusal():
            return {"failed": "refused", "message": str(error)}
        case TooLong():
            return {"failed": "limit", "message": f"its text has more than {MAX_OUTPUT} characters"}
        case MemoryError():
            return {"failed": "limit", "message": "it needs too much memory"}
        case RecursionError():
            return {"failed": "limit", "message": "it calls itself too deeply"}
        case OverflowError():
            return {"failed": "limit", "message": f"it counts too far: {error}"}
        case TemplateSyntaxError():
            return {"failed": "syntax", "message": f"line {error.lineno}: {error.message}"}
        case _:
            return {"failed": "error", "message": f"{type(error).__name__}: {error}"}


def confine() -> None:
    """Limits this process's memory for good; its CPU time is limited per request."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; this process ends with its input.


@contextlib.contextmanager
def cpu_time(seconds: float) -> Iterator[None]:
    """Lets the kernel end this process (SIGPROF) when the body takes more CPU time.

    Not wall time: a template cannot wait for anything, but a busy machine makes it wait.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers line by line until the input ends."""

    def say(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value).encode() + b"\n")
        answers.flush()

    say({"started": True})
    first = json.loads(requests.readline() or b"{}")
    if not first:
        return
    seconds: float = first["cpu_seconds"]
    try:
        with cpu_time(seconds):
            renderer = Renderer(first["templates"], first["variables"])
            say({"parts": renderer.wants_parts()})
    except Exception as error:  # As in `answer`: templates can raise anything, here also while compiled.
        say(failure(error))
        return
    for line in requests:
        with cpu_time(seconds):
            say(answer(renderer, json.loads(line)))


def main() -> int:
    confine()
    serve(sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
