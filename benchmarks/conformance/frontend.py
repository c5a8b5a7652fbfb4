"""Runs SGLang's own frontend language against a server of ours.

The language is plain Python inside the sglang wheel. It is loaded from the unpacked wheel without its engine,
in an environment with requests, aiohttp, msgspec, numpy, tqdm, pybase64 and pydantic::

    pip download sglang==0.5.23 --no-deps && unzip sglang-*.whl -d WHEEL
    python benchmarks/conformance/frontend.py WHEEL --base-url http://127.0.0.1:30000

Exits 0 when every check passed. ``gen_int`` and ``gen`` with a schema need structured output: the server has to
refuse them with 400, unless ``--structured`` says that it can.
"""

from __future__ import annotations

import argparse
import sys
import types
import warnings
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

PROMPT = "Once upon a time"


def load_language(wheel: Path) -> tuple[Any, Any]:
    """Imports ``sglang.lang`` with empty packages in place of ``sglang`` and ``sglang.srt``.

    Returns:
        The module ``sglang.lang.api`` and the class ``RuntimeEndpoint``.
    """
    for name, folder in (("sglang", wheel / "sglang"), ("sglang.srt", wheel / "sglang" / "srt")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        package.__spec__ = ModuleSpec(name, None, is_package=True)
        sys.modules[name] = package
    display: Any = types.ModuleType("IPython.display")
    display.HTML = display.display = lambda *values: None
    sys.modules["IPython"] = types.ModuleType("IPython")
    sys.modules["IPython.display"] = display
    from sglang.lang import api
    from sglang.lang.backend.runtime_endpoint import RuntimeEndpoint

    return api, RuntimeEndpoint


class Checks:
    """The programs, each a method that asserts what it got."""

    def __init__(self, language: Any, endpoint: Any, structured: bool) -> None:
        self._sgl = language
        self._endpoint = endpoint
        self._structured = structured

    def all(self) -> list[Callable[[], None]]:
        """Every check, in order."""
        return [
            self.describes_the_model,
            self.generates,
            self.stops_at_a_string,
            self.streams_what_it_generates,
            self.returns_logprobs,
            self.selects_the_likelier,
            self.chats_in_roles,
            self.forks_and_joins,
            self.runs_a_batch,
            self.caches_a_prefix,
            self.flushes_the_cache,
            self.profiles,
            self.constrains_an_integer,
            self.refuses_with_a_message,
        ]

    def describes_the_model(self) -> None:
        assert self._endpoint.get_model_name()
        assert self._endpoint.get_server_info()["internal_states"]

    def generates(self) -> None:
        state = self._run(self._story, 12)
        assert state["story"]
        assert state.text() == PROMPT + state["story"]
        assert state.get_meta_info("story")["completion_tokens"] == 12

    def stops_at_a_string(self) -> None:
        @self._sgl.function
        def program(s: Any) -> None:
            s += PROMPT + self._sgl.gen("story", max_tokens=100, temperature=0, stop=["."])

        state = program.run(backend=self._endpoint)
        assert "." not in state["story"]
        assert state.get_meta_info("story")["finish_reason"] == {"type": "stop", "matched": "."}

    def streams_what_it_generates(self) -> None:
        whole = self._run(self._story, 12)
        streamed = self._story.run(12, backend=self._endpoint, stream=True)
        assert "".join(streamed.text_iter("story")) == whole["story"]

    def returns_logprobs(self) -> None:
        @self._sgl.function
        def program(s: Any) -> None:
            s += PROMPT + self._sgl.gen("story", max_tokens=3, return_logprob=True, top_logprobs_num=2)

        meta = program.run(backend=self._endpoint).get_meta_info("story")
        assert len(meta["output_token_logprobs"]) == 3
        assert [len(top) for top in meta["output_top_logprobs"]] == [2, 2, 2]

    def selects_the_likelier(self) -> None:
        @self._sgl.function
        def program(s: Any) -> None:
            s += PROMPT + ", there was a little"
            s += self._sgl.select("who", choices=[" girl", " tax"])

        assert program.run(backend=self._endpoint)["who"] == " girl"

    def chats_in_roles(self) -> None:
        @self._sgl.function
        def program(s: Any) -> None:
            s += self._sgl.system("You tell stories.")
            s += self._sgl.user("Tell one.")
            s += self._sgl.assistant(self._sgl.gen("answer", max_tokens=8))

        assert program.run(backend=self._endpoint)["answer"]

    def forks_and_joins(self) -> None:
        @self._sgl.function
        def program(s: Any) -> None:
            s += PROMPT
            forks = s.fork(3)
            forks += self._sgl.gen("end", max_tokens=4, temperature=0)
            forks.join()
            s["ends"] = [fork["end"] for fork in forks]

        ends = program.run(backend=self._endpoint)["ends"]
        assert len(ends) == 3
        assert len(set(ends)) == 1

    def runs_a_batch(self) -> None:
        states = self._story.run_batch([{"tokens": count} for count in (2, 4, 6)], backend=self._endpoint)
        assert [state.get_meta_info("story")["completion_tokens"] for state in states] == [2, 4, 6]

    def caches_a_prefix(self) -> None:
        self._endpoint.cache_prefix(PROMPT + " in a land far away")

    def flushes_the_cache(self) -> None:
        self._endpoint.flush_cache()

    def profiles(self) -> None:
        self._endpoint.start_profile()
        self._endpoint.stop_profile()

    def constrains_an_integer(self) -> None:
        @self._sgl.function
        def program(s: Any) -> None:
            s += "Her age is " + self._sgl.gen("age", max_tokens=4, dtype=int)

        if self._structured:
            int(program.run(backend=self._endpoint)["age"])
        else:
            self._expect_refusal(program, "unsupported_parameter")

    def refuses_with_a_message(self) -> None:
        @self._sgl.function
        def program(s: Any) -> None:
            s += PROMPT + self._sgl.gen("story", max_tokens=10**6)

        self._expect_refusal(program, "context_length_exceeded")

    # -- helpers -----------------------------------------------------------------------------------

    @property
    def _story(self) -> Any:
        @self._sgl.function
        def story(s: Any, tokens: int) -> None:
            s += PROMPT + self._sgl.gen("story", max_tokens=tokens, temperature=0)

        return story

    def _run(self, program: Any, *values: object) -> Any:
        state = program.run(*values, backend=self._endpoint)
        assert state.error() is None, state.error()
        return state

    def _expect_refusal(self, program: Any, code: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the language warns of the error that is expected here
            state = program.run(backend=self._endpoint)
            error = state.error()
        assert code in str(error), error


def main() -> int:
    """Runs every check and prints one line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="folder of the unpacked sglang wheel")
    parser.add_argument("--base-url", default="http://127.0.0.1:30000")
    parser.add_argument("--structured", action="store_true", help="the server implements structured output")
    arguments = parser.parse_args()
    language, endpoint_class = load_language(arguments.wheel)
    checks = Checks(language, endpoint_class(arguments.base_url), arguments.structured)
    failed = 0
    for check in checks.all():
        try:
            check()
        except Exception as error:  # whatever the language raises is a finding
            failed += 1
            print(f"FAIL {check.__name__}: {type(error).__name__}: {error}")
        else:
            print(f"ok   {check.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
