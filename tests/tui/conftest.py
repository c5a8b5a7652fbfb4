"""The fixtures `chat`, which runs the full-screen chat, and `matches_svg`, which compares its picture."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from sgl_cli.chat.store.chat_store import ChatStore, memory_store
from sgl_cli.chat.tui.message import thoughts
from tests.fake_openai import Answer, FakeOpenAI, fake_openai

from .driving import Running, driving
from .picture import screen_text, side_by_side

SNAPSHOTS: Final = Path(__file__).parent / "snapshots"
UPDATE: Final = "--update-snapshots"

StartChat = Callable[..., AbstractAsyncContextManager[Running]]
MatchesSvg = Callable[[Running, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--update-snapshots``."""
    parser.addoption(UPDATE, action="store_true", help="write the pictures of tests/tui anew")


@pytest.fixture(autouse=True)
def _a_terminal_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what the developer's terminal says, and lets no time pass where it is shown."""
    for name in ("NO_COLOR", "COLORTERM", "TEXTUAL_THEME", "OPENAI_BASE_URL", "OPENAI_API_KEY", "EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(thoughts, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture
def store() -> Iterator[ChatStore]:
    """Conversations that are kept nowhere."""
    with memory_store() as opened:
        yield opened


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    """An endpoint that answers by script."""
    with fake_openai() as running:
        yield running


@pytest.fixture
def chat(fake: FakeOpenAI, store: ChatStore, tmp_path: Path) -> StartChat:
    """Runs a chat: ``async with chat(*answers, size=(100, 30)) as running``; see `driving` for the rest."""

    @asynccontextmanager
    async def start(*answers: Answer, **how: Any) -> AsyncIterator[Running]:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        if "wishes_of" in how:
            how["wishes"] = how.pop("wishes_of")(fake)
        async with driving(fake, how.pop("store", store), home, *answers, **how) as running:
            yield running

    return start


@pytest.fixture
def matches_svg(request: pytest.FixtureRequest, tmp_path: Path) -> MatchesSvg:
    """Compares the screen with ``snapshots/NAME.svg``: ``matches_svg(running, name)``."""
    update = bool(request.config.getoption(UPDATE, default=False))

    def compare(running: Running, name: str) -> None:
        stored, actual = SNAPSHOTS / f"{name}.svg", running.svg()
        if update:
            stored.write_text(actual, encoding="utf-8")
            return
        if not stored.exists():
            pytest.fail(f"there is no {stored.name} yet: pytest tests/tui {UPDATE}", pytrace=False)
        expected = stored.read_text(encoding="utf-8")
        if actual != expected:
            _fail(tmp_path, name, expected, actual)

    return compare


def _fail(folder: Path, name: str, expected: str, actual: str) -> None:
    (folder / f"{name}.actual.svg").write_text(actual, encoding="utf-8")
    page = folder / f"{name}.html"
    page.write_text(side_by_side(expected, actual), encoding="utf-8")
    lines = screen_text(expected).splitlines(), screen_text(actual).splitlines()
    difference = "\n".join(difflib.unified_diff(*lines, "expected", "actual", lineterm=""))
    words = difference or "The text is the same; colours or places differ."
    pytest.fail(f"the screen is not that of {name}.svg; see {page}\n{words}", pytrace=False)
