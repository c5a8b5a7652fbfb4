"""Commands about models and servers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from sgl.config.sizes import gib
from sgl.errors import SglError, UsageError, echo

from ...client.about import Inspector
from ...client.cached import Startable, startable_models
from ...client.connector import Connector
from ...client.endpoint import base_url
from ...client.find import model_to_ask_for
from ...client.wish import Wish
from ...session.session import Session
from ...text.oneline import one_line
from ..copying import copy_text
from ..desk import Desk
from ..message.block import PlainBlock
from ..message.text_lines import TextLines
from ..notices import tell
from ..panels.columns_text import ColumnsText, Rows
from ..panels.server_screen import ServerScreen
from ..panels.text_screen import TextScreen
from .command import Command
from .complete import names
from .settings import changed, session_of


async def _model(screen: Desk, text: str) -> None:
    session = screen.pane.session
    if not text:
        now = f"the model is {one_line(session.model)}" if session is not None else "no model is chosen yet"
        tell(screen, f"{now}\n/models lists what there is, /model NAME changes")
        return
    models = () if session is None else await asyncio.to_thread(_served, session)
    if session is not None:
        model = model_to_ask_for(text, models, session.client.endpoint.url)
        if model in models:
            _ask_for(screen, session, model)
            return
    here = await asyncio.to_thread(startable_models, screen.setup.environ)
    found = next((each for each in here if each.name == text), None)
    if found is not None:
        _start(screen, found)
    elif session is not None and not models:  # The server does not say what it has.
        _ask_for(screen, session, text)
    else:
        near = get_close_matches(text, [*models, *(each.name for each in here)], n=1, cutoff=0.3)
        hint = f"did you mean {one_line(near[0])}?" if near else "/models lists what there is"
        raise UsageError(f"neither the server nor this machine has a model {echo(text)}", hint=hint)


def _served(session: Session) -> tuple[str, ...]:
    """What the server has; nothing, when it does not say."""
    try:
        return session.client.models()
    except SglError:  # Many endpoints have no list. One that is gone will say so when it is asked something.
        return ()


def _ask_for(screen: Desk, session: Session, model: str) -> None:
    session.model = model
    changed(screen.pane)
    tell(screen, f"the model is {one_line(model)} from now on")


def _start(screen: Desk, model: Startable) -> None:
    if model.why_not:
        raise UsageError(f"no server can be started for {one_line(model.name)}: {model.why_not}")
    tell(screen, f"starting a server for {one_line(model.name)}")
    screen.link_of(screen.pane).start(model.name)


def _known_models(screen: Desk) -> Sequence[tuple[str, str]]:
    connected = screen.link_of(screen.pane).connected
    return [(name, "") for name in connected.models] if connected is not None else []


async def _models(screen: Desk, text: str) -> None:
    session = screen.pane.session
    groups = []
    if session is not None:
        served = await asyncio.to_thread(_served, session)
        rows = [(name, "in use" if name == session.model else "") for name in served]
        groups.append(Rows(f"At {session.client.endpoint.url}", rows or [("", "the server does not list its models")]))
    here = await asyncio.to_thread(startable_models, screen.setup.environ)
    local = [(each.name, ", ".join(word for word in (gib(each.size), each.why_not) if word)) for each in here]
    groups.append(Rows("On this machine", local or [("", "none; sgl download MODEL gets one")]))
    body = ColumnsText([*groups, Rows("", [("/model NAME", "changes the model, or starts a server for it")])])
    screen.app.push_screen(TextScreen("Models", body, lambda copied: copy_text(screen, copied)))


async def _url(screen: Desk, text: str) -> None:
    if not text:
        session = screen.pane.session
        where = "there is no server yet" if session is None else f"the server is {session.client.endpoint.url}"
        tell(screen, f"{where}\n/url ADDRESS takes another one")
        return
    address = base_url(text, "/url")
    tell(screen, f"connecting to {address}")
    screen.link_of(screen.pane).connect_to(Connector(Wish(url=address), screen.setup.environ))


async def _server(screen: Desk, text: str) -> None:
    session = session_of(screen.pane)
    screen.app.push_screen(ServerScreen(session.client, screen.setup.marks, session.model))


async def _prompt(screen: Desk, text: str) -> None:
    session = session_of(screen.pane)
    prompt = await asyncio.to_thread(
        Inspector(session.client).prompt, session.request_messages(), session.model, template_fields(session)
    )
    if prompt is None:
        raise UsageError(
            "this server does not show the prompt that it makes of the messages",
            hint="sgl serve, SGLang and vLLM do, by /tokenize and /detokenize",
        )
    body = TextLines(PlainBlock(prompt))
    screen.app.push_screen(TextScreen("What the model reads", body, lambda copied: copy_text(screen, copied)))


def template_fields(session: Session) -> dict[str, object]:
    """What of a request the chat template reads, beside the messages."""
    fields = {key: session.options[key] for key in ("chat_template_kwargs",) if key in session.options}
    return {**fields, "tools": list(session.tools)} if session.tools else fields


COMMANDS: Final = (
    Command(
        "/model",
        "/model [NAME]",
        "Show or change the model.",
        _model,
        names(_known_models),
        aliases=("/load",),
        waits=True,
    ),
    Command("/models", "/models", "List the models of the server and of this machine.", _models),
    Command("/url", "/url [ADDRESS]", "Show the server's address, or go to another server.", _url, waits=True),
    Command("/server", "/server", "Show how busy the server is.", _server),
    Command("/prompt", "/prompt", "Show the text that the model reads.", _prompt),
)
