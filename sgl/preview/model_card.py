"""`Card`: what is known about a model on this machine, from its config.json and the memory plan."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sgl.columns import align
from sgl.config.layout.count import active_parameter_count, parameter_count
from sgl.config.model import ModelConfig
from sgl.config.sizes import gib
from sgl.device import probe_cpu
from sgl.gpu import Accelerator
from sgl.hub.inventory import LocalModel
from sgl.hub.selection import SINGLE
from sgl.preview.fit import Fit, judge

_DAY = 86400


@dataclass(frozen=True, kw_only=True)
class Card:
    """A model, and what it would be on this machine.

    Attributes:
        has_template: Whether it comes with a chat template; without one it only completes text.
    """

    model: LocalModel
    fit: Fit
    has_template: bool

    def to_json(self, *, short: bool = False) -> dict[str, Any]:
        """Plain values; sizes are bytes. ``short`` leaves out what ``sgl models show`` adds."""
        model, decoder, plan = self.model, self.fit.model, self.fit.plan
        document = {
            "name": model.name,
            "path": str(model.folder),
            "bytes": model.size,
            "partial_bytes": model.partial_bytes,
            "complete": model.complete,
            "missing": list(model.missing),
            "architecture": self.fit.architecture,
            "served": self.fit.served,
            "last_used": model.last_used,
            "removable": model.removable,
        }
        if short:
            return document
        return {
            **document,
            "commit": model.revisions[0] if model.revisions else None,
            "revisions": list(model.revisions),
            "references": list(model.references),
            "parameters": parameter_count(decoder) if decoder else None,
            "active_parameters": active_parameter_count(decoder) if decoder else None,
            "dtype": decoder.checkpoint_dtype if decoder else None,
            "quantization": str(decoder.quantization) if decoder and decoder.quantization else None,
            "context_length": decoder.max_position if decoder else None,
            "weight_bytes": plan.weight_bytes if plan else None,
            "kv_bytes_per_token": plan.page_bytes // plan.demand.page_size if plan else None,
            "chat_template": self.has_template,
            "fit": {"verdict": self.fit.verdict, "line": self.fit.line},
        }


def describe(model: LocalModel, accelerator: Accelerator) -> Card:
    """Reads what the folder says, for this machine and its GPU (`sgl.preview.gpu.look_for_gpu`)."""
    config = model.folder / "config.json"
    return Card(
        model=model,
        fit=judge(config.read_bytes() if config.is_file() else None, probe_cpu(), accelerator),
        has_template=_has_template(model),
    )


def list_lines(cards: list[Card]) -> list[str]:
    """The table of models."""
    rows = [("NAME", "SIZE", "FILES", "SERVED", "LAST USED")]
    rows += [
        (card.model.name, gib(card.model.size), _files(card.model), _served(card.fit), _ago(card.model.last_used))
        for card in cards
    ]
    return align(rows, right={1})


def card_lines(card: Card) -> list[str]:
    """Everything about one model."""
    model, decoder, plan = card.model, card.fit.model, card.fit.plan
    rows = [("name", model.name), ("path", str(model.folder))]
    if model.revisions:
        others = f"; {len(model.revisions) - 1} older" if len(model.revisions) > 1 else ""
        names = f" ({', '.join(model.references)})" if model.references else ""
        rows.append(("commit", f"{model.revisions[0][:12]}{names}{others}"))
    rows += [("on disk", gib(model.size)), ("files", _files(model))]
    if card.fit.architecture:
        rows.append(("architecture", card.fit.architecture))
    if decoder is not None:
        rows += [
            ("parameters", _parameters(decoder)),
            ("dtype", decoder.checkpoint_dtype or "not stated"),
            ("context", f"{decoder.max_position} tokens"),
        ]
        if decoder.quantization is not None:
            rows.insert(-1, ("quantised", str(decoder.quantization)))
    if plan is not None:
        rows += [
            ("weights", f"{gib(plan.weight_bytes)} in memory"),
            ("KV cache", f"{plan.page_bytes // plan.demand.page_size} bytes per token"),
        ]
    rows += [("chat template", "yes" if card.has_template else "no"), ("last used", _ago(model.last_used))]
    return [*align(rows), card.fit.line]


def _has_template(model: LocalModel) -> bool:
    if (model.folder / "chat_template.jinja").is_file() or (model.folder / "chat_template.json").is_file():
        return True
    config = model.folder / "tokenizer_config.json"
    return config.is_file() and b'"chat_template"' in config.read_bytes()


def _files(model: LocalModel) -> str:
    if model.complete:
        return "complete"
    if model.missing == (SINGLE,) and not model.partial_bytes:
        return "no safetensors"
    more = f" and {len(model.missing) - 1} more" if len(model.missing) > 1 else ""
    return f"without {model.missing[0]}{more}"


def _served(fit: Fit) -> str:
    if fit.served:
        return "yes" if fit.verdict == "fits" else "yes, too large here"
    return f"no ({fit.architecture})" if fit.architecture else "no"


def _parameters(decoder: ModelConfig) -> str:
    """All of them, and those that compute one token where these are fewer."""
    text = _count(parameter_count(decoder))
    return text if decoder.experts is None else f"{text}, {_count(active_parameter_count(decoder))} active"


def _count(number: int) -> str:
    """``596.0 M`` or ``8.0 B``."""
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.2f} M"


def _ago(moment: float | None) -> str:
    if moment is None:
        return "-"
    days = int((time.time() - moment) // _DAY)
    if days < 1:
        return "today"
    return "yesterday" if days == 1 else f"{days} days ago"
