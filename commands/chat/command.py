"""``sgl chat``: reads the flags, opens the store, and hands over to a one-shot question or to a conversation.

What a run needs is imported when it is known which kind it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sgl.errors import UsageError

if TYPE_CHECKING:
    from .client.wish import Wish
    from .oneshot.output import Form
    from .session.open import Choice
    from .store.chat_store import ChatStore

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class ExportFormat(str, Enum):
    """Formats of ``--export``; `transfer.export` says what each holds."""

    md = "md"
    json = "json"
    jsonl = "jsonl"
    html = "html"


MOST_SIDE_BY_SIDE: Final = 2
_NO_QUESTION: Final = "a conversation needs a terminal for its input and its output"


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def chat(
    prompt: Annotated[
        str | None, typer.Option("-p", "--prompt", metavar="TEXT", help="Ask this, print the answer and end.")
    ] = None,
    files: Annotated[
        list[str] | None, typer.Option("-f", "--file", metavar="FILE", help="Add a text file. May be repeated.")
    ] = None,
    pictures: Annotated[
        list[str] | None,
        typer.Option("-a", "--attach", metavar="FILE", help="Add a picture; - reads standard input. May be repeated."),
    ] = None,
    system: Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="The system prompt.")] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", metavar="KEY=VALUE", help="Such as temperature=0.2. May be repeated."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--model",
            metavar="MODEL",
            help="Talk to this model; it is served here if nobody does. Given twice, two answer side by side.",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Any server with OpenAI's API. Without it, SGL_URL, OPENAI_BASE_URL, sgl ps."),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option("--api-key", metavar="KEY", help="The server's key. Without it, SGL_API_KEY, OPENAI_API_KEY."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a server running that this chat started.")] = False,
    latest: Annotated[bool, typer.Option("-c", "--continue", help="Go on with the latest chat.")] = False,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="Go on with this chat; part of its id is enough.")
    ] = None,
    no_save: Annotated[bool, typer.Option("-n", "--no-save", help="Keep nothing of this chat.")] = False,
    first_code: Annotated[
        bool, typer.Option("-x", "--extract", help="Print only the first block of code of the answer.")
    ] = False,
    last_code: Annotated[bool, typer.Option("--xl", "--extract-last", help="Print only the last one.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with usage and timings.")] = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print each event as a line of JSON.")] = False,
    schema: Annotated[
        Path | None, typer.Option("--schema", metavar="FILE", help="Ask for an answer after this JSON schema.")
    ] = None,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Ask for the whole answer at once.")] = False,
    hide_reasoning: Annotated[
        bool,
        typer.Option("-R", "--hide-reasoning", help="Show no reasoning; so it is when the output is no terminal."),
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave control characters in an answer that goes to a pipe or a file.")
    ] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Show speed and tokens on standard error.")] = False,
    fail_on_length: Annotated[
        bool, typer.Option("--fail-on-length", help="Exit with 3 when the answer is cut off by max_tokens.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Chat line by line, which screen readers can follow.")] = False,
    list_chats: Annotated[bool, typer.Option("--list", help="List the chats that are kept.")] = False,
    export: Annotated[str | None, typer.Option("--export", metavar="ID", help="Print a chat.")] = None,
    export_format: Annotated[
        ExportFormat, typer.Option("--format", metavar="FORMAT", help="Of --export: md, json, jsonl or html.")
    ] = ExportFormat.md,
    import_file: Annotated[
        Path | None,
        typer.Option("--import", metavar="FILE", help="Read chats of sgl, ChatGPT, Open WebUI or llm."),
    ] = None,
    delete: Annotated[str | None, typer.Option("--delete", metavar="ID", help="Delete a chat.")] = None,
    db: Annotated[
        Path | None, typer.Option("--db", metavar="FILE", help="Keep chats here, not in ~/.local/share/sgl/chat.db.")
    ] = None,
) -> int:
    """Chat with a model.

    At a terminal it is a conversation on the whole screen; F1 shows its keys. With -p, or with text piped in, it
    prints one answer and ends: the answer goes to standard output, all else to standard error. It finds the server
    that runs here, or talks to any other.
    """
    from .client.wish import Wish  # From here on a chat really runs; help and wrong flags have been answered.
    from .session.open import Choice
    from .session.options import read_options
    from .session.schema import response_format

    _one_of({"--json": as_json, "--jsonl": as_jsonl, "-x": first_code, "--xl": last_code})
    _one_of({"-c": latest, "--session": session, "-n": no_save and (latest or bool(session))})
    _one_of({"--list": list_chats, "--export": export, "--import": import_file, "--delete": delete})
    wishes = [Wish(url, model, api_key, keep) for model in models or (None,)]
    choice = Choice(latest, session, system, read_options(options or ()))
    managing = list_chats or export is not None or import_file is not None or delete is not None
    with _store(db, no_save) as store:
        if managing:
            return _manage(store, list_chats, as_json, export, export_format, import_file, delete)
        if prompt is None and not files and not pictures and sys.stdin.isatty():
            form = _form(as_json, as_jsonl, first_code, last_code)
            extra = {} if schema is None else response_format(schema)
            return _converse(store, wishes, choice, form, plain, not hide_reasoning, stats, not no_stream, extra)
        from .oneshot.prompt import Question
        from .oneshot.run import Oneshot

        return Oneshot(
            Question(prompt, files or (), pictures or ()),
            _only(wishes),
            choice,
            form=_form(as_json, as_jsonl, first_code, last_code),
            reasoning=sys.stdout.isatty() and not hide_reasoning,
            raw=raw,
            stream=not no_stream,
            schema=schema,
            stats=stats,
            fail_on_length=fail_on_length,
        ).run(store)


def _store(db: Path | None, no_save: bool) -> ChatStore:
    from .store.chat_store import memory_store, open_store

    if no_save:
        return memory_store()
    return open_store(None if db is None else db.expanduser(), os.environ)


def _converse(
    store: ChatStore,
    wishes: Sequence[Wish],
    choice: Choice,
    form: Form,
    plain: bool,
    reasoning: bool,
    stats: bool,
    stream: bool,
    extra: Mapping[str, object],
) -> int:
    if form != "text" or not sys.stdout.isatty():
        raise UsageError(_NO_QUESTION, hint="to ask one question: sgl chat -p 'QUESTION'")
    if plain or os.environ.get("TERM") == "dumb":
        from .repl.repl import Repl

        return Repl(_only(wishes), choice, reasoning=reasoning, stats=stats, stream=stream, extra=extra).run(store)
    if len(wishes) > MOST_SIDE_BY_SIDE:
        raise UsageError(f"at most {MOST_SIDE_BY_SIDE} models answer side by side", hint="leave out one -m")
    import gc

    gc.disable()  # Nothing that an import makes is garbage; the screen turns it on again.
    from .tui.run import FullScreen

    return FullScreen(wishes, choice, stream=stream, show_reasoning=reasoning, extra=extra).run(store)


def _only(wishes: Sequence[Wish]) -> Wish:
    """The one server of a chat without a screen.

    Raises:
        UsageError: More than one model is named.
    """
    if len(wishes) > 1:
        raise UsageError("models answer side by side on the whole screen only", hint="give -m once, or leave out -p")
    return wishes[0]


def _manage(
    store: ChatStore,
    list_chats: bool,
    as_json: bool,
    export_id: str | None,
    export_format: ExportFormat,
    import_file: Path | None,
    delete_id: str | None,
) -> int:
    from .oneshot.manage import delete, export, import_chats, list_threads

    if list_chats:
        return list_threads(store, as_json=as_json)
    if export_id is not None:
        return export(store, export_id, export_format.value)
    if import_file is not None:
        return import_chats(store, import_file.expanduser())
    return delete(store, delete_id or "")


def _form(as_json: bool, as_jsonl: bool, first_code: bool, last_code: bool) -> Form:
    if as_json:
        return "json"
    if as_jsonl:
        return "jsonl"
    return "first code" if first_code else "last code" if last_code else "text"


def _one_of(flags: dict[str, object]) -> None:
    """Refuses flags that exclude each other.

    Raises:
        UsageError: More than one is given.
    """
    given = [name for name, value in flags.items() if value]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} exclude each other", hint=f"leave out {given[1]}")
