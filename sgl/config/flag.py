"""`Flag`: one row of the table of serve flags, and the groups that rows belong to."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from sgl.config.values import Choice, Kind, Switch

MODEL: Final = "Model"
SERVER: Final = "Server"
MEMORY: Final = "Memory"
SCHEDULING: Final = "Scheduling"
COMPUTE: Final = "Compute"
LIMITS: Final = "Limits"
START: Final = "Start"
GROUPS: Final = (MODEL, SERVER, MEMORY, SCHEDULING, COMPUTE, LIMITS, START)
"""The headings of help, in its order."""

Completes = Literal["", "file", "folder", "model", "host", "port", "profile"]
"""What a shell may offer as a value; empty where it can offer nothing, or where `Flag.choices` says it."""


class Flag(NamedTuple):
    """One row.

    Attributes:
        name: The flag as we write it, e.g. ``--page-size``.
        kind: How its text becomes a value.
        sets: What the value is for: fields of `ServerConfig`, or ``engine.`` and a field of `EngineConfig`;
            empty for the few that are used up before there is a config.
        group: Heading in help.
        help: What it does, in a sentence or two.
        default: The value when it is not given, as one would type it; empty when there is none.
        aliases: Other spellings: short ones, and those of vLLM, llama.cpp and SGLang.
        many: Whether giving it again adds to it; otherwise two different values are a conflict.
        common: Whether the short help has it.
        completes: What its value is, for completion.
        lasting: Whether it may stand in a config file; what is about one start alone may not.
    """

    name: str
    kind: Kind
    sets: tuple[str, ...]
    group: str
    help: str
    default: str = ""
    aliases: tuple[str, ...] = ()
    many: bool = False
    common: bool = False
    completes: Completes = ""
    lasting: bool = True

    @property
    def variable(self) -> str:
        """The environment variable that stands for the flag, e.g. ``SGL_PAGE_SIZE``."""
        return "SGL_" + self.name.lstrip("-").replace("-", "_").upper()

    @property
    def key(self) -> str:
        """The name in a config file, e.g. ``page-size``."""
        return self.name.lstrip("-")

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every way to write it, ours first."""
        return (self.name, *self.aliases)

    @property
    def short(self) -> str:
        """A spelling of one or two letters (``--tp``, ``-m``), or nothing."""
        return next((spelling for spelling in self.spellings if len(spelling.lstrip("-")) <= 2), "")

    @property
    def takes_value(self) -> bool:
        """Whether a value follows; a switch has none."""
        return not isinstance(self.kind, Switch)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values to choose from, where they can be listed."""
        return tuple(self.kind.choices) if isinstance(self.kind, Choice) else ()
