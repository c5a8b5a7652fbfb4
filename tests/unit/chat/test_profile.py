"""Settings and presets: what is written can be read back, and what a person got wrong is named in one line."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgl.errors import UsageError
from sgl_cli.chat.profile.profile import Preset, Profile
from sgl_cli.chat.profile.profiles import Profiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files are; it is missing at first."""
    return tmp_path / "config" / "sgl"


@pytest.fixture
def profiles(folder: Path) -> Profiles:
    return Profiles({"XDG_CONFIG_HOME": str(folder.parent)})


def written(folder: Path, text: str | bytes) -> Path:
    """The settings as a person would write them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "chat.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


FULL = Profile(
    theme="nord",
    keymap={"stop": "escape,ctrl+x", "palette": ""},
    system="Be brief.\nNo lists.\n",
    options={"temperature": 0.2, "stop": ["\n\n"], "chat_template_kwargs": {"enable_thinking": False}},
    thinking="hidden",
)


def test_without_a_file_everything_is_as_usual(profiles: Profiles, folder: Path) -> None:
    assert profiles.load() == Profile(thinking="folded")
    assert profiles.presets() == ()
    assert not folder.exists()


def test_what_is_saved_is_loaded(profiles: Profiles, folder: Path) -> None:
    path = profiles.save(FULL)
    assert path == folder / "chat.yaml"
    assert profiles.load() == FULL
    assert "system: |\n  Be brief.\n  No lists.\n" in path.read_text()
    profiles.save(Profile(theme="nord"))
    assert [line for line in path.read_text().splitlines() if not line.startswith("#")] == ["theme: nord"]
    profiles.save(Profile())
    assert profiles.load() == Profile()


def test_only_the_owner_can_read_it(profiles: Profiles, folder: Path) -> None:
    before = os.umask(0)
    try:
        path = profiles.save(FULL)
        preset = profiles.save_preset("a", Preset("x"))
    finally:
        os.umask(before)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, preset)] == [0o600, 0o600]
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, preset.parent)] == [0o700, 0o700]
    assert sorted(each.name for each in folder.iterdir()) == ["chat.yaml", "presets"]  # Nothing temporary stays.


def test_a_link_into_a_persons_dotfiles_stays_one(profiles: Profiles, folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.yaml"
    kept.write_text("theme: dracula\n")
    folder.mkdir(parents=True)
    (folder / "chat.yaml").symlink_to(kept)
    assert profiles.load().theme == "dracula"
    profiles.save(Profile(theme="nord"))
    assert (folder / "chat.yaml").is_symlink()
    assert "theme: nord" in kept.read_text()


def test_the_folder_is_the_one_of_the_specification(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "relative/is/ignored"}
    assert Profiles(home).save(Profile(theme="nord")) == tmp_path / ".config" / "sgl" / "chat.yaml"
    nowhere = Profiles({})
    assert (nowhere.load(), nowhere.presets()) == (Profile(), ())
    with pytest.raises(UsageError, match="no home folder"):
        nowhere.save(Profile())


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("them: nord", "there is no setting 'them'", "did you mean theme?"),
        ("qqq: 1", "there is no setting 'qqq'", "keys: theme, keymap, system, options, thinking"),
        ("theme: 1", "theme expects some text, got 1", "put it in quotes"),
        ("thinking: foldet", "thinking expects one of shown, folded, hidden, got 'foldet'", "did you mean folded?"),
        ("thinking: off", "thinking expects one of shown, folded, hidden, got False", None),
        ("thinking: []", "thinking expects one of", None),
        ("keymap: ctrl+x", "keymap expects a table of keys and values, got 'ctrl+x'", None),
        ("keymap: {stop: 1}", "keymap.stop expects keys such as ctrl+r,f5, got 1", "put them in quotes"),
        ("keymap: {stop: 'a,,b'}", "keymap.stop expects keys", None),
        ("keymap: {stop: 'ctrl x'}", "keymap.stop expects keys", None),
        ("keymap: {1: a}", "keymap expects names as its keys, got 1", "put it in quotes"),
        ("options: [1]", "options expects a table of keys and values", None),
        ("options: {temperatur: 1}", "options: there is no option 'temperatur'", "did you mean temperature?"),
        ("options: {temp: 1, temperature: 1}", "temperature is there twice", "leave out temperature"),
        ("options: {temperature: warm}", "options.temperature expects a number, got 'warm'", None),
        ("options: {temperature: true}", "options.temperature expects a number, got True", None),
        ("options: {temperature: .inf}", "options.temperature expects a number, got inf", None),
        ("options: {temperature: .nan}", "options.temperature expects a number, got nan", None),
        ("options: {max_tokens: 1.5}", "options.max_tokens expects a whole number, got 1.5", None),
        (f"options: {{seed: 0x{'f' * 9000}}}", "options.seed expects a whole number", None),
        ("options: {ignore_eos: 1}", "options.ignore_eos expects true or false, got 1", None),
        ("options: {stop: [a, 1]}", "options.stop expects some text or a list of texts", None),
        ("options: {stop: []}", "options.stop expects some text or a list of texts", None),
        ("options: {chat_template_kwargs: {a: 2024-01-01}}", "options.chat_template_kwargs expects a table", None),
        ("options: {chat_template_kwargs: {1: 2}}", "options.chat_template_kwargs expects a table", None),
        ("theme: a\ntheme: b", "line 2: the key 'theme' is there twice", None),
        ("system: &a x\ntheme: *a", "line 2: aliases are not read", "write what &a stands for"),
        ("theme: [", "line 1: ", None),
        ("theme: !!python/object:os.system x", "line 1: ", None),
        ("- a", "has to be a table of keys and values", None),
        ("1: a", "the key 1 is not a name", "put it in quotes"),
        ("[" * 5000, "nested too deeply", None),
        ("theme: \x07", "chat.yaml", None),
        (b"theme: \xff", "is not text in UTF-8", None),
        ("x" * (300 << 10), "has more than 256 KiB", None),
    ],
)
def test_what_is_wrong_is_named(
    profiles: Profiles, folder: Path, text: str | bytes, message: str, hint: str | None
) -> None:
    path = written(folder, text)
    with pytest.raises(UsageError) as caught:
        profiles.load()
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    if hint is not None:
        assert caught.value.hint == hint


def test_a_bomb_of_aliases_is_refused_at_once(profiles: Profiles, folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    written(folder, "\n".join(lines))
    with pytest.raises(UsageError, match="line 2: aliases are not read"):
        profiles.load()


def test_what_a_person_writes_by_hand(profiles: Profiles, folder: Path) -> None:
    written(
        folder, "\ufeff# mine\ntheme:\nkeymap: {stop: 'escape, ctrl+x'}\noptions: {temp: 1, stop: END, top_k: null}\n"
    )
    loaded = profiles.load()
    assert loaded == Profile(keymap={"stop": "escape,ctrl+x"}, options={"temperature": 1, "stop": ["END"]})
    written(folder, "")
    assert profiles.load() == Profile()


def test_files_that_cannot_be_used(profiles: Profiles, folder: Path) -> None:
    path = folder / "chat.yaml"
    path.mkdir(parents=True)
    for use in (profiles.load, lambda: profiles.save(FULL)):
        with pytest.raises(UsageError, match="is a folder, not a file"):
            use()
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(UsageError, match="is not a file"):
        profiles.load()
    path.unlink()
    path.symlink_to("missing")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        profiles.load()
    folder.parent.joinpath("file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        Profiles({"XDG_CONFIG_HOME": str(folder.parent / "file")}).save(FULL)


def test_what_could_not_be_loaded_is_not_saved(profiles: Profiles, folder: Path) -> None:
    profiles.save(FULL)
    before = (folder / "chat.yaml").read_bytes()
    for wrong in (Profile(options={"temperature": "hot"}), Profile(options={"key": "x"}), Profile(keymap={"a": "b c"})):
        with pytest.raises(UsageError):
            profiles.save(wrong)
    assert (folder / "chat.yaml").read_bytes() == before


def test_a_file_with_a_mistake_is_not_written_over(profiles: Profiles, folder: Path) -> None:
    path = written(folder, "theme: nord\nkeymapp: {stop: f5}\n")
    with pytest.raises(UsageError, match="no setting 'keymapp'"):
        profiles.save(FULL)
    assert "stop: f5" in path.read_text()


def test_any_mapping_and_equal_values_can_be_saved(profiles: Profiles) -> None:
    same = MappingProxyType({"a": [1, 2]})
    options = MappingProxyType({"stop": ("x", "y"), "chat_template_kwargs": {"one": same, "two": same}})
    profiles.save(Profile(options=options))
    kwargs = {"one": {"a": [1, 2]}, "two": {"a": [1, 2]}}
    assert profiles.load().options == {"stop": ["x", "y"], "chat_template_kwargs": kwargs}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(system=st.text(st.characters(), max_size=60), key=st.text(max_size=5), value=st.text(max_size=20))
def test_any_text_comes_back_as_it_was(profiles: Profiles, system: str, key: str, value: str) -> None:
    preset = Preset(system, {"chat_template_kwargs": {key: value}}, value)
    profiles.save_preset("any", preset)
    assert profiles.preset("any") == preset


def test_presets_by_name(profiles: Profiles, folder: Path) -> None:
    terse = Preset("Be terse.", {"temperature": 0}, "some/model")
    assert profiles.save_preset("terse", terse) == folder / "presets" / "terse.yaml"
    profiles.save_preset("Code-2.0_x", Preset())
    (folder / "presets" / "notes.txt").write_text("")
    (folder / "presets" / ".hidden.yaml").write_text("")
    assert profiles.presets() == ("Code-2.0_x", "terse")
    assert profiles.preset("terse") == terse
    assert profiles.preset("Code-2.0_x") == Preset("", {}, "")
    with pytest.raises(UsageError, match="no preset 'ters'") as caught:
        profiles.preset("ters")
    assert caught.value.hint == "did you mean terse?"
    profiles.delete_preset("terse")
    assert profiles.presets() == ("Code-2.0_x",)
    with pytest.raises(UsageError, match="no preset 'terse'") as caught:
        profiles.delete_preset("terse")
    assert caught.value.hint == "presets: Code-2.0_x"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../chat", "a/b", "/etc/passwd", ".a", "a b", "a\0", "a\n", "é", "a" * 65]
)
def test_a_name_never_leads_out_of_the_folder(profiles: Profiles, folder: Path, name: str) -> None:
    profiles.save(FULL)
    for use in (profiles.preset, profiles.delete_preset, lambda each: profiles.save_preset(each, Preset())):
        with pytest.raises(UsageError, match="cannot be the name of a preset") as caught:
            use(name)
        assert "\n" not in str(caught.value)
    assert [each.name for each in folder.iterdir()] == ["chat.yaml"]


def test_a_wrong_preset_names_its_file(profiles: Profiles, folder: Path) -> None:
    path = profiles.save_preset("a", Preset())
    path.write_text("theme: nord")
    with pytest.raises(UsageError, match=r"a\.yaml: there is no setting 'theme'"):
        profiles.preset("a")
    with pytest.raises(UsageError, match=r"options\.temperature"):
        profiles.save_preset("a", Preset(options={"temperature": []}))


def test_other_programs_can_read_it(profiles: Profiles) -> None:
    path = profiles.save(FULL)
    assert yaml.safe_load(path.read_text())["options"]["temperature"] == 0.2


def test_yaml_is_imported_only_for_a_file() -> None:
    program = (
        "import sys\nfrom sgl_cli.chat.profile.profiles import Profiles\n"
        "Profiles({}).load()\nassert not {'yaml', 'textual', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
