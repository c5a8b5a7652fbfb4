"""What an error object inside a stream says."""

from __future__ import annotations

import json


def status_and_words(error: object) -> tuple[int, str]:
    """HTTP status, 0 when it says none, and the server's words."""
    if not isinstance(error, dict):
        return 0, str(error)
    code = error.get("code")
    said = error.get("message") or error.get("detail")
    return code if type(code) is int else 0, said if isinstance(said, str) else json.dumps(error)
