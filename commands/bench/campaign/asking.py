"""`choose_api`: how a server is asked, found out with one short request before the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, TextIO

from ..data.counting import ESTIMATE, Counter, find_counter
from ..data.open import DataFacts
from ..data.wish import ONE_TURN, DataWish
from ..flags.plan import BenchPlan
from ..prompt import Prompt
from ..target.facts import ServerFacts, server_facts
from ..target.find import Found
from ..target.probe import Probed, ProbeFailed, probe
from ..target.target import Target
from ..wire.ask import Api, Ask
from .questions import Questions

SAMPLING: Final = frozenset(
    {
        *("temperature", "top_p", "top_k", "min_p", "seed", "stop", "stop_token_ids", "min_tokens", "min_new_tokens"),
        *("presence_penalty", "frequency_penalty", "repetition_penalty"),
    }
)
"""Fields that SGLang's /generate takes among its sampling parameters; OpenAI's API has all on one level."""

_BY_LENGTH: Final = ("random", "shared-prefix", "public-256", "trace")
"""Kinds that are about lengths: token ids have exactly the right one."""

_LOOKED_AT: Final = 64
_PROBE_TOKENS: Final = 4
_TRIES: Final = 5
_NOT_THIS_WAY: Final = (400, 404, 405, 415, 422, 501)
"""Statuses that say that another API, or words in place of ids, may do."""

_NO_ENTRY: Final = (401, 403)
_NO_IDS: Final = "the server takes no token ids: prompts are words, and their lengths are about right"


@dataclass(frozen=True)
class Ready:
    """A server that answers, and what it will be asked.

    Attributes:
        found: The server.
        target: How it is asked.
        facts: What it says about itself.
        questions: What it is asked.
        notes: What a person should know about both.
    """

    found: Found
    target: Target
    facts: ServerFacts
    questions: Questions
    notes: tuple[str, ...]


def choose_api(found: Found, plan: BenchPlan, stdin: TextIO | None) -> Ready:
    """Finds the API that was asked for, or one that fits the prompts and that the server has.

    Raises:
        ProbeFailed: The server answers none of them.
        UsageError: A dataset cannot be opened, or the API cannot carry it.
    """
    facts = server_facts(_target(found, plan, "completions"))
    failure: ProbeFailed | None = None
    for api, takes_ids in _candidates(plan):
        questions = _questions(found, plan, facts, takes_ids, stdin)
        chosen = api or _of_prompts(questions)
        target = _target(found, plan, chosen)
        try:
            probed = _patiently(target, _short(questions.warmup(0, 1)[0]), plan.load.timeout)
        except ProbeFailed as error:
            failure = failure or error  # The first is about what was wanted most.
            if error.status in _NOT_THIS_WAY:
                continue
            break
        notes = (*([_NO_IDS] if failure else []), *probed.notes)
        return Ready(found, _asked_again(target, probed), facts, questions, notes)
    assert failure is not None
    raise failure


def _patiently(target: Target, prompt: Prompt, seconds: float) -> Probed:
    """Asks again when the failure may be a passing one: how often a server fails is for the run to find out."""
    for _ in range(_TRIES - 1):
        try:
            return probe(target, prompt, seconds)
        except ProbeFailed as error:
            if error.status in (*_NOT_THIS_WAY, *_NO_ENTRY):
                raise
    return probe(target, prompt, seconds)


def _candidates(plan: BenchPlan) -> Iterator[tuple[Api | None, bool]]:
    """(API, whether prompts are token ids), the best first; None leaves the API to the prompts."""
    api = plan.target.api
    by_length = plan.data.kind in _BY_LENGTH and plan.data.turns == ONE_TURN
    if api != "auto":
        yield api, api != "chat"
    elif not by_length:
        yield ("chat" if plan.data.kind == "multi-turn" or plan.data.turns != ONE_TURN else None), False
    else:
        yield "completions", True
        if plan.data.kind != "public-256":
            yield "completions", False
            yield "chat", False


def _questions(found: Found, plan: BenchPlan, facts: ServerFacts, takes_ids: bool, stdin: TextIO | None) -> Questions:
    counter: Counter = ESTIMATE
    if _needs_counting(plan.data, takes_ids):
        headers = {**plan.target.headers, **({"Authorization": f"Bearer {found.key}"} if found.key else {})}
        counter = find_counter(_target(found, plan, "completions").root, found.model, headers)
    data = DataFacts(takes_ids, facts.vocabulary, context=facts.context, counter=counter)
    return Questions.open(plan, data, stdin)


def _needs_counting(data: DataWish, takes_ids: bool) -> bool:
    return data.kind == "sharegpt" or data.turns != ONE_TURN or (data.kind in _BY_LENGTH and not takes_ids)


def _of_prompts(questions: Questions) -> Api:
    """The API that carries what a file holds."""
    first = islice(questions.first.prompts(_LOOKED_AT), _LOOKED_AT)
    talks = any(prompt.messages is not None or prompt.conversation is not None for prompt in first)
    return "chat" if talks else "completions"


def _target(found: Found, plan: BenchPlan, api: Api) -> Target:
    fields = dict(plan.target.body)
    stream = fields.pop("stream", True) is not False
    sampling = {name: value for name, value in fields.items() if name in SAMPLING}
    extra = {name: value for name, value in fields.items() if name not in SAMPLING}
    ask = Ask(ignore_eos=plan.ignore_eos, stream=stream, sampling=sampling, extra=extra)
    return found.target(api, ask, path=plan.target.path, headers=plan.target.headers)


def _short(prompt: Prompt) -> Prompt:
    """The first words of a prompt: a probe is to be quick, and its ids must exist."""
    if prompt.ids is not None:
        return replace(prompt, ids=prompt.ids[:_PROBE_TOKENS], conversation=None, turn=0)
    if prompt.text is not None:
        return replace(prompt, text=" ".join(prompt.text.split()[:_PROBE_TOKENS]), conversation=None, turn=0)
    return replace(prompt, conversation=None, turn=0)


def _asked_again(target: Target, probed: Probed) -> Target:
    return replace(target, ask=probed.target.ask)
