"""A JSON schema from a file, as the request's ``response_format``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sgl.errors import UsageError, echo

from ..files import read_text


def response_format(path: Path) -> dict[str, Any]:
    """The request's field for an answer after the JSON schema in a file.

    Raises:
        UsageError: The file cannot be read, or holds no schema.
    """
    try:
        schema = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{echo(str(path))} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise UsageError(f"{echo(str(path))} holds no JSON schema: that is an object")
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}
