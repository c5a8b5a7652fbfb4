"""`Conversations`: turns wait for the answer before them, and carry it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sgl.errors import UsageError

from ..prompt import Prompt
from ..wire.answer import Answer
from .work import Work


@dataclass
class _State:
    busy: bool = False
    failed: bool = False
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    text: str = ""
    ids: tuple[int, ...] = ()
    waiting: deque[Work] = field(default_factory=deque)


class Conversations:
    """All conversations of one event loop.

    Attributes:
        skipped: Turns that were not sent, because one before them failed.
    """

    def __init__(self) -> None:
        self._states: dict[int, _State] = {}
        self.skipped = 0

    def admit(self, work: Work) -> Work | None:
        """Takes a turn up: it may be sent now, or None: it waits for the one before, or will never be sent."""
        number = work.prompt.conversation
        if number is None:
            return work
        state = self._states.setdefault(number, _State())
        if state.failed:
            self.skipped += 1
            return None
        if state.busy:
            state.waiting.append(work)
            return None
        state.busy = True
        return work

    def whole(self, prompt: Prompt) -> Prompt:
        """The prompt with all that was said before it.

        Raises:
            UsageError: It cannot be carried: token ids, by an API that does not return them.
        """
        if prompt.conversation is None or prompt.turn == 0:
            return prompt
        state = self._states[prompt.conversation]
        if state.messages:
            return replace(prompt, text=None, messages=(*state.messages, *_messages(prompt)), input_tokens=None)
        if prompt.text is not None:
            return replace(prompt, text=state.text + prompt.text, input_tokens=None)
        if prompt.ids is not None and state.ids:
            ids = (*state.ids, *prompt.ids)
            return replace(prompt, ids=ids, input_tokens=len(ids))
        raise UsageError(
            "a conversation of token ids needs an API that returns ids", hint="use --api generate, or --api chat"
        )

    def answered(self, prompt: Prompt, answer: Answer, failed: bool, chat: bool) -> Work | None:
        """Notes an answer; the next turn that may be sent now, if one waits.

        Args:
            prompt: As `whole` gave it.
            answer: With its text kept.
            failed: Whether it failed: the conversation ends.
            chat: Whether messages are carried.
        """
        if prompt.conversation is None:
            return None
        state = self._states[prompt.conversation]
        state.busy = False
        if failed:
            self.skipped += len(state.waiting)
            # What was said is of no more use, and a failed conversation must not be taken for a new one.
            self._states[prompt.conversation] = _State(failed=True)
            return None
        if chat:
            state.messages = [*_messages(prompt), {"role": "assistant", "content": answer.text}]
        elif prompt.text is not None:
            state.text = prompt.text + answer.text
        elif prompt.ids is not None:
            state.ids = (*prompt.ids, *answer.ids) if answer.ids else ()
        if not state.waiting:
            return None
        state.busy = True
        return state.waiting.popleft()


def _messages(prompt: Prompt) -> tuple[Mapping[str, Any], ...]:
    return prompt.messages if prompt.messages is not None else ({"role": "user", "content": prompt.text},)
