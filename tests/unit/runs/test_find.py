from __future__ import annotations

import pytest

from sgl.errors import UsageError
from sgl.runs.find import choose, find, the_only
from sgl.runs.registry import register
from tests.registered_process import record

MILA = record(id="mila", port=30000, models=("Qwen/Qwen3-0.6B", "small"))
NORA = record(id="nora", port=30001, models=("Qwen/Qwen3-8B",))
NOTI = record(id="noti", port=31000, models=("stories260k",))
RUNNING = (MILA, NORA, NOTI)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("mila", "mila"),
        ("m", "mila"),
        ("30001", "nora"),
        ("31", "noti"),
        ("Qwen/Qwen3-0.6B", "mila"),
        ("Qwen3-8B", "nora"),
        ("Qwen3-8", "nora"),
        ("sm", "mila"),
        ("stories", "noti"),
    ],
)
def test_what_a_word_means(word: str, name: str) -> None:
    assert choose(word, RUNNING).id == name


@pytest.mark.parametrize(
    ("word", "error", "hint"),
    [
        ("no", "'no' fits 2 servers; give an id", "running: nora (Qwen/Qwen3-8B), noti (stories260k)"),
        ("Qwen", "'Qwen' fits 2 servers; give an id", "running: mila (Qwen/Qwen3-0.6B), nora (Qwen/Qwen3-8B)"),
        ("nroa", "no running server is called 'nroa'", "did you mean nora?"),
        ("storys260k", "no running server is called 'storys260k'", "did you mean stories260k?"),
        ("zzzz", "no running server is called 'zzzz'", "running: mila ("),
        ("", "no running server is called ''", "running: mila ("),
    ],
)
def test_a_word_that_means_none_or_several(word: str, error: str, hint: str) -> None:
    with pytest.raises(UsageError, match=error.replace("(", r"\(")) as refusal:
        choose(word, RUNNING)
    assert refusal.value.hint is not None
    assert refusal.value.hint.startswith(hint)


def test_none_runs() -> None:
    with pytest.raises(UsageError, match="no server is called 'mila': none is running") as refusal:
        find("mila")
    assert refusal.value.hint == "sgl serve -d -m MODEL starts one"
    with pytest.raises(UsageError, match="no server is running"):
        the_only([], "sgl stop")


def test_one_needs_no_name_and_two_do() -> None:
    assert the_only([NORA], "sgl stop") == NORA
    with pytest.raises(UsageError, match="2 servers are running; name one: sgl stop mila"):
        the_only([MILA, NORA], "sgl stop")


def test_in_the_registry() -> None:
    with register(MILA), register(NORA):
        assert find("30001").id == "nora"
