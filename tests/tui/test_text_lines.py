"""One widget for many blocks: where lines are, what is selected, what a click means."""

from __future__ import annotations

from rich.cells import cell_len
from textual import on
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.selection import Selection

from sgl_cli.chat.tui.message.answer import PAGE_LETTERS, Answer
from sgl_cli.chat.tui.message.block import Block, MarkdownBlock, PlainBlock
from sgl_cli.chat.tui.message.code_block import CodeBlock
from sgl_cli.chat.tui.message.text_lines import TextLines

from .picture import screen_text


class Shown(App[None]):
    """Some blocks."""

    CSS = "Screen { overflow: hidden; }"

    def __init__(self, *blocks: Block) -> None:
        super().__init__()
        self.lines = TextLines(*blocks)
        self.copied: list[str] = []

    def compose(self) -> ComposeResult:
        """The text alone."""
        yield self.lines

    @on(TextLines.Copied)
    def keep(self, event: TextLines.Copied) -> None:
        """Somebody clicked."""
        self.copied.append(event.code)


def rows(app: App[None]) -> list[str]:
    """The screen, without blank lines at its end."""
    return [line.rstrip() for line in screen_text(app.export_screenshot()).rstrip().split("\n")]


BLOCKS = (MarkdownBlock("**One** and 漢字.\n"), CodeBlock("a = 1\nb = 2\n", "py"), PlainBlock("last [b]words[/b]"))


async def test_blocks_stand_below_one_another() -> None:
    app = Shown(*BLOCKS)
    async with app.run_test(size=(30, 12)):
        shown = rows(app)
        assert [line.replace("  copy", "") for line in shown if line.split() != ["py", "copy"]] == [
            "One and 漢字.",
            "",
            " a = 1",
            " b = 2",
            "",
            "last [b]words[/b]",
        ]
        assert app.lines.region.height == 7


async def test_what_is_selected_goes_over_blocks() -> None:
    app = Shown(*BLOCKS)
    async with app.run_test(size=(30, 12)) as pilot:
        found = app.lines.get_selection(Selection(Offset(4, 0), Offset(5, 3)))
        assert found is not None
        head, *code = found[0].split("\n")[0], *found[0].split("\n")[3:]
        assert (head, code) == ("and 漢字.", ["a = 1"])
        await pilot.mouse_down(app.lines, offset=(1, 3))
        await pilot.hover(app.lines, offset=(6, 4))
        await pilot.mouse_up(app.lines, offset=(6, 4))
        assert app.screen.get_selected_text() == "a = 1\nb = 2"


async def test_the_word_copy_is_meant_only_where_it_stands() -> None:
    app = Shown(*BLOCKS)
    async with app.run_test(size=(30, 12)) as pilot:
        for offset in ((28, 0), (5, 2), (28, 3), (28, 6)):
            await pilot.click(app.lines, offset=offset)
        assert app.copied == []
        await pilot.click(app.lines, offset=(26, 2))
        assert app.copied == ["a = 1\nb = 2\n"]


async def test_places_are_lines_of_the_widget() -> None:
    app = Shown(*BLOCKS)
    async with app.run_test(size=(30, 12)):
        app.lines.mark("a")
        assert [line for _, line in app.lines.places()] == [0, 3, 6]
        app.lines.mark()
        assert app.lines.places() == []


class Streamed(App[None]):
    """An answer."""

    CSS = "Screen { overflow-y: auto; }"

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.answer = Answer(text)

    def compose(self) -> ComposeResult:
        """The answer alone."""
        yield self.answer


async def test_however_it_comes_an_answer_looks_as_it_does_at_once() -> None:
    paragraph = "Some words that are long enough to be wrapped once or twice on a narrow screen.\n\n"
    text = ("# Part\n\n" + 6 * paragraph + "```py\nx = 1\n```\n\n```\ny\n```\n- one\n- two\n\n") * 8
    whole = Streamed(text)
    async with whole.run_test(size=(40, 400)):
        wanted = rows(whole)
    coming = Streamed()
    async with coming.run_test(size=(40, 400)) as pilot:
        for at in range(0, len(text), 61):
            coming.answer.feed(text[at : at + 61])
            if at % 7 == 0:
                await pilot.pause()
        coming.answer.close()
        await pilot.pause()
        assert rows(coming) == wanted
        assert len(coming.answer.pages) < 3 + len(text) / PAGE_LETTERS
        assert "\n".join(wanted).count("copy") == 16
        assert max(map(cell_len, wanted)) <= 40


async def test_another_text_takes_its_place() -> None:
    app = Streamed("old words\n\n" * 300)
    async with app.run_test(size=(40, 20)) as pilot:
        app.answer.replace("new")
        app.answer.feed(" words")
        app.answer.close()
        await pilot.pause()
        assert rows(app) == ["new words"]
        assert app.answer.source == "new words"
