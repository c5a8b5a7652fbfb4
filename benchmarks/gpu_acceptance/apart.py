"""Runs items in processes of their own, so that one that crashes or hangs takes nothing with it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import IO, Final

from benchmarks.gpu_acceptance.items import Item
from benchmarks.gpu_acceptance.place import Place
from benchmarks.gpu_acceptance.rows import Checked, Figure, Row, from_json
from benchmarks.gpu_acceptance.worker import LOST

START_SECONDS: Final = 180.0
"""For imports, before the first item begins."""
SAID_LINES: Final = 30
"""Of a dead process's errors that are kept."""

Emit = Callable[[Row], None]
Command = Callable[[list[str]], list[str]]


def worker_command(arguments: list[str]) -> list[str]:
    """Starts `benchmarks.gpu_acceptance.worker`."""
    return [sys.executable, "-m", "benchmarks.gpu_acceptance.worker", *arguments]


def run_apart(
    items: Sequence[Item],
    place: Place,
    begin: Callable[[str], None],
    emit: Emit,
    command: Command = worker_command,
) -> None:
    """Each group in a process of its own, and in another one what is left where that ended early."""
    for _, group in groupby(items, key=lambda item: item.group):
        left = list(group)
        while left:
            done = _Process(left, place, begin, emit, command).run()
            left = left[done:]


class _Process:
    """One process and what it has said."""

    def __init__(
        self,
        items: Sequence[Item],
        place: Place,
        begin: Callable[[str], None],
        emit: Emit,
        command: Command,
    ) -> None:
        self._items = items
        self._begin = begin
        self._emit = emit
        self._command = command([json.dumps(place.as_json()), json.dumps([item.name for item in items])])
        self._begun = 0
        self._told = False
        self._timed_out = False

    def run(self) -> int:
        """How many items are done, one at least."""
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            with subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
                assert process.stdout is not None
                for line in self._lines(process, process.stdout):
                    self._hear(line)
            if process.returncode:
                self._tell_death(process.returncode, errors)
        return max(1, self._begun)

    def _lines(self, process: subprocess.Popen[str], out: IO[str]) -> Iterator[str]:
        """Its lines; it is killed when an item takes longer than that may."""
        clock = self._clock(process, START_SECONDS)
        try:
            for line in out:
                if line.startswith('{"begin"'):
                    clock.cancel()
                    clock = self._clock(process, self._items[self._begun].seconds)
                yield line
        finally:
            clock.cancel()

    def _clock(self, process: subprocess.Popen[str], seconds: float) -> threading.Timer:
        def expire() -> None:
            self._timed_out = True
            process.kill()

        clock = threading.Timer(seconds, expire)
        clock.daemon = True
        clock.start()
        return clock

    def _hear(self, line: str) -> None:
        """Other lines than ours are a library's, and are passed on."""
        if line.startswith('{"begin"'):
            self._begun += 1
            self._told = False
            self._begin(json.loads(line)["begin"])
        elif line.startswith('{"row"'):
            row = from_json(json.loads(line)["row"])
            self._told = self._told or not isinstance(row, Figure)
            self._emit(row)
        else:
            sys.stderr.write(line)

    def _tell_death(self, code: int, errors: IO[str]) -> None:
        if code == LOST and self._told:
            return
        errors.seek(0)
        said = "".join(errors.readlines()[-SAID_LINES:])
        item = self._items[max(0, self._begun - 1)]
        why = f"took longer than {item.seconds:.0f} s" if self._timed_out else f"ended its process, exit code {code}"
        self._emit(Checked(item.name, "failed", why, trace=said))
