"""What ties an engine process to its parent and keeps its memory private. Linux; the pipe works anywhere."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
import sys
import threading
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

ORPHANED: Final = 1
"""Exit code of an engine whose parent is gone; there is nobody left to read it."""


def harden() -> None:
    """Signals are the parent's to handle, core dumps would hold prompts, files are for the owner only.

    A terminal sends Ctrl-C, and a service manager SIGTERM, to every process it can find. The parent then
    drains, and needs this process until it says `Stop`; to end it by force there is SIGKILL.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    faulthandler.enable()
    if sys.platform == "linux":
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(parent_pid: int) -> bool:
    """Asks the kernel to kill this process when its parent dies; False when it is dead already.

    The kernel means the parent's thread that started this process: it must live as long as the engine
    is wanted (the thread of the event loop does).
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent_pid


def take_stdin() -> int:
    """Moves standard input to a descriptor of its own, which is returned; 0 becomes /dev/null.

    So nothing that reads standard input by accident can take the pipe's end for an answer.
    """
    lifeline = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return lifeline


def watch(lifeline: int) -> None:
    """Ends this process, from a thread, as soon as the pipe ``lifeline`` has no writer any more."""
    threading.Thread(target=_wait_for_end, args=(lifeline,), name="sgl-lifeline", daemon=True).start()


def _wait_for_end(lifeline: int) -> None:
    while os.read(lifeline, 4096):
        pass
    os._exit(ORPHANED)


def _prctl(option: int, argument: int) -> None:
    """Best effort: a container may forbid it, and the pipe is watched beside it."""
    ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0)
