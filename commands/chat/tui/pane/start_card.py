"""`StartCard`: the steps of a server's start, where the answer will be."""

from __future__ import annotations

import time
from typing import Final

from textual.content import Content
from textual.widgets import Static

from sgl.runs.phase_lines import PhaseLine, phase_lines

from ...client.progress import Looking, Progress, Starting
from ...text.oneline import one_line
from ..look import Marks

_STYLES: Final = {"done": "$text-success", "running": "bold", "failed": "$text-error", "waiting": "dim"}


class StartCard(Static):
    """Shows how far the way to a server is."""

    def __init__(self, marks: Marks) -> None:
        super().__init__("", classes="start-card")
        self._marks = marks
        self._progress: Progress | None = None
        self._failed = False

    def on_mount(self) -> None:
        """Times that run are drawn again."""
        self.set_interval(0.25, self._draw)

    def show(self, progress: Progress) -> None:
        """Shows a step."""
        self._progress, self._failed = progress, False
        self._draw()

    def fail(self) -> None:
        """The start has failed: shows where it did, and nothing of what would have come."""
        self._failed = True
        self._draw()

    def _draw(self) -> None:
        match self._progress:
            case None:
                return
            case Looking(where):
                self.update(Content(f"looking for a server: {one_line(where)}"))
            case Starting(model=model, phases=phases, note=note):
                doing = "could not start" if self._failed else "starting"
                head = f"{doing} a server for {one_line(model)}"
                lines = [self._line(line) for line in phase_lines(phases, time.time(), failed=self._failed)]
                notes = [Content(one_line(note))] if note and not self._failed else []
                self.update(Content("\n").join([Content(head), *lines, *notes]))
            case waiting:
                head = f"server {waiting.server_id} is still starting: {one_line(waiting.model)}"
                lines = [self._line(line) for line in phase_lines(waiting.phases, time.time())]
                self.update(Content("\n").join([Content(head), *lines]))

    def _line(self, line: PhaseLine) -> Content:
        mark = {"done": "✓", "running": "·", "failed": "✗"}.get(line.state, " ")
        if not self._marks.unicode:
            mark = {"done": "+", "running": "*", "failed": "x"}.get(line.state, " ")
        return Content.styled(f"  {mark} {line.title:<20} {line.text}".rstrip(), _STYLES[line.state])
