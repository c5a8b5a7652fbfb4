"""The commands of ``sgl``, in the order of help. Nothing is imported until a command is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import typer

RUN: Final = "Serve and run"
MODELS: Final = "Models"
MACHINE: Final = "This machine"
GROUPS: Final = (RUN, MODELS, MACHINE)


class Command(NamedTuple):
    """One row. ``app`` and ``page`` read ``module:attribute``; a module of this package begins with a dot.

    Attributes:
        name: As it is typed.
        summary: One line for the list of commands.
        group: Heading in the list of commands.
        app: The Typer app that runs it.
        page: A function from the words after the name, and how the program is called (``sgl serve``), to the help
            they ask for, None when they ask for none; free of heavy imports. Empty for a command whose page is
            pre-rendered from its Typer app (`sgl_cli.pages`).
    """

    name: str
    summary: str
    group: str
    app: str
    page: str = ""

    def load_app(self) -> typer.Typer:
        """Imports the Typer app."""
        app: typer.Typer = _load(self.app)
        return app

    def load_page(self) -> Callable[[Sequence[str], str], str | None]:
        """Imports the function that writes the help."""
        page: Callable[[Sequence[str], str], str | None] = _load(self.page)
        return page


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module, __package__), attribute)


COMMANDS: Final = (
    Command(
        "serve",
        "Serve a model over HTTP: OpenAI's API and SGLang's own.",
        RUN,
        app=".serve:app",
        page="sgl.config.help:asked_help",
    ),
    Command("chat", "Chat with a model.", RUN, app=".chat.command:app"),
    Command("bench", "Put load on a server and measure it.", RUN, app=".bench.command:app"),
    Command("ps", "List the servers that run on this machine.", RUN, app=".ps:app"),
    Command("stop", "Stop a server.", RUN, app=".stop:app"),
    Command("logs", "Show the log of a background server.", RUN, app=".logs:app"),
    Command("download", "Download a model from the Hugging Face hub.", MODELS, app=".download:app"),
    Command("models", "List, show and remove downloaded models.", MODELS, app=".models:app"),
    Command("doctor", "Check this machine, and whether a model fits it.", MACHINE, app=".doctor:app"),
    Command("completion", "Print the completion script of a shell.", MACHINE, app=".completion.command:app"),
)

PLANNED: Final[tuple[str, ...]] = ()
"""Names that are kept for later versions; calling one says so."""
