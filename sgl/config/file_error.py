"""`SyntaxProblem`: why a config file cannot be read, before anybody knows what the file is called."""

from __future__ import annotations


class SyntaxProblem(Exception):
    """A message, the line it is about (from 1; None when that is not known), and perhaps a hint."""

    def __init__(self, message: str, line: int | None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.line = line
        self.hint = hint
