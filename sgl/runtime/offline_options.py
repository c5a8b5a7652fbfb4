"""The keyword arguments of `sgl.Engine`: the flags of ``sgl serve``, written in Python.

``page_size=16`` is ``--page-size 16`` and ``disable_radix_cache=True`` is ``--disable-radix-cache``, with the
same aliases, ranges and hints, so that there is one list of options and SGLang's names work in both places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from sgl.config.arguments import parse_serve
from sgl.config.server import ServerConfig
from sgl.errors import UsageError
from sgl.hub.resolve import resolve_model

NO_QUEUE_LIMIT: Final = 2**20
"""A program that hands over its prompts in one list waits for them anyway; nobody is to be turned away."""

_REFUSED: Final = {
    "skip_tokenizer_init": "is not in this version: an engine turns its tokens into text itself; "
    "prompts may be given as input_ids, and an answer's output_ids stand beside its text",
    **dict.fromkeys(
        ("dry_run", "json", "detach", "background", "d"), "is about a server: an engine starts here and now"
    ),
}


def read_options(model_path: str | None, options: Mapping[str, object]) -> ServerConfig:
    """The config of an engine with these options; environment variables have no say in it.

    Raises:
        UsageError: An option is unknown, refused, or has a value that cannot be understood.
        ModelNotFound: There is no such model.
    """
    words: list[str] = [] if model_path is None else [f"--model-path={model_path}"]
    for name, value in {"log_level": "error", **options}.items():
        if value is None or value is False:
            continue
        if name in _REFUSED:
            raise UsageError(f"Engine({name}=...) {_REFUSED[name]}")
        words.append(_word(name, value))
    try:
        arguments = parse_serve(words, {}, folder=None)
    except UsageError as error:
        raise UsageError(f"Engine options are flags of sgl serve: {error.message}", hint=error.hint) from error
    engine = arguments.config.engine
    engine = msgspec.structs.replace(
        engine,
        model_path=str(resolve_model(engine.model_path, revision=arguments.revision)),
        max_queued_requests=engine.max_queued_requests or NO_QUEUE_LIMIT,
    )
    return msgspec.structs.replace(arguments.config, engine=engine)


def _word(name: str, value: object) -> str:
    flag = f"--{name.replace('_', '-')}"
    if value is True:
        return flag
    if isinstance(value, list | tuple):
        return f"{flag}={','.join(str(item) for item in value)}"
    return f"{flag}={value}"
