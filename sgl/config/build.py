"""From settings to a `ServerConfig`: fields, names of the model, and the files that settings name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from sgl import builtin
from sgl.config.contradictions import is_unready
from sgl.config.flags import BY_SPELLING
from sgl.config.server import ServerConfig
from sgl.config.setting import Setting
from sgl.config.values import Secret, Value
from sgl.errors import UsageError, echo


def build_config(settings: Mapping[str, Setting], problems: list[UsageError]) -> ServerConfig:
    """Makes the config of what can be done; what a file lacks is added to ``problems``."""
    fields: dict[str, Value] = {}
    for name, setting in settings.items():
        if not is_unready(name, setting):
            fields.update(dict.fromkeys(BY_SPELLING[name].sets, setting.value))
    verbose = settings.get("--verbose")
    if verbose is not None and verbose.value:
        fields["log_level"] = fields["engine.log_level"] = "debug"
    fields.setdefault("engine.model_path", builtin.NAME)
    fields.setdefault("served_model_name", _names_of(str(fields["engine.model_path"])))
    key_file = settings.get("--api-key-file")
    if key_file is not None:
        given = fields.get("api_keys")
        try:
            fields["api_keys"] = (given if isinstance(given, tuple) else ()) + _read_keys(key_file)
        except UsageError as error:
            problems.append(error)
    template = settings.get("--chat-template")
    if template is not None and not Path(template.text).is_file():
        problems.append(UsageError(f"{template.named}: there is no file {echo(template.text)}"))
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
        raise UsageError(f"{setting.named}: cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{setting.named}: {name} is not UTF-8 text") from error
    keys: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            keys += Secret().parse(line.strip()) if line.strip() else ()
        except ValueError as error:
            raise UsageError(f"{setting.named}: line {number} of {name} is not a key") from error
    if not keys:
        raise UsageError(f"{setting.named}: there is no key in {name}")
    return tuple(keys)
