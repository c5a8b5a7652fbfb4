"""Commands about how is asked: system prompt, options, presets, reasoning, JSON, tools."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from textual.content import Content

from sgl.errors import UsageError

from ...files import read_small_text
from ...outside.tools_file import read_tools
from ...profile.profile import Preset
from ...session.schema import response_format
from ...session.thinking import LEVELS, with_thinking
from ...text.oneline import fit, one_line
from ...text.sanitize import sanitize
from ..copying import copy_text
from ..desk import Desk
from ..notices import tell
from ..panels.columns_text import ColumnsText, Rows
from ..panels.text_screen import TextScreen
from .command import Choice, Command
from .complete import options, paths, words
from .settings import (
    FORMAT,
    changed_options,
    options_of,
    set_format,
    set_options,
    set_system,
    set_tools,
    show_options,
)

_OFF: Final = "off"
_LONGEST: Final = 60
_PRESETS: Final = ("save", "load", "delete")


async def _system(screen: Desk, text: str) -> None:
    if not text:
        system = screen.setup.store.threads.get(screen.pane.thread_id).system
        if not system:
            tell(screen, "there is no system prompt\n/system TEXT sets one, /system @FILE takes it from a file")
            return
        body = Content(sanitize(system))
        screen.app.push_screen(TextScreen("System prompt", body, lambda copied: copy_text(screen, copied)))
        return
    system = "" if text == _OFF else text
    if text.startswith("@"):
        system = (await asyncio.to_thread(read_small_text, Path(text[1:]))).strip()
    for pane in screen.panes:
        set_system(pane, system)
    tell(screen, f"system prompt: {fit(one_line(system), _LONGEST)}" if system else "there is no system prompt now")


async def _set(screen: Desk, text: str) -> None:
    if text == _OFF:
        for pane in screen.panes:
            set_options(pane, {})
        tell(screen, "no options are set now: the server takes its own")
        return
    if text:
        new = [(pane, changed_options(options_of(pane), text)) for pane in screen.panes]
        for pane, changed in new:
            set_options(pane, changed)
    shown = one_line(show_options(options_of(screen.pane)))
    tell(screen, shown or "no options are set: the server takes its own\n/set temperature=0.2 sets one")


async def _preset(screen: Desk, text: str) -> None:
    verb, _, name = text.partition(" ")
    if verb not in _PRESETS:
        verb, name = "load", text
    name = name.strip()
    if not text:
        await _list_presets(screen)
        return
    if not name:
        raise UsageError(f"/preset {verb} expects a name", hint="/preset alone lists those that there are")
    profiles = screen.setup.profiles
    match verb:
        case "save":
            thread = screen.setup.store.threads.get(screen.pane.thread_id)
            session = screen.pane.session
            preset = Preset(thread.system, thread.settings, session.model if session is not None else "")
            path = await asyncio.to_thread(profiles.save_preset, name, preset)
            tell(screen, f"preset {name} is saved: {one_line(str(path))}")
        case "delete":
            await asyncio.to_thread(profiles.delete_preset, name)
            tell(screen, f"preset {name} is deleted")
        case _:
            _use(screen, name, await asyncio.to_thread(profiles.preset, name))


def _use(screen: Desk, name: str, preset: Preset) -> None:
    for pane in screen.panes:
        set_system(pane, preset.system)
        set_options(pane, preset.options)
    told = [f"preset {name}", one_line(show_options(preset.options)) or "no options"]
    told.append(f"system prompt: {fit(one_line(preset.system), _LONGEST)}" if preset.system else "no system prompt")
    if preset.model and all(pane.session is None or pane.session.model != preset.model for pane in screen.panes):
        told.append(f"it was made for {one_line(preset.model)}: /model changes to another model")
    tell(screen, "\n".join(told))


async def _list_presets(screen: Desk) -> None:
    profiles = screen.setup.profiles

    def read() -> list[tuple[str, str]]:
        return [(name, _described(profiles.preset(name))) for name in profiles.presets()]

    rows = await asyncio.to_thread(read)
    if not rows:
        tell(screen, "there are no presets yet\n/preset save NAME keeps this system prompt and these options as one")
        return
    body = ColumnsText([Rows("", rows)])
    screen.app.push_screen(TextScreen("Presets", body, lambda copied: copy_text(screen, copied)))


def _described(preset: Preset) -> str:
    words = [show_options(preset.options), fit(one_line(preset.system), _LONGEST), preset.model]
    return ", ".join(one_line(word) for word in words if word)


def _complete_preset(screen: Desk, text: str) -> list[Choice]:
    verb, blank, start = text.partition(" ")
    saved = screen.setup.profiles.presets()
    if blank and verb in _PRESETS:
        return [Choice(f"{verb} {name}", name) for name in saved if name.startswith(start)]
    verbs = words(
        ("save ", "keep this system prompt and these options"),
        ("load ", "use a preset"),
        ("delete ", "delete a preset"),
    )
    return [*(Choice(name, help="use it") for name in saved if name.startswith(text)), *verbs(screen, text)]


async def _think(screen: Desk, text: str) -> None:
    if text:
        new = [(pane, with_thinking(options_of(pane), text)) for pane in screen.panes]
        for pane, changed in new:
            set_options(pane, changed)
    tell(screen, f"reasoning: {_thinking(options_of(screen.pane))}")


def _thinking(settings: Mapping[str, object]) -> str:
    template = settings.get("chat_template_kwargs")
    switch = template.get("enable_thinking") if isinstance(template, Mapping) else None
    words = [] if switch is None else ["on" if switch else _OFF]
    words += [str(settings["reasoning_effort"])] if "reasoning_effort" in settings else []
    words += [f"at most {settings['thinking_budget']} tokens"] if "thinking_budget" in settings else []
    return one_line(", ".join(words)) or "as the model wants; /think on, off, low, medium, high or budget N"


async def _json(screen: Desk, text: str) -> None:
    format: object = {"type": "json_object"}
    if text == _OFF:
        format = None
    elif text:
        format = (await asyncio.to_thread(response_format, Path(text)))[FORMAT]
    for pane in screen.panes:
        set_format(pane, format if isinstance(format, Mapping) else None)
    if format is None:
        tell(screen, "answers are text again")
    else:
        schema = f" after the schema in {one_line(text)}" if text else ""
        tell(screen, f"answers are JSON{schema} from now on; /json off ends it")


async def _tools(screen: Desk, text: str) -> None:
    if text == _OFF:
        for pane in screen.panes:
            set_tools(pane, ())
        tell(screen, "the model has no tools now")
        return
    if text:
        tools = await asyncio.to_thread(read_tools, Path(text))
        for pane in screen.panes:
            set_tools(pane, tools)
    found = [one_line(str(tool["function"]["name"])) for tool in screen.pane.request_tools]
    if found:
        tell(screen, f"tools the model may call: {', '.join(found)}\n/tools off takes them away")
    else:
        tell(screen, "the model has no tools\n/tools FILE takes a JSON file with functions as in OpenAI's API")


COMMANDS: Final = (
    Command(
        "/system",
        "/system [TEXT|@FILE|off]",
        "Show, set or drop the system prompt.",
        _system,
        paths(("off", "no system prompt"), mark="@"),
    ),
    Command("/set", "/set [KEY=VALUE ...|off]", "Show or set options, such as temperature=0.2.", _set, options),
    Command(
        "/preset",
        "/preset [[save|load|delete] NAME]",
        "Use or keep a system prompt with options under a name.",
        _preset,
        _complete_preset,
    ),
    Command(
        "/think",
        "/think [on|off|low|medium|high|budget N]",
        "How much the model reasons before it answers.",
        _think,
        words(
            ("on", "reason first"),
            ("off", "answer at once"),
            *((level, f"{level} effort") for level in LEVELS),
            ("budget ", "at most so many tokens"),
        ),
    ),
    Command(
        "/json",
        "/json [SCHEMA.json|off]",
        "Answers in JSON, after a JSON schema if you give one.",
        _json,
        paths(("off", "text again")),
    ),
    Command(
        "/tools",
        "/tools [FILE|off]",
        "Functions that the model may call, from a JSON file.",
        _tools,
        paths(("off", "no tools")),
    ),
)
