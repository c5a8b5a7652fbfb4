"""From words, ``SGL_*`` variables, profiles and config files to a `ServerConfig`, through the table of flags.

What counts, the first over the second: a flag, its variable, the profile, the --config file, ./sgl.toml, the user's
config.toml, the default. Anything that is not understood is a `UsageError` that names the flag, the variable or the
file and its key, says what is expected, and hints at the closest word.
The standard library's argparse is not used: it takes prefixes for flags, prints its own kind of errors,
and cannot tell where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sgl.config.build import build_config
from sgl.config.contradictions import contradictions
from sgl.config.flags import SERVE_FLAGS, Flag
from sgl.config.mistakes import misspelt_variables
from sgl.config.server import ServerConfig
from sgl.config.setting import Setting, read_setting
from sgl.config.sources import FOLDER_FILE, layers, read_files
from sgl.config.words import MODEL_WORD, read_words
from sgl.errors import UsageError, echo


class ServeArguments(NamedTuple):
    """What the command line, the environment and the config files said.

    Attributes:
        config: The server to start; ``engine.model_path`` and ``tokenizer_path`` are still as given. Without a
            model it is the built-in one. What is in ``problems`` is left out of it, where it cannot be said in it.
        revision: Branch, tag or commit of the repository, if one was named.
        settings: What was set explicitly, by our name of the flag.
        notices: Lines to show: what was accepted and changes nothing, and what people may not expect.
        problems: What is understood and cannot be done; a server must not start with any.
    """

    config: ServerConfig
    revision: str | None
    settings: Mapping[str, Setting]
    notices: tuple[str, ...]
    problems: tuple[UsageError, ...] = ()

    def asks_for(self, switch: str) -> bool:
        """Whether a switch was given and not turned off again, e.g. ``--dry-run``."""
        setting = self.settings.get(switch)
        return setting is not None and setting.value is True


def parse_serve(argv: Sequence[str], environ: Mapping[str, str], folder: Path | None = Path()) -> ServeArguments:
    """As `read_serve`, for those who want to start: the first problem is raised.

    Raises:
        UsageError: Something cannot be understood, is refused, or contradicts something else.
    """
    arguments = read_serve(argv, environ, folder)
    if arguments.problems:
        raise arguments.problems[0]
    return arguments


def read_serve(argv: Sequence[str], environ: Mapping[str, str], folder: Path | None = Path()) -> ServeArguments:
    """Reads the words after ``sgl serve`` (or ``python -m sgl.launcher``), the environment and the config files.

    Args:
        argv: The words.
        environ: Has the ``SGL_*`` variables, and says where the user's own file is.
        folder: Where ``sgl.toml`` is looked for; None does not look.

    Raises:
        UsageError: A flag, a variable, a file, a key or a value cannot be understood. What is understood and
            refused is in the answer's ``problems``.
    """
    notices: list[str] = []
    settings: dict[str, Setting] = {}
    for flag, setting in read_words(argv, notices):
        _add(settings, flag, setting)
    for flag in SERVE_FLAGS:
        text = environ.get(flag.variable)
        if text is not None and flag.name not in settings:
            settings[flag.name] = read_setting(flag, flag.variable, text)
    _add_files(settings, environ, folder, notices)
    notices += misspelt_variables(environ)
    problems = list(contradictions(settings))
    config = build_config(settings, problems)
    revision = settings.get("--revision")
    return ServeArguments(
        config=config,
        revision=None if revision is None else revision.text,
        settings=settings,
        notices=tuple(notices),
        problems=tuple(problems),
    )


def _add_files(
    settings: dict[str, Setting], environ: Mapping[str, str], folder: Path | None, notices: list[str]
) -> None:
    """Adds what the files say about flags that are not set yet."""
    files = read_files(settings.get("--config"), environ, folder)
    for layer in layers(files, settings.get("--profile"), notices):
        new = {name: setting for name, setting in layer.settings.items() if name not in settings}
        settings.update(new)
        if layer.origin == FOLDER_FILE and new:  # Nobody named the file: a person has to know that it counts.
            notices.append(f"./{FOLDER_FILE} is used: {', '.join(setting.key for setting in new.values())}")


def _add(settings: dict[str, Setting], flag: Flag, new: Setting) -> None:
    """Adds a setting. Two values for one thing are a mistake that we do not guess our way out of."""
    old = settings.get(flag.name)
    if old is None or old.value == new.value:
        settings[flag.name] = new
    elif isinstance(old.value, tuple) and isinstance(new.value, tuple):
        settings[flag.name] = Setting(old.value + new.value, new.origin, f"{old.text},{new.text}")
    elif new.origin == MODEL_WORD:
        raise UsageError(
            f"unexpected argument {echo(new.text)}: the model is {echo(old.text)} already",
            hint="a value with blanks needs quotes; the name of a flag begins with --",
        )
    else:
        raise UsageError(f"{old.written} and {new.written} contradict each other; give one of them")
