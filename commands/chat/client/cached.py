"""`startable_models`: the models on this machine that a server could be started for, for a picker."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgl import builtin
from sgl.hub.repository import MAIN

if TYPE_CHECKING:
    from sgl.gpu import Accelerator
    from sgl.hub.inventory import LocalModel


@dataclass(frozen=True, slots=True)
class Startable:
    """A model on this machine.

    Attributes:
        name: As ``sgl serve -m`` takes it.
        size: Bytes on disk.
        why_not: Why no server of this version could be started for a chat with it, in a few words or a sentence;
            empty when one can.
    """

    name: str
    size: int
    why_not: str = ""


def startable_models(environ: Mapping[str, str] = os.environ) -> tuple[Startable, ...]:
    """What `sgl models` lists: first those that can be started, by name, the demonstration model behind them."""
    from sgl.hub.inventory import local_models  # Takes 0.15 s, which only the picker needs.
    from sgl.preview.gpu import look_for_gpu

    accelerator = look_for_gpu(environ)
    found = [Startable(model.name, model.size, _why_not(model, accelerator)) for model in local_models(environ)]
    return tuple(sorted(found, key=lambda each: bool(each.why_not)))


def _why_not(model: LocalModel, accelerator: Accelerator) -> str:
    from sgl.preview.model_card import describe

    if not model.complete:
        return f"not all of it is here: sgl download {model.name}"
    if model.name != builtin.NAME and MAIN not in model.references:
        return f"its branch {MAIN} is not here: sgl download {model.name}"
    card = describe(model, accelerator)
    if not card.fit.served or card.fit.verdict == "too large":
        return card.fit.line
    return "" if card.has_template else "it has no chat template"
