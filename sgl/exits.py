"""How a program of ours ends: an exit code, and on failure one ``error:`` line with an optional hint.

Exit codes: 0 done, 1 the machine or the engine failed, 2 wrong usage, 3 a check failed, 130 interrupted;
a server has two more (`sgl.server.run`).
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Final

from sgl.env import DEBUG
from sgl.errors import SglError
from sgl.log import escape

INTERRUPTED: Final = 130
"""128 + SIGINT, as shells count it."""


def run(program: Callable[[], int], environ: Mapping[str, str] = os.environ) -> int:
    """Runs ``program`` and returns its exit code; every exception becomes one, and a short text on stderr.

    ``SGL_DEBUG=1`` shows the traceback before it.
    """
    try:
        code = program()
        print(end="", flush=True)  # Now, not at exit, so that a reader who has gone is noticed here.
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`sgl --help | head`). What is buffered has nowhere to go, and
        # the interpreter would complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SglError as error:
        _show_traceback(environ)
        report(error)
        return error.exit_code
    except Exception as error:  # The end of the program: there is no one further out to tell.
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            # Nobody's bug: a full disk, which is also what a redirected output may end on.
            report(SglError(f"cannot write {error.filename or 'the output'}: {error.strerror}"))
        elif not _show_traceback(environ):
            print(f"error: {escape(_describe(error))}", file=sys.stderr)
            print("  hint: this is a bug in sgl; SGL_DEBUG=1 shows where it happened", file=sys.stderr)
        return 1
    return code


def report(error: SglError) -> None:
    """Prints ``error: ...`` and, where there is one, ``  hint: ...`` on stderr."""
    print(f"error: {escape(error.message)}", file=sys.stderr)
    if error.hint is not None:
        print(f"  hint: {escape(error.hint)}", file=sys.stderr)


def _show_traceback(environ: Mapping[str, str]) -> bool:
    try:
        wanted = DEBUG.read(environ)
    except SglError as error:
        report(error)
        return False
    if wanted:
        traceback.print_exc()
    return wanted


def _describe(error: Exception) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
