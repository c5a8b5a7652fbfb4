"""The names under which the model is served."""

from __future__ import annotations

from typing import Final

from sgl.config.server import ServerConfig
from sgl.errors import UnknownModel, echo

ALIAS: Final = "default"
"""SGLang's clients send this when they were given no model name; it always means the served model."""


class ServedModel:
    """Knows the served names; the first one is what answers and /v1/models show."""

    def __init__(self, config: ServerConfig) -> None:
        self.names: tuple[str, ...] = config.served_model_name or (config.engine.model_path,)

    @property
    def name(self) -> str:
        """The name to show."""
        return self.names[0]

    def resolve(self, name: str) -> str:
        """The name an answer carries as ``model`` when a request asked for ``name``.

        Raises:
            UnknownModel: Nothing is served under this name.
        """
        if name in self.names:
            return name
        if name == ALIAS:
            return self.name
        raise UnknownModel(
            f"The model {echo(name)} does not exist here; this server has {', '.join(map(echo, self.names))}.",
            param="model",
        )
