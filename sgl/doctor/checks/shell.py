"""The shell: its locale, its variables, its completion, and programs called sgl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.doctor.finding import Finding
from sgl.doctor.probes.shell import ShellFacts
from sgl.doctor.subject import Subject
from sgl.env import parse_switch

_LOCALE: Final = Subject("SGL413", "system", "locale")
_VARIABLES: Final = Subject("SGL414", "system", "variables")
_COMPLETION: Final = Subject("SGL415", "system", "completion")
_PROGRAMS: Final = Subject("SGL416", "system", "sgl")
_SHELLS: Final = ("bash", "zsh", "fish")

HARMFUL: Final = {
    "CUDA_LAUNCH_BLOCKING": "every kernel is waited for",
    "NCCL_P2P_DISABLE": "GPUs exchange data through the CPU",
    "NCCL_SHM_DISABLE": "GPUs exchange data over the network",
    "PYTORCH_NO_CUDA_MEMORY_CACHING": "every tensor asks the driver for memory",
    "TORCH_SHOW_CPP_STACKTRACES": "errors are slow and long",
    "TRITON_INTERPRET": "kernels run in Python",
    "TORCH_COMPILE_DISABLE": "nothing is compiled",
    "PYTHONASYNCIODEBUG": "the server is slowed down",
    "PYTHONDEVMODE": "Python is slowed down",
}
"""Switches for debugging -> what they cost."""


def check_shell(facts: ShellFacts) -> Iterator[Finding]:
    """What surrounds a call of ``sgl``."""
    yield _locale(facts)
    harmful = {name: why for name, why in HARMFUL.items() if _is_on(facts.variables.get(name, ""))}
    if harmful:
        detail = "; ".join(f"{name}: {why}" for name, why in harmful.items())
        yield _VARIABLES.warn(detail, f"unset {' '.join(harmful)}", variables=list(harmful))
    if facts.name in _SHELLS:
        yield _completion(facts)
    if len(facts.programs) > 1:
        yield _programs(facts)


def _is_on(text: str) -> bool:
    try:
        return bool(text) and parse_switch(text)
    except ValueError:
        return True  # Set to something else, e.g. 2: these variables take any other text for yes.


def _locale(facts: ShellFacts) -> Finding:
    if facts.encoding.lower().replace("-", "") == "utf8":
        return _LOCALE.ok("UTF-8", encoding=facts.encoding)
    named = facts.encoding or "unknown"
    return _LOCALE.warn(f"text is shown in {named}, not UTF-8", "export LC_ALL=C.UTF-8", encoding=facts.encoding)


def _completion(facts: ShellFacts) -> Finding:
    if facts.completion:
        return _COMPLETION.ok(f"installed for {facts.name}", path=facts.completion)
    return _COMPLETION.skip(f"not installed for {facts.name}", "sgl --install-completion")


def _programs(facts: ShellFacts) -> Finding:
    first, *others = facts.programs
    detail = f"{first} hides {', '.join(others)}"
    if first.rpartition("/")[0] == facts.own_folder:
        return _PROGRAMS.ok(detail, programs=list(facts.programs))
    detail += "; this one is neither" if facts.own_folder not in {path.rpartition("/")[0] for path in others} else ""
    return _PROGRAMS.warn(detail, "type -a sgl", programs=list(facts.programs))
