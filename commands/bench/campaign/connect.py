"""The server under test: found as ``sgl chat`` finds it, or started for the run, and waited for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from sgl.errors import UsageError
from sgl.terminal import Terminal

from ...chat.client.failures import NoServer
from ...chat.client.find import NobodyRuns, named_endpoint
from ...chat.client.launch import StartFailed
from ...chat.client.progress import Progress
from ...chat.client.start_display import StartDisplay
from ...chat.client.wish import Wish
from ...waiting import Waiting
from ..flags.plan import TargetWish
from ..target.find import Found, found
from ..target.ready import NeverReady, wait_until_ready
from ..target.target import Target

PATIENCE: Final = 2.0
"""Seconds before a line says what is waited for, where nobody watches."""


@contextmanager
def connected(wish: TargetWish, *, quiet: bool = False, environ: Mapping[str, str] = os.environ) -> Iterator[Found]:
    """Gives a server that is ready; one that was started here is stopped at the end, unless it is to be kept.

    Args:
        wish: What was asked for.
        quiet: Whether nothing is shown of a start.
        environ: Environment variables.

    Raises:
        NeverReady: There is no server, it does not answer in time, or it did not start.
        ChatError: It refuses to say what models it has.
        UsageError: An address is none, or the server leaves it open which model is meant.
    """
    endpoint = named_endpoint(wish.url, wish.api_key, environ)
    if endpoint is not None:
        _wait(Target(endpoint.url, key=endpoint.key, headers=wish.headers), wish.ready_timeout, quiet)
    with ExitStack() as stack:
        with ExitStack() as shown:
            display = None if quiet else shown.enter_context(StartDisplay(sys.stderr))
            words = Wish(wish.url, wish.model, wish.api_key, wish.keep)
            try:
                there = stack.enter_context(
                    found(words, report=display.show if display else _show_nothing, environ=environ)
                )
            except NobodyRuns as error:
                hint = "sgl serve -d starts one; -m MODEL starts one for this run; --url takes any other"
                raise NeverReady(error.message, hint=hint) from error
            except (NoServer, StartFailed) as error:
                if error.exit_code == UsageError.exit_code:
                    raise  # What was asked for cannot be served at all.
                raise NeverReady(error.message, hint=error.hint) from error
        if endpoint is None and not there.started_here:
            _wait(there.target("completions", headers=wish.headers), wish.ready_timeout, quiet)
        yield there


def _show_nothing(progress: Progress) -> None:
    """For a quiet run."""


def _wait(target: Target, seconds: float, quiet: bool) -> None:
    if quiet:
        wait_until_ready(target, seconds)
        return
    if not Terminal(sys.stderr).interactive:
        wait_until_ready(target, seconds, _SaidOnce(target.url, seconds))
        return
    with Waiting(sys.stderr) as line:
        wait_until_ready(target, seconds, lambda waited: line.show([f"whether {target.url} is ready ({waited:.0f} s)"]))


class _SaidOnce:
    """Where nobody watches: one plain line, when it takes longer than a look."""

    def __init__(self, url: str, seconds: float) -> None:
        self._line: str | None = f"waiting for {url}, up to {seconds:g} s"

    def __call__(self, waited: float) -> None:
        if waited >= PATIENCE and self._line is not None:
            print(self._line, file=sys.stderr, flush=True)
            self._line = None
