"""What is understood and cannot be done: settings of other versions, and settings that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sgl.config.flags import BY_SPELLING
from sgl.config.kv import KV_FORMATS
from sgl.config.setting import Setting
from sgl.config.values import Choice
from sgl.errors import UsageError

_NOT_READY: Final = {
    "--attention-backend": "it has torch, triton and flashinfer",
    "--kv-cache-dtype": f"the KV cache has the type of --dtype, or is {' or '.join(KV_FORMATS)}",
}
"""Flags with values that this version knows and cannot do -> why not."""


def contradictions(settings: Mapping[str, Setting]) -> Iterator[UsageError]:
    """Yields one error for every refusal, in a fixed order."""
    trust, tp = settings.get("--trust-remote-code"), settings.get("--tp")
    if trust is not None and trust.value:
        yield UsageError(
            f"{trust.named} is refused: sgl never runs code that comes with a model",
            hint="leave it out; the architectures that sgl serves are built in",
        )
    if tp is not None and tp.value != 1:
        yield UsageError(f"{tp.written} is not in this version: a model runs on one device", hint="leave it out")
    for name, why in _NOT_READY.items():
        setting = settings.get(name)
        if setting is not None and is_unready(name, setting):
            yield UsageError(f"{setting.written} is not in this version: {why}", hint="leave it out")
    policy, cache = settings.get("--schedule-policy"), settings.get("--disable-radix-cache")
    if policy is not None and policy.value == "lpm" and cache is not None and not cache.value:
        yield UsageError(
            f"{policy.written} orders requests by their cached prefix, and {cache.written} turns the cache off",
            hint="give one of them",
        )
    largest, eager = settings.get("--cuda-graph-max-bs"), settings.get("--disable-cuda-graph")
    if largest is not None and largest.value and eager is not None and not eager.value:
        yield UsageError(
            f"{largest.written} says how far CUDA graphs go, and {eager.written} turns them off",
            hint="give one of them",
        )
    level, verbose = settings.get("--log-level"), settings.get("--verbose")
    # What a file or a variable says is for good, and --verbose an exception to it.
    quieter = level is not None and level.origin.startswith("-") and level.value != "debug"
    if level is not None and quieter and verbose is not None and verbose.value:
        yield UsageError(f"{verbose.written} logs everything, and {level.written} does not", hint="give one of them")
    document = settings.get("--json")
    printing = [settings[name] for name in ("--dry-run", "--detach") if name in settings]
    if document is not None and document.value and not any(setting.value for setting in printing):
        yield UsageError(
            f"{document.named} is for --dry-run and --detach: a server prints no document",
            hint="add --dry-run or --detach",
        )


def is_unready(name: str, setting: Setting) -> bool:
    """Whether the flag ``name`` has a value that this version understands and cannot do."""
    kind = BY_SPELLING[name].kind
    return isinstance(kind, Choice) and setting.value in kind.unready.values()
