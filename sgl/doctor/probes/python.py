"""`PythonFacts`: the interpreter, and the packages that sgl needs, directly or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sgl.doctor.machine import Distribution, Interpreter, Machine

_ALSO: Final = ("triton", "flashinfer-python")
"""Packages that are looked at where they are installed, though nothing requires them."""


@dataclass(frozen=True, kw_only=True)
class PythonFacts:
    """The interpreter and its packages.

    Attributes:
        packages: By normalised name: sgl, what it requires, what that requires, and so on, as far as installed.
    """

    interpreter: Interpreter
    packages: Mapping[str, Distribution]

    def version(self, name: str) -> str:
        """The version of a package; empty when it is not installed."""
        found = self.packages.get(name)
        return found.versions[0] if found else ""


def probe_python(machine: Machine) -> PythonFacts:
    """Walks from sgl through the metadata of installed packages."""
    packages: dict[str, Distribution] = {}
    waiting = ["sgl", *_ALSO]
    seen = set(waiting)
    while waiting:
        name = waiting.pop(0)
        found = machine.distribution(name)
        if found is None:
            continue
        packages[name] = found
        new = [required for line in found.requires if (required := requirement_name(line)) not in seen]
        seen.update(new)
        waiting.extend(new)
    return PythonFacts(interpreter=machine.interpreter, packages=packages)


def requirement_name(requirement: str) -> str:
    """The normalised name in a requirement: ``Jinja2>=3; extra == "x"`` -> ``jinja2`` (PEP 503 and 508)."""
    end = next((at for at, letter in enumerate(requirement) if not (letter.isalnum() or letter in "-_.")), None)
    name = requirement[:end].lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name
