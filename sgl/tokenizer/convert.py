"""``python -m sgl.tokenizer.convert FOLDER``: an older tokenizer format as tokenizer.json, on stdout.

Run by `sgl.tokenizer.backend` in a process of its own: transformers, and the torch it may import, stay
out of the server. The last line of stdout is ``{"tokenizer": text of tokenizer.json, "named": {name: special
token}}``; on failure the last line of stderr says why.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Converts the tokenizer of the folder in ``argv[1]``; returns the exit code."""
    # Imported here, not at the top: transformers takes seconds and this module's name is imported by tests.
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=False, local_files_only=True)
        text = tokenizer.backend_tokenizer.to_str()
    except Exception as error:  # Whatever stops transformers is reported in one line by the caller.
        first = str(error).strip().splitlines() or [""]
        print(f"{type(error).__name__}: {first[0]}", file=sys.stderr)
        return 1
    print(json.dumps({"tokenizer": text, "named": tokenizer.special_tokens_map}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
