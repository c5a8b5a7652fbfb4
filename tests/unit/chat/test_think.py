"""/think: what a request then says about reasoning."""

from __future__ import annotations

import pytest

from sgl.errors import UsageError
from sgl_cli.chat.session.options import OPTIONS
from sgl_cli.chat.session.thinking import thinking_options, with_thinking


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("on", {"chat_template_kwargs": {"enable_thinking": True}}),
        (" OFF ", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("low", {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "low"}),
        ("high", {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "high"}),
        ("budget 2k", {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget": 2000}),
        ("Budget 2K", {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget": 2048}),
    ],
)
def test_words(word: str, fields: dict[str, object]) -> None:
    assert thinking_options(word) == fields
    assert fields.keys() <= OPTIONS.keys()  # So that settings with them can be saved and loaded.


@pytest.mark.parametrize("word", ["", "maybe", "on off", "budget", "budget x", "budget 1 2", "budget 0", "budget -1"])
def test_other_words(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        thinking_options(word)
    assert "/think" in (caught.value.hint or "")


def test_a_new_word_takes_the_place_of_the_old_one() -> None:
    before = {"temperature": 0.5, "chat_template_kwargs": {"lang": "de"}}
    kept = {"lang": "de", "enable_thinking": True}
    high = with_thinking(before, "high")
    assert high == {"temperature": 0.5, "chat_template_kwargs": kept, "reasoning_effort": "high"}
    budget = with_thinking(high, "budget 100")
    assert budget == {"temperature": 0.5, "chat_template_kwargs": kept, "thinking_budget": 100}
    off = with_thinking(budget, "off")
    assert off == {"temperature": 0.5, "chat_template_kwargs": {"lang": "de", "enable_thinking": False}}
    assert before == {"temperature": 0.5, "chat_template_kwargs": {"lang": "de"}}
