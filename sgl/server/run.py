"""`serve`: everything between a decided `ServerConfig` and the process's exit code.

The life of a server: take the port; start the engine and load the tokenizer side by side; listen; print the
ready card. Then one of three things ends it:

* a first SIGINT or SIGTERM: new requests get 503, running ones may finish (exit 0; 75 when some could not),
* a second one: the end, at once (130 or 143),
* the engine's death: every waiting request gets its 503 error object (exit 70).

On every path the engine process and its socket files are gone before `serve` returns.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sgl import log
from sgl.config.server import ServerConfig
from sgl.errors import EngineDead
from sgl.runs.announce import unannounced
from sgl.runs.registry import Registration
from sgl.runtime.client import EngineClient
from sgl.runtime.launch import ENGINE_MODULE, EngineHandle, launch_engine
from sgl.server.app import build_app
from sgl.server.banner import exposure_warning, ready_card, url
from sgl.server.http_server import HttpServer
from sgl.server.listen import bind, in_use
from sgl.server.served import ServedModel
from sgl.server.startup import Startup
from sgl.server.stopping import StopSignals, exit_code
from sgl.tokenizer.load import Tokenizer

logger = logging.getLogger(__name__)

ENGINE_LOST: Final = 70
"""EX_SOFTWARE of sysexits.h: a supervisor should start the server again."""
DRAIN_INCOMPLETE: Final = 75
"""EX_TEMPFAIL of sysexits.h: some requests were cut short."""

LAST_WORDS_SECONDS: Final = 0.5
"""How long after a second signal clients may still be told that their requests were cut short."""


def serve(config: ServerConfig, *, engine_module: str = ENGINE_MODULE, registration: Registration | None = None) -> int:
    """Runs a server in this process until a signal or the engine's death; returns the exit code.

    Args:
        engine_module: What ``python -m`` runs as the engine; tests put another one here.
        registration: Kept up to date; its owner closes it.

    Raises:
        StartupError: The port is taken, or the engine could not start.
        ModelError: The model folder cannot be served.
    """
    registration = registration or unannounced()
    warning = exposure_warning(config)
    if warning is not None:
        _say(warning)
    with Startup(registration) as startup, closing(bind(config.host, config.port)) as listener:
        log.configure("http", config.log_level)
        if registration.problem is not None:
            logger.warning("sgl ps and sgl stop will not know this server: %s", registration.problem)
        port = listener.getsockname()[1]
        registration.update(port=port, url=url(config.host, port))
        return asyncio.run(_serve(config, engine_module, listener, startup))


async def _serve(config: ServerConfig, engine_module: str, listener: socket.socket, startup: Startup) -> int:
    with StopSignals() as signals:
        starting = asyncio.create_task(_start(config, engine_module, startup))
        await _either(starting, signals.first)
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
            return exit_code(signals.first.result())
        engine, tokenizer = starting.result()
        client = EngineClient(engine.transport, engine.info, tokenizer)
        try:
            return await _run(config, client, listener, signals, startup)
        finally:
            ending = asyncio.create_task(client.close())
            await _either(ending, signals.second)
            if not ending.done():
                engine.kill()
            await ending
            await tokenizer.close()


async def _start(config: ServerConfig, engine_module: str, startup: Startup) -> tuple[EngineHandle, Tokenizer]:
    """Starts the engine while the tokenizer loads; when one fails, nothing of the other is left."""
    folder = Path(config.tokenizer_path or config.engine.model_path)
    template = None if config.chat_template is None else Path(config.chat_template)
    loading = asyncio.create_task(asyncio.to_thread(Tokenizer.load, folder, template))
    startup.begin()
    launching = asyncio.create_task(
        launch_engine(config.engine, startup.note, module=engine_module, output=startup.engine_output)
    )
    try:
        async with startup.ticking():
            tokenizer, engine = await asyncio.gather(loading, launching)
    except BaseException:
        launching.cancel()
        await asyncio.wait([launching])
        if not launching.cancelled() and launching.exception() is None:
            await launching.result().stop()
        raise
    return engine, tokenizer


async def _run(
    config: ServerConfig, client: EngineClient, listener: socket.socket, signals: StopSignals, startup: Startup
) -> int:
    """Serves HTTP until the end comes; returns the exit code."""
    died: asyncio.Future[EngineDead] = asyncio.get_running_loop().create_future()
    client.on_death(died.set_result)
    client.start()
    http = HttpServer(config, build_app(client, config, startup_seconds=startup.seconds))
    serving = asyncio.create_task(http.serve(sockets=[listener]))
    await _listening(http, serving, config)
    startup.ready(_card(config, client, listener, startup))

    await _either(serving, signals.first, died)
    startup.registration.update(state="failed" if died.done() else "stopping")
    code = ENGINE_LOST if died.done() else await _drain(config, client, signals, died)
    # What is cut off from here on is cut off on purpose; uvicorn would print a traceback for each.
    logging.getLogger("uvicorn.error").disabled = True
    http.should_exit = True
    await _either(serving, signals.second)
    if not serving.done():
        code = exit_code(signals.second.result())
        client.abort_all()
        http.force_exit = True
        await asyncio.wait([serving], timeout=LAST_WORDS_SECONDS)
        serving.cancel()
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()
    return code


async def _listening(http: HttpServer, serving: asyncio.Task[None], config: ServerConfig) -> None:
    """Waits until connections are taken.

    Raises:
        StartupError: Another server has taken the port since we did, without listening, as we do.
    """
    listening = asyncio.create_task(http.listening.wait())
    await _either(listening, serving)
    if listening.done():
        return
    listening.cancel()
    try:
        await serving
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise in_use(config.port, config.host) from None
        raise


async def _drain(
    config: ServerConfig, client: EngineClient, signals: StopSignals, died: asyncio.Future[EngineDead]
) -> int:
    """Lets running requests finish; returns the exit code."""
    client.begin_drain()
    if client.in_flight:
        _say(
            f"stopping: requests still running: {client.in_flight}; they have {config.drain_timeout:g} s to finish, "
            "press Ctrl-C again to stop now"
        )
    finishing = asyncio.create_task(client.drained(config.drain_timeout))
    await _either(finishing, signals.second, died)
    finishing.cancel()
    if died.done():
        return ENGINE_LOST
    if signals.second.done():
        return exit_code(signals.second.result())
    cut_short = client.abort_all()
    if cut_short:
        _say(f"stopped: requests cut short after {config.drain_timeout:g} s: {cut_short}")
    return DRAIN_INCOMPLETE if cut_short else 0


def _card(config: ServerConfig, client: EngineClient, listener: socket.socket, startup: Startup) -> str:
    return ready_card(
        config,
        client.info,
        model_name=ServedModel(config).name,
        port=listener.getsockname()[1],
        chat=client.tokenizer.has_chat_template,
        seconds=startup.seconds,
        background_id=startup.registration.server.id if startup.registration.server.background else None,
    )


def _say(text: str) -> None:
    """Tells the person in front of the terminal, whatever the log level is."""
    print(text, file=sys.stderr, flush=True)


async def _either(*futures: asyncio.Future[Any]) -> None:
    """Waits until one of them is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
