"""`find_model`: the model's config.json, wherever it is, without its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from sgl import builtin
from sgl.config.at_load import quantize_at_load
from sgl.config.engine import EngineConfig
from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.config.server import ServerConfig
from sgl.config.sizes import gib
from sgl.errors import ModelNotFound, SglError
from sgl.hub.cached import cached_snapshot, is_offline
from sgl.hub.repository import Repository, parse_repository
from sgl.hub.resolve import check_folder, resolve_model, resolve_tokenizer
from sgl.hub.weights import no_weights
from sgl.models.table import read_model_config

_DOWNLOADED: Final = "a start downloads it"


class FoundModel(NamedTuple):
    """What is known about a model before it is started.

    Attributes:
        config: The decoder; None when config.json is missing or not understood.
        folder: Where its files are; None when only config.json was fetched, or nothing is there.
        notices: Lines to show, such as that a start would download.
        problems: Why it cannot be served.
    """

    config: ModelConfig | None
    folder: Path | None
    notices: tuple[str, ...] = ()
    problems: tuple[SglError, ...] = ()


def find_model(engine: EngineConfig, revision: str | None, environ: Mapping[str, str]) -> FoundModel:
    """Looks where a start would look; of a repository that is not in the cache, only config.json is read."""
    found = _find(engine, revision, environ)
    if found.config is None:
        return found
    try:
        return found._replace(config=quantize_at_load(found.config, engine.quantization))
    except SglError as error:
        return found._replace(problems=(*found.problems, error))


def _find(engine: EngineConfig, revision: str | None, environ: Mapping[str, str]) -> FoundModel:
    weights = engine.load_format != "dummy"
    name = engine.model_path
    try:
        if name == builtin.NAME or Path(name).is_dir():
            folder = resolve_model(name, revision=revision, weights=weights)
            return _read(folder, folder, weights=weights)
        return _in_repository(parse_repository(name, revision), name, revision, environ, weights=weights)
    except SglError as error:
        return FoundModel(None, None, problems=(error,))


def find_tokenizer(config: ServerConfig, environ: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[SglError, ...]]:
    """Looks for the tokenizer where one was named; returns notices and problems."""
    name = config.tokenizer_path
    if name is None:
        return (), ()
    try:
        resolve_tokenizer(name, offline=True)
    except ModelNotFound as error:
        if is_offline(environ) or not _is_repository(name):
            return (), (error,)
        return (f"the tokenizer {name} is not in the cache: {_DOWNLOADED}",), ()
    return (), ()


def _is_repository(name: str) -> bool:
    try:
        parse_repository(name)
    except ModelNotFound:
        return False
    return True


def _in_repository(
    repository: Repository, name: str, revision: str | None, environ: Mapping[str, str], *, weights: bool
) -> FoundModel:
    try:
        folder = resolve_model(name, revision=revision, offline=True, weights=weights)
        return _read(folder, folder, weights=weights)
    except ModelNotFound:
        if is_offline(environ):
            raise
    partly = cached_snapshot(repository.identity, repository.revision, environ)
    if partly is not None and (partly / "config.json").is_file():
        return _read(partly, None, weights=False, notice=f"{repository} is only partly in the cache: {_DOWNLOADED}")
    return _on_the_hub(repository, environ, weights=weights)


def _on_the_hub(repository: Repository, environ: Mapping[str, str], *, weights: bool) -> FoundModel:
    # Imported here: only a model that is not on this machine needs the Hub's client.
    from sgl.preview.remote import fetch_model

    remote = fetch_model(repository, environ)
    notice = f"{repository} is not in the cache: {_DOWNLOADED}"
    if weights and not remote.weight_bytes:
        problems: tuple[SglError, ...] = (no_weights(repository, remote.paths),)
    else:
        problems = ()
        notice += f", {gib(remote.weight_bytes)}" if weights else ""
    return _understand(remote.hf, None, notice, problems)


def _read(place: Path, folder: Path | None, *, weights: bool, notice: str = "") -> FoundModel:
    """Reads config.json in ``place``. A model without weights is a problem, and can be planned all the same."""
    problems: tuple[SglError, ...] = ()
    try:
        if weights:
            check_folder(place)
    except SglError as error:
        problems = (error,)
    try:
        hf = HfConfig.load(place)
    except SglError as error:
        return FoundModel(None, folder, problems=(*problems, error))
    return _understand(hf, folder, notice, problems)


def _understand(hf: HfConfig, folder: Path | None, notice: str, problems: tuple[SglError, ...]) -> FoundModel:
    notices = (notice,) if notice else ()
    try:
        return FoundModel(read_model_config(hf), folder, notices, problems)
    except SglError as error:
        return FoundModel(None, folder, notices, (*problems, error))
