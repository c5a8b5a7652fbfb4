"""``python -m sgl.launcher``: starts a server; ``sgl serve`` does the same through `launch`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sgl._version import __version__
from sgl.exits import run
from sgl.terminal import tolerate

if TYPE_CHECKING:
    from sgl.config.arguments import ServeArguments
    from sgl.config.server import ServerConfig

PROGRAM: Final = "python -m sgl.launcher"


def launch(argv: Sequence[str], environ: Mapping[str, str], program: str = PROGRAM) -> int:
    """Parses ``argv``, finds the model's files, and serves until told to stop.

    Args:
        argv: The words after the program's name.
        environ: Where ``SGL_*`` variables are read.
        program: How the program is called in help.

    Returns:
        The exit code.

    Raises:
        SglError: A flag is wrong, the model cannot be served, or the machine cannot do it.
    """
    # Imports are local: help is answered without the parser, and a wrong flag without the HTTP server.
    from sgl.config.help import asked_help

    page = asked_help(argv, program)
    if page is not None:
        print(page)
        return 0
    if "--version" in argv:
        print(f"sgl {__version__}")
        return 0

    from sgl.config.arguments import read_serve

    arguments = read_serve(argv, environ)
    if arguments.asks_for("--dry-run"):
        from sgl.preview.dry_run import dry_run

        return dry_run(arguments, environ)
    for notice in arguments.notices:
        print(f"note: {notice}", file=sys.stderr)
    for problem in arguments.problems:
        raise problem
    if "--model" not in arguments.settings and sys.stderr.isatty():
        print(_how_to_serve_a_real_model(program), file=sys.stderr)
    return _start(argv, arguments, environ)


def _start(argv: Sequence[str], arguments: ServeArguments, environ: Mapping[str, str]) -> int:
    """Serves here, or in the background."""
    config = _with_local_paths(arguments.config, arguments.revision)
    if arguments.asks_for("--detach"):
        from sgl.runs.detach import start

        return start(argv, config, environ, as_json=arguments.asks_for("--json"))
    from sgl.runs.announce import announce
    from sgl.server.run import serve

    with announce(arguments.config, argv, environ) as registration:
        return serve(config, registration=registration)


def _how_to_serve_a_real_model(program: str) -> str:
    """What a person reads who started a server without ``-m``."""
    from sgl.device import probe_cpu
    from sgl.hub.suggest import fitting_models

    first, *others = fitting_models(probe_cpu())
    return (
        f"note: this is the small demonstration model of sgl; for a real one: {program} -m {first}, "
        f"or {' or '.join(others)}"
    )


def _with_local_paths(config: ServerConfig, revision: str | None) -> ServerConfig:
    """Replaces repository ids by the folders that hold their files."""
    from msgspec.structs import replace

    from sgl.hub.resolve import check_folder, resolve_model, resolve_tokenizer

    weights = config.engine.load_format != "dummy"
    model = resolve_model(config.engine.model_path, revision=revision, weights=weights)
    if weights:
        check_folder(model)
    tokenizer = config.tokenizer_path
    if tokenizer is not None:
        tokenizer = str(resolve_tokenizer(tokenizer))
    return replace(config, engine=replace(config.engine, model_path=str(model)), tokenizer_path=tokenizer)


def main() -> int:
    """Entry point of ``python -m sgl.launcher``."""
    tolerate(sys.stdout, sys.stderr)
    return run(lambda: launch(sys.argv[1:], os.environ))


if __name__ == "__main__":
    sys.exit(main())
