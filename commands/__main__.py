"""The first thing that runs: the script ``sgl``, and ``python -m sgl_cli``."""

from __future__ import annotations

# The module behind `signal`, which is there at once: importing that one builds enumerations for some milliseconds, in
# which Ctrl-C would still end in a traceback of this line.
import _signal as signal  # type: ignore[import-not-found]
import sys


def main() -> int:
    """Runs ``sgl`` with the words of the process; returns the exit code.

    Until `sgl_cli.main` is there to catch it, Ctrl-C ends the process without a word, as it does in any program.
    """
    python_s = signal.default_int_handler
    ours = signal.getsignal(signal.SIGINT) is python_s  # A shell's background job ignores it, and so do we then.
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .main import main as sgl

    if ours:
        signal.signal(signal.SIGINT, python_s)
    return sgl()


if __name__ == "__main__":
    sys.exit(main())
