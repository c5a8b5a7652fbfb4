"""Every code that a finding may carry, in one table, and the page that explains one."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from sgl.doctor.code import Code
from sgl.doctor.machine_codes import MACHINE_CODES
from sgl.doctor.serve_codes import SERVE_CODES
from sgl.errors import UsageError, echo

CODES: Final[Mapping[str, Code]] = MappingProxyType({code.name: code for code in (*MACHINE_CODES, *SERVE_CODES)})


def explain(name: str, columns: int = 80) -> str:
    """The page about one code, for people, without a closing line break.

    Raises:
        UsageError: There is no such code.
    """
    code = CODES.get(name.upper()) or CODES.get(f"SGL{name}")
    if code is None:
        near = get_close_matches(name.upper(), CODES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"codes look like {next(iter(CODES))}; sgl doctor -v shows them"
        raise UsageError(f"unknown code {echo(name)}", hint=hint)
    paragraphs = (f"{code.name}: {code.title}", code.explanation, f"What to do: {code.todo}")
    return "\n\n".join(textwrap.fill(paragraph, columns) for paragraph in paragraphs)
