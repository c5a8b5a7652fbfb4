"""Typed reading of a Hugging Face ``config.json``: read, require, refuse.

A model that silently ignores a config value computes wrong numbers. So every family states which fields
it reads, which it requires, and which values it refuses; a refusal names the field and the value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from sgl.errors import ModelNotFound, UnsupportedModel

_OLDER: Final = {"quantize_config.json": "gptq", "quant_config.json": "awq"}

T = TypeVar("T", int, float, bool, str)


class HfConfig:
    """A ``config.json`` as a read-only mapping with typed access.

    ``null`` counts as absent, as in transformers. Integers are accepted where floats are asked for.
    """

    def __init__(self, values: Mapping[str, Any], source: str = "config.json") -> None:
        self._values = dict(values)
        self.source = source

    @classmethod
    def load(cls, folder: Path) -> HfConfig:
        """Reads ``folder/config.json``.

        Raises:
            ModelNotFound: No such file.
            UnsupportedModel: Not a JSON object, or a number in it is not finite.
        """
        path = folder / "config.json"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ModelNotFound(f"{folder} has no config.json; is it a Hugging Face model folder?") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ModelNotFound(f"{path} cannot be read: {error}") from error
        config = cls.parse(text, str(path))
        return config if config.has("quantization_config") else config.replaced(**_older_quantization(folder))

    @classmethod
    def parse(cls, text: str | bytes, source: str) -> HfConfig:
        """Reads the text of a config.json; ``source`` names it in messages.

        Raises:
            UnsupportedModel: Not a JSON object, or a number in it is not finite.
        """
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise UnsupportedModel(f"{source} is not valid JSON: {error}") from error
        if not isinstance(values, dict):
            raise UnsupportedModel(f"{source} must hold a JSON object")
        return cls(values, source)

    def has(self, name: str) -> bool:
        """Whether the field is present and not null."""
        return self._values.get(name) is not None

    def mentions(self, name: str) -> bool:
        """Whether the field is there, be it null."""
        return name in self._values

    def raw(self, name: str) -> Any:
        """The field as parsed, or None."""
        return self._values.get(name)

    def names(self) -> tuple[str, ...]:
        """The fields that are present and not null."""
        return tuple(filter(self.has, self._values))

    def without(self, name: str) -> HfConfig:
        """The same, with the field absent."""
        return HfConfig({key: value for key, value in self._values.items() if key != name}, self.source)

    def replaced(self, **values: Any) -> HfConfig:
        """The same, with other values of some fields; None makes one absent."""
        return HfConfig({**self._values, **values}, self.source)

    def with_defaults(self, **values: Any) -> HfConfig:
        """The same, with values of fields that are not mentioned, not even as null."""
        return HfConfig({**values, **self._values}, self.source)

    def require(self, name: str, kind: type[T]) -> T:
        """The field, which must be present.

        Raises:
            UnsupportedModel: It is absent or of another type.
        """
        if not self.has(name):
            raise UnsupportedModel(f"{self.source} lacks '{name}', which this architecture needs")
        return self._typed(name, self._values[name], kind)

    def read(self, name: str, kind: type[T], default: T) -> T:
        """The field, or ``default`` when it is absent or null."""
        return self._typed(name, self._values[name], kind) if self.has(name) else default

    def nullable(self, name: str, kind: type[T], default: T | None) -> T | None:
        """The field, where null says "none" and only a field that is not mentioned has the default."""
        if name not in self._values:
            return default
        return self._typed(name, self._values[name], kind) if self.has(name) else None

    def positive(self, name: str, default: int | None = None) -> int:
        """An integer above 0: required unless there is a default."""
        value = self.require(name, int) if default is None else self.read(name, int, default)
        if value <= 0:
            raise UnsupportedModel(f"{self.source}: '{name}' must be above 0, not {value}")
        return value

    def only(self, name: str, *allowed: Any, why: str = "") -> None:
        """Refuses every value of ``name`` but the allowed ones; absent is allowed.

        Raises:
            UnsupportedModel: The value is not implemented; names field, value and what is implemented.
        """
        if self.has(name) and self._values[name] not in allowed:
            known = ", ".join(json.dumps(value) for value in allowed)
            tail = f" ({why})" if why else ""
            raise UnsupportedModel(
                f"{self.source}: '{name}': {json.dumps(self._values[name])} is not implemented; known: {known}{tail}"
            )

    def section(self, name: str) -> HfConfig | None:
        """A nested object, or None when it is absent.

        Raises:
            UnsupportedModel: It is not an object.
        """
        if not self.has(name):
            return None
        value = self._values[name]
        if not isinstance(value, dict):
            raise UnsupportedModel(f"{self.source}: '{name}' must be an object, not {json.dumps(value)}")
        return HfConfig(value, source=f"{self.source}: {name}")

    def _typed(self, name: str, value: Any, kind: type[T]) -> T:
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UnsupportedModel(f"{self.source}: '{name}' must be {kind.__name__}, not {json.dumps(value)[:60]}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UnsupportedModel(f"{self.source}: '{name}' is not a finite number")
        return value


def _older_quantization(folder: Path) -> dict[str, Any]:
    """``quantization_config`` from the file of its own that AutoGPTQ and AutoAWQ wrote before config.json had it."""
    for name, method in _OLDER.items():
        if (folder / name).is_file():
            return {"quantization_config": {"quant_method": method, **_read_object(folder / name)}}
    return {}


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def end_token_ids(config: HfConfig, folder: Path) -> tuple[int, ...]:
    """Tokens that end generation: generation_config.json's eos_token_id, else config.json's.

    transformers' ``generate`` reads them in this order. The field is an integer or a list of them.
    """
    path = folder / "generation_config.json"
    if path.is_file():
        generation = HfConfig(_read_object(path), source=str(path))
        if generation.has("eos_token_id"):
            return _ids(generation)
    return _ids(config) if config.has("eos_token_id") else ()


def _ids(config: HfConfig) -> tuple[int, ...]:
    value = config.raw("eos_token_id")
    ids = value if isinstance(value, list) else [value]
    if not all(isinstance(token, int) and not isinstance(token, bool) and token >= 0 for token in ids):
        raise UnsupportedModel(f"{config.source}: 'eos_token_id' must be token ids, not {json.dumps(value)[:60]}")
    return tuple(dict.fromkeys(ids))


def _read_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnsupportedModel(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise UnsupportedModel(f"{path} must hold a JSON object")
    return values
