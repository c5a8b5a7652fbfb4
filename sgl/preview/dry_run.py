"""``sgl serve --dry-run``: prints what a start would be, and starts nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from sgl.config.arguments import ServeArguments
from sgl.exits import report
from sgl.preview.build import preview
from sgl.preview.document import preview_document
from sgl.preview.text import preview_text
from sgl.terminal import Terminal


def dry_run(arguments: ServeArguments, environ: Mapping[str, str]) -> int:
    """Prints the preview on stdout, notices and problems on stderr; returns what a start would end with at once."""
    result = preview(arguments, environ=environ)
    for notice in result.notices:
        print(f"note: {notice}", file=sys.stderr)
    if arguments.asks_for("--json"):
        print(json.dumps(preview_document(result), indent=2))
    else:
        print(preview_text(result, Terminal(sys.stdout, environ)))
    sys.stdout.flush()  # Before what stops the start, wherever both go.
    for problem in result.problems:
        report(problem)
    return result.exit_code
