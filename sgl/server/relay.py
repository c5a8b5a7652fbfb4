"""`Relay`: passes on what the engine process writes, line by line, so that it cannot tear what is drawn meanwhile."""

from __future__ import annotations

import contextlib
import os
import threading
from types import TracebackType
from typing import Final, TextIO

LAST_WORDS_SECONDS: Final = 2.0
"""How long the lines of an engine that is gone may take to be passed on."""


class Relay:
    """A pipe for the engine's standard error, and a thread that copies it to ``stream`` while the context is open.

    Attributes:
        descriptor: The pipe's end for the engine.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._reading, self.descriptor = os.pipe()
        self._thread = threading.Thread(target=self._copy, name="sgl-relay", daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)
        self._thread.join(LAST_WORDS_SECONDS)

    def _copy(self) -> None:
        with open(self._reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                # A terminal that is gone takes nothing; an engine that nobody reads from would stand still.
                with contextlib.suppress(OSError):
                    self._stream.write(line)
                    self._stream.flush()
