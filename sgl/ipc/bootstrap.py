"""`Bootstrap`: the first thing an engine process is told, as one line of JSON on its standard input.

Standard input and not the command line, which every user of the machine can read. The pipe stays open
afterwards: its end tells the engine that its parent is gone.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec

from sgl.config.engine import EngineConfig
from sgl.errors import StartupError

MAX_BYTES: Final = 1024 * 1024


class Bootstrap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an engine process needs to begin.

    Attributes:
        config: The engine to be.
        directory: Folder of the two sockets.
        epoch: Random number of this life of the engine; frames with another are dropped.
        parent_pid: The process that must outlive the engine.
    """

    config: EngineConfig
    directory: str
    epoch: int
    parent_pid: int

    def to_line(self) -> bytes:
        """One line of JSON with its line end."""
        return msgspec.json.encode(self) + b"\n"


def read_bootstrap(fd: int) -> Bootstrap:
    """Reads the line from ``fd``, and not a byte more.

    Raises:
        StartupError: The pipe ended early, or the line is no bootstrap.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte or len(line) == MAX_BYTES:
            raise StartupError("the engine process is started by sgl itself; its first line of input is missing")
        line += byte
    try:
        return msgspec.json.decode(line, type=Bootstrap)
    except msgspec.MsgspecError as error:
        raise StartupError(f"the engine process got a bootstrap it cannot read: {error}") from error
