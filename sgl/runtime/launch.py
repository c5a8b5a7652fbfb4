"""Starts one engine process, waits until it is ready, watches it, and ends it. Torch-free.

Whatever happens - a failure during start, a cancelled start, a crash - no process and no socket is left.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from typing import Final

from sgl.config.engine import EngineConfig
from sgl.errors import EngineDead, ModelError, SglError, StartupError
from sgl.ipc.bootstrap import Bootstrap
from sgl.ipc.directory import SocketDirectory
from sgl.ipc.python import python_environment
from sgl.ipc.sockets import ServerEnd
from sgl.protocol.messages import EngineInfo, FromEngine, Phase, Ready, StartupFailed, Stop, ToEngine
from sgl.runtime.exit_status import describe_exit

ENGINE_MODULE: Final = "sgl.scheduler.process"
STOP_TIMEOUT: Final = 10.0
"""Seconds an engine has to leave its loop after `Stop`; then it is killed."""

_STDERR: Final = 2
_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_NOT_FOR_ENGINES: Final = ("SGL_API_KEY",)

PhaseCallback = Callable[[Phase], None]


async def launch_engine(
    config: EngineConfig,
    on_phase: PhaseCallback | None = None,
    *,
    module: str = ENGINE_MODULE,
    output: int | None = None,
) -> EngineHandle:
    """Starts an engine and waits until it is ready.

    The calling thread must live as long as the engine: on Linux the kernel kills the engine with it.

    Args:
        on_phase: Told of every step of the start.
        module: What ``python -m`` runs as the engine; tests put another one here.
        output: File descriptor that the engine writes its log to; None is standard error.

    Raises:
        ModelError: The model folder cannot be served.
        StartupError: The machine refuses, or the engine died; the message says how.
    """
    handle = await _spawn(config, module, _STDERR if output is None else output)
    try:
        handle.info = await handle.wait_ready(on_phase or _ignore)
    except BaseException:
        handle.kill()
        await handle.stop()
        raise
    return handle


class EngineHandle:
    """A running engine process and the only owner of its sockets.

    Attributes:
        info: What the engine said about itself.
        transport: The line to it, for an `sgl.runtime.client.EngineClient`; closing it ends the engine.
        died: Done when the process has ended, however it came; its result is the exit code as
            `subprocess` counts it.
    """

    info: EngineInfo

    def __init__(self, process: Process, line: ServerEnd, directory: SocketDirectory) -> None:
        """Takes over what `launch_engine` made."""
        self.transport = EngineTransport(self, line)
        self.died: asyncio.Task[int] = asyncio.ensure_future(process.wait())
        self.died.add_done_callback(self._hang_up)
        self._process = process
        self._line = line
        self._directory = directory
        self._stopping: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def wait_ready(self, on_phase: PhaseCallback) -> EngineInfo:
        """Reads the engine's messages until it is ready or has failed; see `launch_engine`."""
        try:
            while True:
                body = await self._line.recv()
                if isinstance(body, Ready):
                    return body.info
                if isinstance(body, StartupFailed):
                    raise _startup_error(body)
                if isinstance(body, Phase):
                    on_phase(body)
        except EngineDead as death:
            if not self.died.done():  # it lives, but what it says can no longer be trusted
                raise StartupError(death.message) from death
            how = describe_exit(self.died.result())
            raise StartupError(f"the engine process died while starting: {how}") from death

    async def stop(self, timeout: float = STOP_TIMEOUT) -> int:
        """Asks the engine to leave, and kills it when it does not; returns its exit code.

        Harmless when it is gone already or called twice. Nothing is left afterwards, also when the
        waiting is cancelled.

        Args:
            timeout: Seconds it has to leave. There is nothing between asking and killing: an engine ignores
                SIGTERM, which others may send it while its requests are still to be finished.
        """
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop(timeout))
        return await asyncio.shield(self._stopping)

    def kill(self) -> None:
        """Ends the engine now, without waiting for it; `stop` may still be called to wait."""
        if self._process.returncode is None:
            self._process.kill()
        self._directory.remove()

    async def _stop(self, timeout: float) -> int:
        try:
            if not self.died.done():
                await self._ask_to_leave(timeout)
            return await self.died
        finally:
            self.kill()
            self._line.close()
            if self._process.stdin is not None:
                self._process.stdin.close()

    async def _ask_to_leave(self, timeout: float) -> None:
        try:
            self._line.send(Stop())
        except EngineDead:
            timeout = 0.0  # it cannot hear us: it has not connected yet, or is about to be gone
        await asyncio.wait([self.died], timeout=timeout)
        if not self.died.done():
            self._process.kill()

    def _hang_up(self, died: asyncio.Task[int]) -> None:
        how = "unknown" if died.cancelled() else describe_exit(died.result())
        self._line.hang_up(EngineDead(f"The engine process is gone ({how})."))


class EngineTransport:
    """The line to an engine process, as `sgl.runtime.transport.Transport`."""

    def __init__(self, handle: EngineHandle, line: ServerEnd) -> None:
        self._handle = handle
        self._line = line

    def send(self, body: ToEngine) -> None:
        """Sends one message; raises `EngineDead` when nobody hears it."""
        self._line.send(body)

    async def recv(self) -> FromEngine:
        """The next message; raises `EngineDead` after the last one."""
        return await self._line.recv()

    async def close(self) -> None:
        """Ends the engine: without its only client it has nothing to do."""
        await self._handle.stop()


async def _spawn(config: EngineConfig, module: str, output: int) -> EngineHandle:
    directory = SocketDirectory.create()
    line: ServerEnd | None = None
    try:
        epoch = secrets.randbits(63)
        line = ServerEnd(directory.path, epoch)
        bootstrap = Bootstrap(config=config, directory=str(directory.path), epoch=epoch, parent_pid=os.getpid())
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            stdin=PIPE,
            stdout=output,  # standard output carries data of the command that was called
            stderr=output,
            env=child_environment(config, os.environ),
            start_new_session=True,  # Ctrl-C in a terminal is for this process, which then drains
        )
    except BaseException:
        if line is not None:
            line.close()
        directory.remove()
        raise
    handle = EngineHandle(process, line, directory)
    if process.stdin is not None:
        process.stdin.write(bootstrap.to_line())
    return handle


def child_environment(config: EngineConfig, environ: Mapping[str, str]) -> dict[str, str]:
    """The engine's environment: this process's, its threads bounded, and the same ``sgl`` importable."""
    child = python_environment({name: value for name, value in environ.items() if name not in _NOT_FOR_ENGINES})
    if config.threads is not None:
        child.update(dict.fromkeys(_THREAD_VARIABLES, str(config.threads)))
    return child


def _startup_error(failed: StartupFailed) -> SglError:
    kind = ModelError if failed.exit_code == ModelError.exit_code else StartupError
    return kind(failed.message, hint=failed.hint)


def _ignore(_: Phase) -> None:
    """Nobody asked to be told of the start's progress."""
