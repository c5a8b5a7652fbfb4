"""`select`: which files of a repository are served, and so downloaded.

Served are the safetensors that the loader would open, config, tokenizer and chat templates, all from the top folder.
Never downloaded for serving: pickles, the same weights again in other layouts, training state, pictures, papers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from sgl.config.sizes import gib
from sgl.errors import ModelNotFound, UsageError, echo
from sgl.hub.listing import RemoteFile
from sgl.hub.weights import is_pickled, no_weights

INDEX: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"

_SMALL: Final = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
"""Config, tokenizer and chat template files."""

_TEMPLATES: Final = "additional_chat_templates/"
_OTHER: Final = ("*.bin.index.json", "*.msgpack.index.json", "*.h5.index.json", "trainer_state.json", "*_results.json")
_AGAIN: Final = ("consolidated*",)
"""The same weights again, in a layout that nothing here reads."""

_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}(?=\.[a-z]+$)")
_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be downloaded.

    Attributes:
        files: Small files first, then the weights, each in the order of its name.
        warnings: What the user should know about the choice.
    """

    files: tuple[RemoteFile, ...]
    warnings: tuple[str, ...] = ()


def select(
    place: object,
    files: Mapping[str, RemoteFile],
    *,
    indexed: Collection[str] | None = None,
    quant: str | None = None,
    everything: bool = False,
    weights: bool = True,
) -> Selection:
    """Chooses the files.

    Args:
        place: The repository, as people know it.
        files: All of its files, by path.
        indexed: The weight files that ``model.safetensors.index.json`` names, where there is one.
        quant: Pattern of the weight files to take where there are several alternatives.
        everything: Take all files, whatever they are.
        weights: Whether weights are needed at all; a tokenizer needs none.

    Raises:
        CheckpointError: There are no weights that sgl reads, only pickled ones for example.
        ModelNotFound: A file that the index names is not in the repository.
        UsageError: There are alternatives and none, or too many, are chosen.
    """
    if everything:
        return Selection(_ordered(files.values()), tuple(_pickle_warnings(files)))
    small = [file for file in files.values() if is_small(file.path)]
    if not weights:
        return Selection(_ordered(small))
    if quant is not None:
        chosen = _matching(place, files, quant)
        others = [f for f in chosen if not f.path.endswith(".safetensors")]
        warnings = (f"sgl does not serve {_ending(others[0].path)} files yet: {others[0].path}",) if others else ()
        return Selection(_ordered([*small, *chosen]), warnings)
    return Selection(_ordered([*small, *_served_weights(place, files, indexed)]))


def _served_weights(
    place: object, files: Mapping[str, RemoteFile], indexed: Collection[str] | None
) -> list[RemoteFile]:
    """The weights in the order in which the loader looks for them: index, single file, whatever there is."""
    if indexed is not None:
        missing = sorted(set(indexed) - files.keys())
        if missing:
            raise ModelNotFound(f"{place} is incomplete on the hub: it lacks {missing[0]}, which {INDEX} names.")
        return [files[path] for path in indexed]
    if SINGLE in files:
        return [files[SINGLE]]
    found = [file for file in files.values() if _is_weight(file.path) and file.path.endswith(".safetensors")]
    if not found:
        raise _nothing_to_serve(place, files)
    groups = _alternatives(found)
    if len(groups) > 1:
        raise UsageError(
            f"{place} has {len(groups)} sets of weights: {_describe(groups)}",
            hint=f"--quant-file '{next(iter(groups))}' takes this one",
        )
    return found


def _nothing_to_serve(place: object, files: Mapping[str, RemoteFile]) -> Exception:
    error = no_weights(place, files)
    quantised = _alternatives(file for file in files.values() if file.path.endswith(".gguf"))
    if quantised and not any(is_pickled(path) for path in files):
        error.hint = (
            f"--quant-file '{next(iter(quantised))}' downloads one all the same; there is {_describe(quantised)}"
        )
    return error


def _matching(place: object, files: Mapping[str, RemoteFile], pattern: str) -> list[RemoteFile]:
    """The one set of weights that ``--quant-file`` means: a pattern of names, or a part of one."""
    weights = [f for f in files.values() if f.path.endswith((".safetensors", ".gguf")) or is_pickled(f.path)]
    wanted = pattern if set(pattern) & set("*?[") else f"*{pattern}*"
    found = [file for file in weights if fnmatchcase(file.path.lower(), wanted.lower())]
    groups = _alternatives(weights)
    if not found:
        raise UsageError(
            f"--quant-file {echo(pattern)} matches no weights of {place}",
            hint=f"there is {_describe(groups)}" if groups else None,
        )
    matched = _alternatives(found)
    exact = [file for file in found if file.path == pattern]
    if exact:
        return exact
    if len(matched) > 1:
        raise UsageError(
            f"--quant-file {echo(pattern)} matches {len(matched)} sets of weights: {_describe(matched)}",
            hint=f"take one: --quant-file '{next(iter(matched))}'",
        )
    return found


def _alternatives(files: Iterable[RemoteFile]) -> dict[str, list[RemoteFile]]:
    """Weight files by the pattern of their set: the shards of one model are one set."""
    groups: dict[str, list[RemoteFile]] = {}
    for file in sorted(files, key=lambda each: each.path):
        groups.setdefault(_SHARD.sub("-*", file.path), []).append(file)
    return groups


def _describe(groups: Mapping[str, list[RemoteFile]]) -> str:
    shown = [f"{name} ({gib(sum(file.size for file in files))})" for name, files in groups.items()]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def is_small(path: str) -> bool:
    """Whether it is a config, tokenizer or chat template file."""
    if path.startswith(_TEMPLATES):
        return path.endswith(".jinja")
    return "/" not in path and _matches(path, _SMALL) and not _matches(path, _OTHER)


def _is_weight(path: str) -> bool:
    return "/" not in path and not _matches(path, _AGAIN)


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _ordered(files: Iterable[RemoteFile]) -> tuple[RemoteFile, ...]:
    return tuple(sorted(files, key=lambda file: (not is_small(file.path), file.path)))


def _pickle_warnings(files: Iterable[str]) -> list[str]:
    pickled = sorted(path for path in files if is_pickled(path))
    if not pickled:
        return []
    more = f" and {len(pickled) - 1} more" if len(pickled) > 1 else ""
    return [f"{pickled[0]}{more}: pickled, which can run code when it is loaded; sgl never opens it"]


def _ending(path: str) -> str:
    return path[path.rindex(".") :]
