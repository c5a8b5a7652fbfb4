"""From the words of ``sgl serve`` to the engine of a measurement: the same flags, variables and files count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from sgl.config.arguments import parse_serve
from sgl.config.server import ServerConfig
from sgl.errors import UsageError

NO_QUEUE_LIMIT: Final = 2**20
"""All prompts are handed over at once and wait; none is to be turned away."""
_REFUSED: Final = ("--dry-run", "--detach")


@dataclass(frozen=True)
class Settings:
    """What to measure.

    Attributes:
        model: The model as it was named.
        config: Its engine; paths are local folders.
        notices: What the reader of the flags has to say.
    """

    model: str
    config: ServerConfig
    notices: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The model's files."""
        return Path(self.config.engine.model_path)


def with_model(model: str | None, words: Sequence[str]) -> list[str]:
    """The words of ``sgl serve`` for a model that was named apart from them."""
    return list(words) if model is None else [f"--model={model}", *words]


def read_settings(words: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """Reads flags of ``sgl serve`` and finds the model's files, downloading them if they are missing.

    The engine logs errors only, and its queue has no limit, unless the flags say otherwise.

    Raises:
        UsageError: A flag cannot be understood, or is about a server only.
        ModelError: There is no such model, or its files are not complete.
        DownloadError: It could not be downloaded.
    """
    from sgl.hub.resolve import check_folder, resolve_model, resolve_tokenizer

    arguments = parse_serve(words, environ)
    for switch in _REFUSED:
        if arguments.asks_for(switch):
            raise UsageError(f"{switch} is about a server; here an engine is measured and ends")
    config, engine = arguments.config, arguments.config.engine
    weights = engine.load_format != "dummy"
    folder = resolve_model(engine.model_path, revision=arguments.revision, weights=weights)
    if weights:
        check_folder(folder)
    tokenizer = None if config.tokenizer_path is None else str(resolve_tokenizer(config.tokenizer_path))
    own = replace(
        engine,
        model_path=str(folder),
        max_queued_requests=engine.max_queued_requests or NO_QUEUE_LIMIT,
        log_level=engine.log_level if arguments.settings.keys() & {"--log-level", "--verbose"} else "error",
    )
    return Settings(engine.model_path, replace(config, engine=own, tokenizer_path=tokenizer), arguments.notices)
