"""`Row`: one serve flag, what it will be, where that came from, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from sgl.config.arguments import ServeArguments
from sgl.config.engine import ResolvedConfig
from sgl.config.flags import SERVE_FLAGS, Flag
from sgl.config.reason import Reason
from sgl.config.setting import SECRET, Setting
from sgl.config.values import Secret, Switch, Value
from sgl.plan.memory import MemoryPlan

DEFAULT: Final = "default"
"""Origin of what nobody set."""

_UNSET: Final = {
    "--model": "no model was given: the demonstration model of sgl",
    "--served-model-name": "the model as given",
    "--tokenizer": "it is with the model",
    "--chat-template": "the model's own, where it has one",
}
"""Why flags that nobody set, and that are no "auto" of the engine, are what they are."""


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        flag: Our name of it.
        group: Its group in help.
        value: What it will be; for a switch, whether it is on. A key is never shown. None is nothing, or an auto
            that cannot be decided without the model.
        text: The value as one would type it.
        origin: A flag, a variable, ``MODEL``, a file, ``profile NAME in FILE``, or ``default``.
        reason: Why an "auto" or a default became what it is; may be empty.
    """

    flag: str
    group: str
    value: Value
    text: str
    origin: str
    reason: str


def rows_of(
    arguments: ServeArguments, resolved: ResolvedConfig | None, reasons: tuple[Reason, ...], plan: MemoryPlan | None
) -> Iterator[Row]:
    """Yields one row for every flag, in the order of help."""
    because = {reason.name: reason.because for reason in reasons}
    for flag in SERVE_FLAGS:
        setting = arguments.settings.get(flag.name)
        value = _value(flag, setting, arguments)
        why = "" if setting is not None else _UNSET.get(flag.name, "")
        if value is None and resolved is not None:
            decided = _decided(flag, resolved, because, plan)
            if decided is not None:
                value, why = decided
        text = _text(flag, value, setting)
        origin = DEFAULT if setting is None else setting.origin
        yield Row(flag.name, flag.group, value, text, origin, why)


def _value(flag: Flag, setting: Setting | None, arguments: ServeArguments) -> Value:
    """What was set, else the field's default; None for "auto" and for nothing."""
    if isinstance(flag.kind, Secret):
        return SECRET if setting is not None else None
    if setting is not None:
        value = setting.value
    elif flag.sets:
        engine, _, field = flag.sets[0].rpartition(".")
        value = getattr(arguments.config.engine if engine else arguments.config, field)
    else:
        value = None if flag.takes_value else False
    if isinstance(flag.kind, Switch):
        return value is flag.kind.given
    return value


def _decided(
    flag: Flag, resolved: ResolvedConfig, because: Mapping[str, str], plan: MemoryPlan | None
) -> tuple[Value, str] | None:
    """What an "auto" became, and why; None for a flag that has no auto."""
    if flag.name == "--max-total-tokens":
        return None if plan is None else (plan.kv_tokens, _why_tokens(plan))
    if flag.name == "--mem-fraction-static" and resolved.max_total_tokens is not None:
        return resolved.mem_fraction_static, "it has no say: --max-total-tokens is given"
    field = flag.sets[0].removeprefix("engine.") if flag.sets else ""
    if field not in because:
        return None
    value: Value = getattr(resolved, field)
    return value, because[field]


def _why_tokens(plan: MemoryPlan) -> str:
    demand = plan.demand
    useful = demand.running * -(-demand.max_model_len // demand.page_size)
    if plan.pages >= useful:
        return "every running request can have the whole context"
    return "it is what the memory leaves beside the weights"


def _text(flag: Flag, value: Value, setting: Setting | None) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or (setting is None and flag.default not in ("", "auto")):
        return (setting.text if setting is not None else flag.default) or "-"
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(value) if isinstance(value, tuple) else str(value)
