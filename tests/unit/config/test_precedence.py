"""Flag > variable > --profile > --config file > ./sgl.toml > the user's config.toml > default, for every flag."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from sgl.config.arguments import ServeArguments, read_serve
from sgl.config.flags import SERVE_FLAGS, Flag
from sgl.config.values import Secret, Switch
from tests.unit.config.samples import sample

LASTING = [flag for flag in SERVE_FLAGS if flag.lasting]


class Desk:
    """A folder with every source of settings: each can say a port of its own, or any key."""

    ORIGINS = (
        "--port",
        "SGL_PORT",
        "profile fast in named.toml",
        "named.toml",
        "sgl.toml",
        "~/.config/sgl/config.toml",
    )

    def __init__(self, home: Path) -> None:
        self.home = home
        self.words: list[str] = []
        self.environ = {"HOME": str(home)}

    def say(self, origin: str, key: str, value: str) -> None:
        """Sets ``key`` to the text ``value`` in one source."""
        if origin.startswith("--"):
            self.words += [f"--{key}={value}"]
        elif origin.startswith("SGL_"):
            self.environ[origin] = value
        elif origin.startswith("profile"):
            self.words += ["--profile", "fast"]
            self._write("named.toml", f"[profiles.fast]\n{key} = {value!r}\n")
        elif origin == "named.toml":
            self._write("named.toml", f"{key} = {value!r}\n", first=True)
        elif origin == "sgl.toml":
            self._write("sgl.toml", f"{key} = {value!r}\n")
        else:
            self._write(".config/sgl/config.toml", f"{key} = {value!r}\n")

    def _write(self, name: str, text: str, *, first: bool = False) -> None:
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text() if file.is_file() else ""
        file.write_text(text + before if first else before + text)
        file.chmod(0o600)
        if name == "named.toml" and "--config" not in self.words:
            self.words += ["--config", name]

    def read(self) -> ServeArguments:
        return read_serve(self.words, self.environ, self.home)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)


@pytest.mark.parametrize(("stronger", "weaker"), list(pairwise(Desk.ORIGINS)))
def test_neighbours(stronger: str, weaker: str, desk: Desk) -> None:
    desk.say(weaker, "port", "1")
    assert (desk.read().config.port, desk.read().settings["--port"].origin) == (1, weaker)
    desk.say(stronger, "port", "2")
    assert (desk.read().config.port, desk.read().settings["--port"].origin) == (2, stronger)


def test_all_at_once_and_one_after_the_other_taken_away(desk: Desk) -> None:
    for place, origin in enumerate(reversed(Desk.ORIGINS), start=1):
        desk.say(origin, "port", str(place))
        arguments = desk.read()
        assert (arguments.config.port, arguments.settings["--port"].origin) == (place, origin)
    assert read_serve([], {}, None).config.port == 30000


@pytest.mark.parametrize("flag", LASTING, ids=lambda flag: flag.name)
def test_every_flag_means_the_same_from_every_source_and_its_origin_is_told(
    flag: Flag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = sample(flag, tmp_path)
    meanings = set()
    for number, (place, origin) in enumerate(zip(range(6), Desk.ORIGINS, strict=True)):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        desk = Desk(folder)
        origin = (flag.name, flag.variable)[place] if place < 2 else origin
        desk.say(origin, flag.key, text)
        arguments = desk.read()
        setting = arguments.settings[flag.name]
        assert setting.origin == origin
        assert (setting.key == flag.key) == (place >= 2)
        meanings.add((setting.value, repr(arguments.config)))
    assert len(meanings) == 1


@pytest.mark.parametrize("flag", LASTING, ids=lambda flag: flag.name)
def test_every_spelling_is_a_key(flag: Flag, desk: Desk) -> None:
    text = sample(flag, desk.home)
    for spelling in flag.spellings:
        for key in {spelling.strip("-"), spelling.strip("-").replace("-", "_")}:
            (desk.home / "sgl.toml").write_text(f"{key} = {text!r}")
            assert list(desk.read().settings) == [flag.name]


def test_switches_and_keys_may_be_native_or_text(desk: Desk) -> None:
    for text in ("true", "1", "'yes'", "'on'"):
        (desk.home / "sgl.toml").write_text(f"deterministic = {text}\ndisable-radix-cache = {text}")
        engine = desk.read().config.engine
        assert (engine.deterministic, engine.radix_cache) == (True, False)
    for switch in (flag for flag in LASTING if isinstance(flag.kind, Switch)):
        (desk.home / "sgl.toml").write_text(f"{switch.key} = false")
        assert desk.read().settings[switch.name].value is not switch.kind.parse("1")


def test_many_values_of_a_stronger_source_replace_those_of_a_weaker_one(desk: Desk) -> None:
    (desk.home / "sgl.toml").write_text("api-key = ['a', 'b']\nserved-model-name = ['x', 'y,z']")
    assert desk.read().config.api_keys == ("a", "b")
    assert desk.read().config.served_model_name == ("x", "y", "z")
    desk.words = ["--api-key", "c", "--alias", "w"]
    assert desk.read().config.api_keys == ("c",)
    assert desk.read().config.served_model_name == ("w",)


def test_keys_are_shown_nowhere(desk: Desk) -> None:
    for text in ("'hidden'", "['hidden', 'hidden2']"):
        (desk.home / "sgl.toml").write_text(f"api-key = {text}")
        arguments = desk.read()
        secret = next(flag for flag in LASTING if isinstance(flag.kind, Secret))
        assert "hidden" not in arguments.settings[secret.name].written
        assert not [notice for notice in arguments.notices if "hidden" in notice]


def test_the_model_may_live_in_a_file_only(desk: Desk) -> None:
    (desk.home / "sgl.toml").write_text("model = 'org/name'")
    assert desk.read().config.engine.model_path == "org/name"
    assert desk.read().config.served_model_name == ("org/name",)
    desk.words = ["other/name"]
    assert desk.read().config.engine.model_path == "other/name"


def test_a_profile_of_several_files_is_one_profile_and_the_strongest_file_counts(desk: Desk) -> None:
    (desk.home / "sgl.toml").write_text("[profiles.fast]\nport = 1\nthreads = 3")
    desk.say("profile fast in named.toml", "port", "2")
    arguments = desk.read()
    assert (arguments.config.port, arguments.config.engine.threads) == (2, 3)
    assert arguments.settings["--threads"].origin == "profile fast in sgl.toml"


def test_the_file_and_the_profile_may_come_from_variables(desk: Desk) -> None:
    (desk.home / "x.yaml").write_text("port: 1\nprofiles: {fast: {port: 2}}")
    desk.environ["SGL_CONFIG"] = "x.yaml"
    assert desk.read().config.port == 1
    desk.environ["SGL_PROFILE"] = "fast"
    assert desk.read().config.port == 2
    assert desk.read().settings["--port"].origin == "profile fast in x.yaml"


def test_a_file_that_nobody_named_is_announced(desk: Desk) -> None:
    (desk.home / "sgl.toml").write_text("port = 1\ntp = 1")
    assert desk.read().notices == ("./sgl.toml is used: port, tp",)
    desk.words = ["--port", "2", "--tp", "1"]
    assert desk.read().notices == ()


def test_the_users_file_is_where_xdg_says(desk: Desk) -> None:
    folder = desk.home / "elsewhere" / "sgl"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("port = 7")
    desk.environ["XDG_CONFIG_HOME"] = "relative/is/ignored"
    assert desk.read().config.port == 30000
    desk.environ["XDG_CONFIG_HOME"] = str(desk.home / "elsewhere")
    assert desk.read().settings["--port"].origin == "~/elsewhere/sgl/config.toml"
    desk.environ["HOME"] = ""
    assert desk.read().settings["--port"].origin == str(folder / "config.toml")


def test_a_library_reads_no_file_of_its_own_accord(desk: Desk) -> None:
    (desk.home / "sgl.toml").write_text("port = 1")
    assert read_serve([], {}, None).config.port == 30000


def test_a_path_may_begin_with_a_tilde(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(desk.home))
    (desk.home / "sgl.toml").write_text("model = '~/models/x'\nhost = '~'")
    assert desk.read().config.engine.model_path == str(desk.home / "models" / "x")
    assert desk.read().config.host == "~"
