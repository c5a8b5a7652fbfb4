"""The one table of serve flags.

`sgl serve`, ``python -m sgl.launcher``, the ``SGL_*`` variables, config files and profiles are read by it
(`sgl.config.arguments`); help, docs/cli.md, completion and ``--dry-run`` are written from it. A new flag is one row
in `sgl.config.flags_front` or `sgl.config.flags_engine` and one field in `ServerConfig` or `EngineConfig`. Nothing
heavy is imported: help has to be instant.
"""

from __future__ import annotations

from typing import Final

from sgl.config.flag import GROUPS, Flag
from sgl.config.flags_engine import ENGINE_FLAGS
from sgl.config.flags_front import FRONT_FLAGS

__all__ = ["BY_SPELLING", "GROUPS", "SERVE_FLAGS", "Flag"]

SERVE_FLAGS: Final = tuple(flag for group in GROUPS for flag in (*FRONT_FLAGS, *ENGINE_FLAGS) if flag.group == group)
"""Every row, in the order of help."""

BY_SPELLING: Final = {spelling: flag for flag in SERVE_FLAGS for spelling in flag.spellings}
"""The row of every spelling."""
