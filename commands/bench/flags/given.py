"""`Given`: what was typed, by the name of its flag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from sgl.errors import UsageError, echo


class Given:
    """The raw values of flags. A flag that is missing from the values was not given."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = dict(values)

    def has(self, name: str) -> bool:
        """Whether it was typed."""
        return self._values.get(name) not in (None, False, [], ())

    def set(self, name: str, value: str) -> None:
        """Acts as if it had been typed."""
        self._values[name] = value

    def text(self, name: str) -> str | None:
        """What was typed behind the flag; None when nothing was.

        Raises:
            UsageError: An empty word was typed, as a shell makes of a variable that is not set.
        """
        value = self._values.get(name)
        if value is None:
            return None
        text = str(value)
        if not text.strip():
            raise UsageError(f"{flag(name)} is empty")
        return text

    def texts(self, name: str) -> tuple[str, ...]:
        """What was typed behind each of several."""
        value = self._values.get(name)
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            return (str(value),)
        return tuple(str(word) for word in value)

    def switch(self, name: str) -> bool | None:
        """Whether it is on; None when neither form was typed."""
        value = self._values.get(name)
        return None if value is None else bool(value)

    def choice(self, name: str, names: Sequence[str]) -> str | None:
        """One of the names.

        Raises:
            UsageError: It is another word; a near one is proposed.
        """
        text = self.text(name)
        if text is None or text in names:
            return text
        near = get_close_matches(text, names, n=1)
        hint = f"did you mean {near[0]}?" if near else None
        raise UsageError(f"{flag(name)} expects one of {', '.join(names)}, got {echo(text)}", hint=hint)

    def refuse_with(self, name: str, others: Iterable[str]) -> None:
        """Refuses flags that ``name`` already decides.

        Raises:
            UsageError: One of them was typed.
        """
        for other in others:
            if self.has(other):
                raise UsageError(f"{flag(name)} chooses {flag(other)} by itself", hint="leave one out")


def flag(name: str) -> str:
    """``num_prompts`` -> ``--num-prompts``."""
    return f"--{name.replace('_', '-')}"
