"""Whatever is sent: never a 5xx, always OpenAI's error object with the right code, and the next request is fine."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.asgi import Answer, call
from tests.bad_inputs import bodies, combinations, conversations, numbers, prompts, sampling
from tests.bad_inputs.case import Case
from tests.fakes import FakeEngine, fake_info
from tests.serving import Serving, serving

LEAKS = re.compile(rb'0x[0-9a-f]{6,}|Traceback|File "|site-packages|/home/|/root/|\.py\b')
LONGEST_MESSAGE = 400


def all_cases() -> Iterator[Case]:
    for section in (bodies, numbers, conversations, sampling, prompts, combinations):
        yield from section.cases()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Serving]:
    # As many prompts as one request may have, at once.
    async with serving(FakeEngine(fake_info(max_running_requests=256))) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def golden(server: Serving) -> dict[str, Any]:
    answer: dict[str, Any] = (await server.chat()).json()
    return answer


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", list(all_cases()), ids=lambda case: case.name)
async def test_case(case: Case, server: Serving, golden: dict[str, Any]) -> None:
    answer = await call(server.app, "POST", case.path, body=case.body, headers=[("content-type", "application/json")])
    if case.code is None:
        assert answer.status == 200, answer.body
    else:
        check_refusal(answer, case)
    assert not LEAKS.search(answer.body)
    assert server.client.in_flight == 0
    assert server.engine.running == 0
    await check_canary(server, golden)


def check_refusal(answer: Answer, case: Case) -> None:
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert body.keys() == {"error"}
    error = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (answer.status, error["code"]) == (case.status, case.code), error
    assert error["type"] == "invalid_request_error"
    if case.param != "":
        assert error["param"] == case.param
    assert 0 < len(error["message"]) <= LONGEST_MESSAGE
    assert error["message"].isascii()
    assert error["message"].isprintable()


async def check_canary(server: Serving, golden: dict[str, Any]) -> None:
    answer = await server.chat()
    assert answer.status == 200
    assert answer.json()["choices"] == golden["choices"]


def test_there_are_many() -> None:
    names = [case.name for case in all_cases()]
    assert len(names) == len(set(names))
    assert len(names) >= 600
