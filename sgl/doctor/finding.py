"""`Finding`: the outcome of one check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "warn", "error", "skip"]
Group = Literal["python", "gpu", "cpu", "system", "kernels", "model", "flags", "fit"]
Datum = str | int | float | bool | None | list[str]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Attributes:
        code: Stable name of the check, e.g. ``SGL201``; `sgl.doctor.codes` explains each.
        title: What was looked at, in one or two words: ``torch``, ``/dev/shm``, ``GPU 0``.
        status: The verdict. ``skip`` is for what could not be looked at; the detail says why.
        detail: What was found, with numbers; one line.
        remedy: One line to copy, a command wherever there is one; required for ``warn`` and ``error``.
        data: The numbers, for ``--json``.
    """

    code: str
    group: Group
    title: str
    status: Status
    detail: str
    remedy: str = ""
    data: Mapping[str, Datum] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status in ("warn", "error") and not self.remedy:
            raise ValueError(f"{self.code}: a {self.status} needs a remedy")
