"""The template helper process: bounded time, memory and output, and no trace of it afterwards."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sgl.errors import ModelError, RequestError
from sgl.tokenizer.helper import RenderHelper
from sgl.tokenizer.load import Tokenizer
from tests.unit.tokenizer.folders import byte_level_folder

HOSTILE = {
    "huge-format": "{{ '%1000000000d' % 1 }}",
    "huge-string": "{{ 'a' * 10**8 }}",
    "endless-loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "endless-output": "{% for i in range(99999) %}{{ 'a' * 1000000 }}{% endfor %}",
    "endless-recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "huge-number": "{{ 10 ** (10 ** 10) }}",
}

SLOW_ON_DEMAND = (
    "{% if messages[0].content == 'slow' %}{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}"
    "{% endfor %}{% elif messages[0].content == 'big' %}{{ 'a' * 10**9 }}"
    "{% elif messages[0].content == 'long' %}{% for i in range(99) %}{{ 'a' * 1000000 }}{% endfor %}"
    "{% else %}{{ messages[0].content }}{% endif %}"
)


def user(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def started(template: str) -> RenderHelper:
    helper = RenderHelper({"default": template})
    helper.start()
    helper.wait_started({})
    return helper


def children() -> set[int]:
    """Live child processes of this one, zombies included."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in listed.split()}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_stops_the_start(tmp_path: Path, name: str) -> None:
    before = children()
    folder = byte_level_folder(tmp_path, template=HOSTILE[name])
    began = time.monotonic()
    with pytest.raises(ModelError, match="The model's chat template") as caught:
        Tokenizer.load(folder)
    assert time.monotonic() - began < 8.0  # 1.5 on a machine with nothing else to do.
    assert "\n" not in caught.value.message
    assert "--chat-template" in str(caught.value.hint)
    assert children() == before


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% if %}", "line 1"),
        ("{{ x", "line 1"),
        ("{% include 'x' %}{% for %}", "line 1"),
        ("{% nosuchtag %}", "line 1"),
    ],
)
def test_a_broken_template_stops_the_start(tmp_path: Path, template: str, reason: str) -> None:
    with pytest.raises(ModelError, match=f"cannot be used: {reason}"):
        Tokenizer.load(byte_level_folder(tmp_path, template=template))


@pytest.mark.parametrize("text", HOSTILE.values())
async def test_the_same_strings_as_content_are_inert(text: str) -> None:
    helper = started("{{ messages[0].content }}")
    assert await helper.render("default", user(text)) == text
    helper.close()


@pytest.mark.parametrize(
    ("content", "reason"), [("slow", "takes longer than 1 s"), ("big", "memory"), ("long", "16777216 characters")]
)
async def test_a_limit_fails_one_request_and_not_the_next(content: str, reason: str) -> None:
    helper = started(SLOW_ON_DEMAND)
    before = await helper.render("default", user("before"))
    results = await asyncio.gather(
        helper.render("default", user(content)), helper.render("default", user("next")), return_exceptions=True
    )
    assert before == "before"
    assert isinstance(results[0], RequestError)
    assert reason in results[0].message
    assert results[1] == "next"
    helper.close()


async def test_the_loop_turns_while_a_template_runs() -> None:
    helper = started(SLOW_ON_DEMAND)
    rendering = asyncio.create_task(helper.render("default", user("slow")))
    longest, before = 0.0, time.perf_counter()
    while not rendering.done():
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    assert longest < 0.5
    with pytest.raises(RequestError):
        await rendering
    helper.close()


async def test_answers_come_to_those_who_asked() -> None:
    helper = started("{{ messages[0].content }}")
    texts = [str(n) * (1 + n % 5 * 100_000) for n in range(30)]
    assert await asyncio.gather(*(helper.render("default", user(text)) for text in texts)) == texts
    helper.close()


async def test_a_cancelled_request_does_not_shift_the_answers() -> None:
    helper = started("{{ messages[0].content }}")
    cancelled = asyncio.create_task(helper.render("default", user("x" * 5_000_000)))
    await asyncio.sleep(0.002)
    cancelled.cancel()
    assert await helper.render("default", user("mine")) == "mine"
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    helper.close()


async def test_a_killed_helper_is_replaced() -> None:
    before = children()
    helper = started("{{ messages[0].content }}")
    (child,) = children() - before
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert await helper.render("default", user("x")) == "x"
    helper.close()
    assert children() == before


def test_one_helper_serves_several_loops_in_turn() -> None:
    helper = started("{{ messages[0].content }}")
    assert [asyncio.run(helper.render("default", user(text))) for text in "ab"] == ["a", "b"]
    helper.close()


def test_a_forgotten_helper_is_ended() -> None:
    before = children()
    helper = started("x")
    assert children() != before
    del helper
    gc.collect()
    assert children() == before


def test_the_helper_ends_with_its_parent(root: Path) -> None:
    program = (
        "import os\nfrom sgl.tokenizer.helper import RenderHelper\n"
        "helper = RenderHelper({'default': 'x'})\nhelper.start()\nhelper.wait_started({})\n"
        "print(open(f'/proc/self/task/{os.getpid()}/children').read(), flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=60)
    helper = Path(f"/proc/{int(done.stdout)}/stat")
    deadline = time.monotonic() + 10
    while helper.exists() and helper.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, "the helper outlived its parent"
        time.sleep(0.01)


def test_the_helper_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    before = children()
    helper = started("x")
    (child,) = children() - before
    assert b"secret" not in Path(f"/proc/{child}/environ").read_bytes()
    helper.close()


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ raise_exception.__globals__['sys'] }}",
    ],
)
async def test_the_sandbox_holds(template: str) -> None:
    helper = started(template)
    with pytest.raises(RequestError, match=r"SecurityError|UndefinedError"):
        await helper.render("default", user("x"))
    helper.close()
