"""Which config files there are, and the settings of each in the order in which they count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from sgl.config.file import ConfigFile, read_file
from sgl.config.flags import BY_SPELLING
from sgl.config.keys import read_keys
from sgl.config.setting import Setting
from sgl.config.values import Secret
from sgl.errors import UsageError, echo

FOLDER_FILE: Final = "sgl.toml"
"""Read where the program is started."""
_WHERE: Final = "a --config file, ./sgl.toml or ~/.config/sgl/config.toml"


class Layer(NamedTuple):
    """The settings of one file, or of one profile in it, by our name of the flag."""

    origin: str
    settings: Mapping[str, Setting]


def read_files(config: Setting | None, environ: Mapping[str, str], folder: Path | None) -> list[ConfigFile]:
    """The files that count, the first over the second and so on.

    Args:
        config: The file that ``--config`` names.
        environ: Says where the user's own file is.
        folder: Where ``sgl.toml`` is looked for; None does not look.

    Raises:
        UsageError: A file cannot be read.
    """
    files: list[ConfigFile] = []
    if config is not None:
        if not Path(config.text).exists():
            raise UsageError(f"{config.named}: there is no file {echo(config.text)}")
        files.append(read_file(Path(config.text), config.text))
    if folder is not None and (folder / FOLDER_FILE).is_file():
        files.append(read_file(folder / FOLDER_FILE, FOLDER_FILE))
    own = user_file(environ)
    if own is not None and own.is_file():
        files.append(read_file(own, _with_tilde(own, environ)))
    return files


def user_file(environ: Mapping[str, str]) -> Path | None:
    """``$XDG_CONFIG_HOME/sgl/config.toml``; None where ``environ`` knows no home."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if not Path(base).is_absolute():  # The specification says to ignore it then.
        home = environ.get("HOME", "")
        if not home:
            return None
        base = f"{home}/.config"
    return Path(base) / "sgl" / "config.toml"


def layers(files: Sequence[ConfigFile], profile: Setting | None, notices: list[str]) -> Iterator[Layer]:
    """Yields the settings of the chosen profile and then of the files, the strongest first.

    Raises:
        UsageError: No file has the profile; a key or a value is wrong.
    """
    if profile is not None:
        if not any(profile.text in file.profiles for file in files):
            raise _unknown_profile(profile, files)
        for file in files:
            if profile.text in file.profiles:
                yield _layer(file, f"profile {profile.text} in {file.name}", file.profiles[profile.text], notices)
    for file in files:
        yield _layer(file, file.name, file.keys, notices)


def profile_names(
    environ: Mapping[str, str], folder: Path | None = Path(), config: Setting | None = None
) -> tuple[str, ...]:
    """The names of all profiles, for completion.

    Raises:
        UsageError: A file cannot be read.
    """
    return tuple(dict.fromkeys(name for file in read_files(config, environ, folder) for name in file.profiles))


def _layer(file: ConfigFile, origin: str, keys: Mapping[str, object], notices: list[str]) -> Layer:
    settings = {flag.name: setting for flag, setting in read_keys(keys, origin, notices)}
    if file.shared and any(isinstance(BY_SPELLING[name].kind, Secret) for name in settings):
        notices.append(f"{file.name} holds a key, and other users can read it: chmod 600 {file.name}")
    return Layer(origin, settings)


def _unknown_profile(profile: Setting, files: Sequence[ConfigFile]) -> UsageError:
    names = list(dict.fromkeys(name for file in files for name in file.profiles))
    near = get_close_matches(profile.text, names, n=1)
    if near:
        hint = f"did you mean {near[0]}?"
    elif names:
        hint = f"there are: {', '.join(names)}"
    else:
        hint = f"a profile is a table [profiles.NAME] in {_WHERE}"
    read = f" in {', '.join(file.name for file in files)}" if files else ""
    return UsageError(f"{profile.named}: there is no profile {echo(profile.text)}{read}", hint=hint)


def _with_tilde(path: Path, environ: Mapping[str, str]) -> str:
    home = Path(environ.get("HOME") or "/nonexistent")
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
