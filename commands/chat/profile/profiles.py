"""`Profiles`: the folder with the settings of `sgl chat`, ``$XDG_CONFIG_HOME/sgl``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast, get_args

from sgl.errors import UsageError, echo

from ..files import replace_text
from ..text.oneline import fit, one_line
from .checks import Table
from .document import document_text, plain, read_document
from .profile import Preset, Profile, ThinkingView

_PROFILE_KEYS: Final = ("theme", "keymap", "system", "options", "thinking")
_PRESET_KEYS: Final = ("system", "options", "model")
_THINKING: Final[tuple[str, ...]] = get_args(ThinkingView)
_SUFFIX: Final = ".yaml"
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
"""No separator and no dot in front: a name is one visible file in the folder and nothing else."""

_LONGEST_LIST: Final = 200


class Profiles:
    """Reads and writes the settings and the presets. No key of a server is ever among them."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._folder = _config_folder(environ)

    def load(self) -> Profile:
        """The settings; the usual ones when there is no file.

        Raises:
            UsageError: The file cannot be read, or something in it is wrong.
        """
        path = None if self._folder is None else self._folder / "chat.yaml"
        if path is None or not os.path.lexists(path):
            return Profile()
        return _profile(path, read_document(path))

    def save(self, profile: Profile) -> Path:
        """Writes the settings that are not the usual ones; returns the file.

        Raises:
            UsageError: It cannot be written, a value is wrong, or the file that is there could not be loaded: a typing
                mistake must not cost a person the rest of the file.
        """
        path = self._writable() / "chat.yaml"
        self.load()
        usual = Profile()
        values = {key: getattr(profile, key) for key in _PROFILE_KEYS}
        table = {key: value for key, value in values.items() if value != getattr(usual, key)}
        _profile(path, _as_read(table))  # What could not be loaded again is not written.
        replace_text(path, document_text(table, "Settings of sgl chat. /save-profile writes this file anew."))
        return path

    def presets(self) -> tuple[str, ...]:
        """Names of the presets, in order.

        Raises:
            UsageError: Their folder cannot be read.
        """
        if self._folder is None:
            return ()
        folder = self._folder / "presets"
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UsageError(f"{one_line(str(folder))} cannot be read: {error.strerror}") from error
        stems = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
        return tuple(sorted(stem for stem in stems if _NAME.fullmatch(stem)))

    def preset(self, name: str) -> Preset:
        """Reads a preset.

        Raises:
            UsageError: There is none of this name, it cannot be read, or something in it is wrong.
        """
        path = self._existing(name)
        return _preset(path, read_document(path))

    def save_preset(self, name: str, preset: Preset) -> Path:
        """Writes a preset, over one of the same name; returns the file.

        Raises:
            UsageError: The name cannot be one, the file cannot be written, or a value is wrong.
        """
        path = self._writable() / "presets" / _file_name(name)
        values = {key: getattr(preset, key) for key in _PRESET_KEYS}
        table = {key: value for key, value in values.items() if value}
        _preset(path, _as_read(table))
        replace_text(path, document_text(table, f"A preset of sgl chat: /preset {name}"))
        return path

    def delete_preset(self, name: str) -> None:
        """Deletes a preset.

        Raises:
            UsageError: There is none of this name, or it cannot be deleted.
        """
        path = self._existing(name)
        try:
            path.unlink()
        except OSError as error:
            raise UsageError(f"{one_line(str(path))} cannot be deleted: {error.strerror}") from error

    def _existing(self, name: str) -> Path:
        file_name = _file_name(name)
        path = None if self._folder is None else self._folder / "presets" / file_name
        if path is not None and os.path.lexists(path):
            return path
        names = self.presets()
        near = get_close_matches(name, names, n=1)
        hint = f"presets: {fit(', '.join(names), _LONGEST_LIST)}" if names else "/preset save NAME makes one"
        raise UsageError(f"there is no preset {echo(name)}", hint=f"did you mean {near[0]}?" if near else hint)

    def _writable(self) -> Path:
        if self._folder is None:
            raise UsageError("there is no home folder to keep settings in", hint="set HOME or XDG_CONFIG_HOME")
        return self._folder


def _config_folder(environ: Mapping[str, str]) -> Path | None:
    """``$XDG_CONFIG_HOME/sgl``; None where `environ` knows no home."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(base):  # The specification says to ignore any other value.
        return Path(base) / "sgl"
    home = environ.get("HOME", "")
    return Path(home) / ".config" / "sgl" if os.path.isabs(home) else None


def _file_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        hint = "letters, digits, - _ and . make a name; it begins with no dot and has at most 64"
        raise UsageError(f"{echo(name)} cannot be the name of a preset", hint=hint)
    return name + _SUFFIX


def _profile(path: Path, values: Mapping[str, Any]) -> Profile:
    table = Table(one_line(str(path)), values, _PROFILE_KEYS)
    thinking = table.choice("thinking", _THINKING, Profile.thinking)
    return Profile(
        theme=table.text("theme"),
        keymap=table.keymap("keymap"),
        system=table.text("system"),
        options=table.options("options"),
        thinking=cast(ThinkingView, thinking),
    )


def _preset(path: Path, values: Mapping[str, Any]) -> Preset:
    table = Table(one_line(str(path)), values, _PRESET_KEYS)
    return Preset(table.text("system"), table.options("options"), table.text("model"))


def _as_read(table: Mapping[str, object]) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], plain(table))
