"""``python -m sgl.launcher``: starts a server; ``sgl serve`` does the same through `launch`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sgl._version import __version__
from sgl.exits import run

if TYPE_CHECKING:
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
    if "--help" in argv or "-h" in argv:
        from sgl.config.help import serve_help

        print(serve_help(program))
        return 0
    if "--version" in argv:
        print(f"sgl {__version__}")
        return 0

    from sgl.config.arguments import parse_serve

    arguments = parse_serve(argv, environ)
    for notice in arguments.notices:
        print(f"note: {notice}", file=sys.stderr)
    if "--model" not in arguments.settings and sys.stderr.isatty():
        print(_how_to_serve_a_real_model(program), file=sys.stderr)
    config = _with_local_paths(arguments.config, arguments.revision)

    from sgl.server.run import serve

    return serve(config)


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
    return run(lambda: launch(sys.argv[1:], os.environ))


if __name__ == "__main__":
    sys.exit(main())
