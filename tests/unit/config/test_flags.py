"""The table itself: complete, without clashes, and true about the defaults it states."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from sgl.config.arguments import parse_serve
from sgl.config.engine import EngineConfig
from sgl.config.flag import Completes
from sgl.config.flags import BY_SPELLING, GROUPS, SERVE_FLAGS, Flag
from sgl.config.foreign import NEEDLESS, REFUSED, RENAMED
from sgl.config.server import ServerConfig

ENDS_BEFORE_THE_CONFIG = {
    *("--revision", "--trust-remote-code", "--api-key-file"),
    *("--config", "--profile", "--dry-run", "--json", "--detach", "--verbose"),
}
"""Flags without a field of the config: they choose files, refuse, stand for another flag, or decide what is done with
the config."""


def by_flag(flag: Flag) -> str:
    return flag.name


def test_no_spelling_and_no_variable_is_used_twice() -> None:
    spellings = [spelling for flag in SERVE_FLAGS for spelling in flag.spellings]
    assert len(spellings) == len(set(spellings))
    assert len({flag.variable for flag in SERVE_FLAGS}) == len(SERVE_FLAGS)


def test_spellings_are_written_with_dashes() -> None:
    for spelling in BY_SPELLING:
        assert spelling.startswith("-")
        assert "_" not in spelling
        assert "=" not in spelling


@pytest.mark.parametrize("flag", SERVE_FLAGS, ids=by_flag)
def test_rows_are_documented(flag: Flag) -> None:
    assert flag.help.endswith(".")
    assert flag.group in GROUPS
    assert flag.kind.expects


def test_every_field_of_the_config_has_a_flag_and_every_flag_a_field() -> None:
    engine = {f"engine.{field.name}" for field in msgspec.structs.fields(EngineConfig)}
    server = {field.name for field in msgspec.structs.fields(ServerConfig)} - {"engine"}
    assert {name for flag in SERVE_FLAGS for name in flag.sets} == engine | server
    assert {flag.name for flag in SERVE_FLAGS if not flag.sets} == ENDS_BEFORE_THE_CONFIG


def test_what_is_about_one_start_has_no_place_in_a_file() -> None:
    assert {flag.name for flag in SERVE_FLAGS if not flag.lasting} == {
        *("--config", "--profile", "--dry-run", "--json", "--detach", "--verbose"),
    }


def test_the_short_help_is_short() -> None:
    assert 20 <= sum(flag.common for flag in SERVE_FLAGS) <= 28


@pytest.mark.parametrize("flag", SERVE_FLAGS, ids=by_flag)
def test_completion_knows_what_a_value_is(flag: Flag) -> None:
    assert flag.completes in get_args(Completes)
    assert flag.takes_value == bool(flag.kind.metavar)
    assert not (flag.choices and flag.completes)
    assert flag.takes_value or not flag.choices
    for choice in flag.choices:
        flag.kind.parse(choice)


@pytest.mark.parametrize("flag", [flag for flag in SERVE_FLAGS if flag.default], ids=by_flag)
def test_the_stated_default_is_the_real_one(flag: Flag) -> None:
    config = parse_serve(["-m", "org/name"], {}).config
    for name in flag.sets:
        owner: object = config.engine if name.startswith("engine.") else config
        assert getattr(owner, name.removeprefix("engine.")) == flag.kind.parse(flag.default)


def test_other_engines_flags_are_not_ours_and_name_ours_rightly() -> None:
    others = [*RENAMED, *NEEDLESS, *REFUSED]
    assert len(others) == len(set(others))
    assert not set(others) & BY_SPELLING.keys()
    assert set(RENAMED.values()) <= {flag.name for flag in SERVE_FLAGS}
    for known in REFUSED:
        if known.endswith("*"):
            assert not [spelling for spelling in BY_SPELLING if spelling.startswith(known[:-1])]
