"""`ModelPicker`: no server runs, so here are the models of this machine that one could be started for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from sgl.config.sizes import gib
from sgl.errors import SglError

from ...client.cached import Startable, startable_models
from ...text.oneline import one_line
from .error_card import ErrorCard

TITLE: Final = "No server is running. Choose a model of this machine to start one."
KEYS: Final = "Enter starts it for this chat, r looks for a server again, Esc goes back to the composer"
NOTHING: Final = "No server is running, and there is no model on this machine that one could be started for."
DOWNLOAD: Final = "'sgl download MODEL' in a shell gets one, such as Qwen/Qwen3-0.6B; then r looks again."


class ModelPicker(Vertical):
    """Stands below the messages until there is a server."""

    BINDINGS: ClassVar[list[BindingType]] = [("r", "look_again", "Look for a server again")]

    class Chosen(Message):
        """A server is to be started."""

        def __init__(self, picker: ModelPicker, model: str) -> None:
            super().__init__()
            self.picker = picker
            self.model = model

    class Loaded(Message):
        """What a thread has found on the disk."""

        def __init__(self, models: Sequence[Startable], error: str = "") -> None:
            super().__init__()
            self.models = models
            self.error = error

    def __init__(self, environ: Mapping[str, str]) -> None:
        """
        Args:
            environ: Environment variables: they say where the models are.
        """
        super().__init__(classes="model-picker")
        self._environ = environ
        self._head = Static(Content("No server is running; looking for models here."), classes="dialog-title")
        self._list = OptionList(classes="model-list", markup=False)
        self._keys = Static("", classes="dialog-keys")

    def compose(self) -> ComposeResult:
        """What is wrong, models, keys."""
        yield self._head
        yield self._list
        yield self._keys

    def on_mount(self) -> None:
        """Reads the disk, in a thread."""
        self._list.display = False
        self.run_worker(self._find, thread=True, exit_on_error=False)

    def take_focus(self) -> None:
        """The keys are its own from now on."""
        self._list.focus()

    def on_model_picker_loaded(self, event: Loaded) -> None:
        """Shows what was found: first what can be started."""
        event.stop()
        models = event.models
        startable = [model for model in models if not model.why_not]
        had_focus = self._list.has_focus
        self._list.set_options([Option(_row(model), id=model.name, disabled=bool(model.why_not)) for model in models])
        self._list.display = bool(models)
        self._list.highlighted = 0 if startable else None
        self._head.update(Content(event.error or (TITLE if startable else NOTHING)))
        self._keys.update(Content(KEYS if startable else DOWNLOAD))
        if had_focus or not models:
            self._list.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a click."""
        event.stop()
        if event.option.id is not None:
            self.post_message(self.Chosen(self, event.option.id))

    def action_look_again(self) -> None:
        """r."""
        self.post_message(ErrorCard.Retry())

    def _find(self) -> None:
        try:
            models, error = startable_models(self._environ), ""
        except SglError as failure:
            models, error = (), one_line(f"the models of this machine cannot be read: {failure.message}")
        self.post_message(self.Loaded(models, error))


def _row(model: Startable) -> Content:
    """Name, size, and why it cannot be started."""
    name = Content(one_line(model.name))
    if model.size:
        name = Content.assemble(name, (f"  {gib(model.size)}", "dim"))
    return Content.assemble(name, f"  {one_line(model.why_not)}") if model.why_not else name
