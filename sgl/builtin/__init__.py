"""The built-in demonstration model: its files lie in this folder and are installed with the package.

README.md beside this file says how it was made and what it can do; benchmarks/builtin_model/ has the recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

NAME: Final = "builtin"
"""What ``-m`` calls it, and the name under which it is served."""


def folder() -> Path:
    """The folder with config.json, tokenizer, chat template and weights."""
    return Path(__file__).resolve().parent
