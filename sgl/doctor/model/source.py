"""Where a model is: a folder, the Hugging Face cache, or the hub, of which the small files are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from sgl import builtin
from sgl.config.engine import EngineConfig
from sgl.doctor.finding import Finding
from sgl.doctor.subject import Subject
from sgl.errors import ModelNotFound, SglError
from sgl.hub.cached import cached_names, is_offline
from sgl.hub.resolve import resolve_model
from sgl.hub.suggest import MODELS

_FOUND: Final = Subject("SGL601", "model", "found")
_ANY: Final = "sgl doctor serve -m FOLDER  # or OWNER/NAME on the hub"
_COMMIT_DIGITS: Final = 8


class Source(NamedTuple):
    """Where a model is.

    Attributes:
        name: What it is called, as given.
        folder: Holds config.json and the tokenizer; None when there is no such model.
        weights_here: Whether the weights are in ``folder``; otherwise they are on the hub.
        finding: Says so.
    """

    name: str
    folder: Path | None
    weights_here: bool
    finding: Finding


def find_source(engine: EngineConfig, revision: str | None, environ: Mapping[str, str]) -> Source:
    """Looks where a start would look. Of a model on the hub, everything but the weights comes into the cache."""
    name = engine.model_path
    try:
        if name == builtin.NAME:
            folder = resolve_model(name, revision=revision)
            return Source(name, folder, True, _FOUND.ok("the demonstration model that comes with sgl"))
        if Path(name).is_dir():
            return Source(name, resolve_model(name, weights=False), True, _FOUND.ok(f"folder {name}"))
        return _in_repository(name, revision, environ)
    except SglError as error:  # Not there, or the hub cannot be reached.
        remedy = _near(name, environ) if isinstance(error, ModelNotFound) else ""
        return Source(name, None, False, _FOUND.error(error.message, remedy or error.hint or _ANY))


def _near(name: str, environ: Mapping[str, str]) -> str:
    """A command with the model that was probably meant, or nothing."""
    known = [*(model for model, _ in cached_names(environ)), *(model for model, _ in MODELS)]
    if name in known:
        return ""
    by_end = {model.rpartition("/")[2].lower(): model for model in reversed(known)}
    near = get_close_matches(name.lower(), [model.lower() for model in known], n=1, cutoff=0.8)
    if near:
        return f"sgl doctor serve -m {next(model for model in known if model.lower() == near[0])}"
    ends = get_close_matches(name.rpartition("/")[2].lower(), by_end, n=1, cutoff=0.8)
    return f"sgl doctor serve -m {by_end[ends[0]]}" if ends else ""


def _in_repository(name: str, revision: str | None, environ: Mapping[str, str]) -> Source:
    try:
        folder = resolve_model(name, revision=revision, offline=True)
    except ModelNotFound:
        if is_offline(environ):
            raise
    else:
        return Source(name, folder, True, _FOUND.ok(f"in the cache, commit {folder.name[:_COMMIT_DIGITS]}"))
    folder = resolve_model(name, revision=revision, offline=False, weights=False)
    detail = f"on the hub, commit {folder.name[:_COMMIT_DIGITS]}; a start would download the weights"
    return Source(name, folder, False, _FOUND.ok(detail))
