"""From words on the command line and ``SGL_*`` variables to a `ServerConfig`, through the table of flags.

A flag wins over its variable, a variable over the default. Anything that is not understood is a
`UsageError` that names the flag or the variable, says what is expected, and hints at the closest word.
The standard library's argparse is not used: it takes prefixes for flags, prints its own kind of errors,
and cannot tell where a value came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from sgl import builtin
from sgl.config.flags import BY_SPELLING, SERVE_FLAGS, Flag
from sgl.config.foreign import NEEDLESS
from sgl.config.mistakes import bad_value, misspelt_variables, unknown_flag
from sgl.config.server import ServerConfig
from sgl.config.values import Secret, Switch, Value
from sgl.errors import UsageError, echo

_MODEL: Final = BY_SPELLING["--model"]


class Setting(NamedTuple):
    """A value that was set, and how: ``origin`` is a flag as spelt, a variable, or ``MODEL``; ``text`` its words."""

    value: Value
    origin: str
    text: str

    @property
    def written(self) -> str:
        """How it was given, for a message: ``--tp 2``, ``SGL_TP 2``, ``--deterministic``."""
        return f"{self.origin} {self.text}".rstrip()


class ServeArguments(NamedTuple):
    """What the command line and the environment said.

    Attributes:
        config: The server to start; ``engine.model_path`` and ``tokenizer_path`` are still as given. Without a
            model it is the built-in one.
        revision: Branch, tag or commit of the repository, if one was named.
        settings: What was set explicitly, by our name of the flag.
        notices: Lines to show: what was accepted and changes nothing.
    """

    config: ServerConfig
    revision: str | None
    settings: Mapping[str, Setting]
    notices: tuple[str, ...]


def parse_serve(argv: Sequence[str], environ: Mapping[str, str]) -> ServeArguments:
    """Reads the words after ``sgl serve`` (or ``python -m sgl.launcher``) and the environment.

    Raises:
        UsageError: A flag, a variable or a value cannot be understood, is refused, or contradicts another.
    """
    notices: list[str] = []
    settings: dict[str, Setting] = {}
    for flag, setting in _command_line(argv, notices):
        _add(settings, flag, setting)
    for flag in SERVE_FLAGS:
        text = environ.get(flag.variable)
        if text is not None and flag.name not in settings:
            settings[flag.name] = _setting(flag, flag.variable, text)
    _refuse(settings)
    notices += misspelt_variables(environ)
    revision = settings.get("--revision")
    return ServeArguments(
        config=_build(settings),
        revision=None if revision is None else revision.text,
        settings=settings,
        notices=tuple(notices),
    )


def _command_line(argv: Sequence[str], notices: list[str]) -> Iterator[tuple[Flag, Setting]]:
    """Reads ``argv`` word by word; a word that is no flag is the model. Notes needless flags."""
    rest = iter(argv)
    for word in rest:
        if word == "--":
            for argument in rest:
                yield _MODEL, _setting(_MODEL, "MODEL", argument)
            return
        if not word.startswith("-"):
            yield _MODEL, _setting(_MODEL, "MODEL", word)
            continue
        name, equals, text = word.partition("=")
        spelling = f"--{name[2:].replace('_', '-')}" if name.startswith("--") else name
        flag = BY_SPELLING.get(spelling)
        if flag is None and spelling in NEEDLESS and not equals:
            notices.append(f"{spelling} is not needed: {NEEDLESS[spelling]}")
        elif flag is None:
            raise unknown_flag(spelling)
        elif isinstance(flag.kind, Switch) and not equals:
            yield flag, Setting(flag.kind.given, spelling, "")
        else:
            yield flag, _setting(flag, spelling, text if equals else _following(rest, flag, spelling))


def _following(rest: Iterator[str], flag: Flag, spelling: str) -> str:
    """Takes the word after a flag as its value; a word that is a flag itself is not one."""
    text = next(rest, None)
    if text is None:
        raise UsageError(f"{spelling} needs a value: {flag.kind.expects}")
    if text.startswith("-") and not text[1:2].isdigit():
        shown = "" if isinstance(flag.kind, Secret) else f"; what follows is {echo(text)}"
        raise UsageError(
            f"{spelling} needs a value: {flag.kind.expects}{shown}",
            hint=f"a value that begins with - is written {spelling}=-...",
        )
    return text


def _setting(flag: Flag, origin: str, text: str) -> Setting:
    try:
        value = flag.kind.parse(text)
    except ValueError as error:
        raise bad_value(flag, origin, text) from error
    return Setting(value, origin, "(secret)" if isinstance(flag.kind, Secret) else text)


def _add(settings: dict[str, Setting], flag: Flag, new: Setting) -> None:
    """Adds a setting. Two values for one thing are a mistake that we do not guess our way out of."""
    old = settings.get(flag.name)
    if old is None or old.value == new.value:
        settings[flag.name] = new
    elif isinstance(old.value, tuple) and isinstance(new.value, tuple):
        settings[flag.name] = Setting(old.value + new.value, new.origin, f"{old.text},{new.text}")
    elif new.origin == "MODEL":
        raise UsageError(
            f"unexpected argument {echo(new.text)}: the model is {echo(old.text)} already",
            hint="a value with blanks needs quotes; the name of a flag begins with --",
        )
    else:
        raise UsageError(f"{old.written} and {new.written} contradict each other; give one of them")


def _refuse(settings: Mapping[str, Setting]) -> None:
    """Refuses what is understood and cannot be done, and flags that contradict each other."""
    trust, tp, device = (settings.get(name) for name in ("--trust-remote-code", "--tp", "--device"))
    if trust is not None and trust.value:
        raise UsageError(
            f"{trust.origin} is refused: sgl never runs code that comes with a model",
            hint="leave it out; the architectures that sgl serves are built in",
        )
    if tp is not None and tp.value != 1:
        raise UsageError(f"{tp.written} is not in this version: a model runs on one device", hint="leave it out")
    if device is not None and device.value == "cuda":
        raise UsageError(f"{device.written} is not in this version: it computes on the CPU", hint="leave it out")
    policy, cache = settings.get("--schedule-policy"), settings.get("--disable-radix-cache")
    if policy is not None and policy.value == "lpm" and cache is not None and not cache.value:
        raise UsageError(
            f"{policy.written} orders requests by their cached prefix, and {cache.written} turns the cache off",
            hint="give one of them",
        )


def _build(settings: Mapping[str, Setting]) -> ServerConfig:
    fields: dict[str, Value] = {}
    for name, setting in settings.items():
        fields.update(dict.fromkeys(BY_SPELLING[name].sets, setting.value))
    fields.setdefault("engine.model_path", builtin.NAME)
    fields.setdefault("served_model_name", _names_of(str(fields["engine.model_path"])))
    for handled_outside_the_config in ("revision", "trust_remote_code", "api_key_file"):
        fields.pop(handled_outside_the_config, None)
    key_file = settings.get("--api-key-file")
    if key_file is not None:
        given = fields.get("api_keys")
        fields["api_keys"] = (given if isinstance(given, tuple) else ()) + _read_keys(key_file)
    template = settings.get("--chat-template")
    if template is not None and not Path(template.text).is_file():
        raise UsageError(f"{template.origin}: there is no file {echo(template.text)}")
    engine = {name.removeprefix("engine."): value for name, value in fields.items() if name.startswith("engine.")}
    server = {name: value for name, value in fields.items() if not name.startswith("engine.")}
    return msgspec.convert({**server, "engine": engine}, ServerConfig)


def _names_of(model: str) -> tuple[str, ...]:
    """What a model is called when no name was given: a folder's name and its path, or what ``-m`` said."""
    path = Path(model)
    if model == builtin.NAME or not path.is_dir():
        return (model,)
    return tuple(dict.fromkeys((path.resolve().name or model, model)))


def _read_keys(setting: Setting) -> tuple[str, ...]:
    """Reads a file with one key a line; blank lines do not count."""
    name = echo(setting.text)
    try:
        lines = Path(setting.text).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{setting.origin}: cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{setting.origin}: {name} is not UTF-8 text") from error
    keys: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            keys += Secret().parse(line.strip()) if line.strip() else ()
        except ValueError as error:
            raise UsageError(f"{setting.origin}: line {number} of {name} is not a key") from error
    if not keys:
        raise UsageError(f"{setting.origin}: there is no key in {name}")
    return tuple(keys)
