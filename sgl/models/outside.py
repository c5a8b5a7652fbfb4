"""Families of installed packages: the entry-point group ``sgl.models``, read when an architecture is not in the table.

    [project.entry-points."sgl.models"]
    OracleForCausalLM = "my_package.oracle:read"

An entry point runs code that somebody installed. The files of a model folder never run, whatever config.json says.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from sgl.config.hf import HfConfig
from sgl.config.model import ModelConfig
from sgl.errors import SglError, UnsupportedModel

GROUP: Final = "sgl.models"


def is_outside(architecture: str) -> bool:
    """Whether an installed package says that it reads this architecture; nothing is imported."""
    return bool(entry_points(group=GROUP, name=architecture))


def read_outside(hf: HfConfig, architecture: str) -> ModelConfig:
    """Reads a config.json by the family of an installed package.

    Raises:
        UnsupportedModel: Two packages read this architecture, the entry point is broken, or the family refuses.
    """
    entry = _entry(architecture)
    try:
        read = entry.load()
    except Exception as error:
        raise _broken(entry, f"cannot be loaded ({_words(error)})") from error
    try:
        model = read(hf, architecture)
    except SglError:
        raise
    except Exception as error:
        raise _broken(entry, f"failed on {hf.source} ({_words(error)})") from error
    if not isinstance(model, ModelConfig):
        raise _broken(entry, f"returns {type(model).__name__} and not sgl.config.model.ModelConfig")
    return model


def _entry(architecture: str) -> EntryPoint:
    """The one entry point; a package that is installed twice counts once."""
    found = {(entry.value, _package(entry)): entry for entry in entry_points(group=GROUP, name=architecture)}
    if len(found) > 1:
        packages = ", ".join(sorted(f"{package} ({value})" for value, package in found))
        raise UnsupportedModel(f"several installed packages read {architecture}: {packages}; uninstall all but one")
    return next(iter(found.values()))


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unnamed package"


def _broken(entry: EntryPoint, what: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"the entry point {entry.name} = {entry.value!r} ({GROUP}) of the package {_package(entry)} {what}",
        hint=f"Update the package, or remove it: python -m pip uninstall {_package(entry)}",
    )


def _words(error: Exception) -> str:
    """An exception in one line."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
