"""Downloads from a Hub that misbehaves: each fault ends in a whole model or in one line, with what arrived kept."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session

from sgl.errors import CheckpointError, DownloadError, ModelNotFound, SglError
from sgl.hub.cached import cached_snapshot
from sgl.hub.download import Hub, Wish
from sgl.hub.meter import Reading
from sgl.hub.part import Part
from sgl.hub.repository import parse_repository
from tests.fake_hub import TOKEN, FakeHub, running_hub, wait_for

NAME = "owner/model"
FILE = "model.safetensors"
MOMENTS = (0.0, 0.0, 0.0, 0.0)


class Seen:
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.readings: list[Reading] = []

    def show(self, reading: Reading) -> None:
        self.readings.append(reading)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def close(self) -> None:
        """Nothing."""


class Get:
    """Downloads as a program does, and keeps what it said."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.seen = Seen()

    def __call__(
        self, name: str = NAME, *, waits: Sequence[float] = MOMENTS, force: bool = False, **wish: Any
    ) -> tuple[Path, int]:
        self.seen = Seen()
        hub = Hub(self.environ, self.seen, waits)
        download = hub.prepare(Wish(repository=parse_repository(name), **wish))
        return download.store.root, hub.fetch(download, force=force)

    def error(self, name: str = NAME, **more: Any) -> SglError:
        with pytest.raises(SglError) as caught:
            self(name, **more)
        assert "\n" not in caught.value.message
        assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
        return caught.value


@pytest.fixture
def get(environ: dict[str, str]) -> Get:
    return Get(environ)


@pytest.fixture(autouse=True)
def _model(hub: FakeHub, weights: bytes) -> None:
    hub.add(NAME, {"config.json": b"{}", FILE: weights, "README.md": b"# A model", "pytorch_model.bin": b"pickle"})


def partial(environ: dict[str, str]) -> int:
    """Bytes of parts in the cache."""
    return sum(path.stat().st_size for path in Path(environ["HF_HUB_CACHE"]).rglob("*.incomplete"))


# -- what comes, and where it goes --------------------------------------------------------------------


def test_a_download_is_a_snapshot_that_other_libraries_know(get: Get, hub: FakeHub, weights: bytes) -> None:
    folder, received = get()
    assert received == len(weights) + 2
    assert {path.name for path in folder.iterdir()} == {"config.json", FILE}
    assert (folder / FILE).read_bytes() == weights
    assert folder.name == hub.repos[NAME].commit
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    cache = get.environ["HF_HUB_CACHE"]
    assert snapshot_download(NAME, cache_dir=cache, local_files_only=True) == str(folder)
    assert try_to_load_from_cache(NAME, FILE, cache_dir=cache) == str(folder / FILE)


def test_the_second_time_nothing_comes(get: Get, hub: FakeHub) -> None:
    get()
    hub.requests.clear()
    assert get()[1] == 0
    assert hub.bytes_sent() == 0


def test_a_new_commit_brings_only_what_changed(get: Get, hub: FakeHub, weights: bytes) -> None:
    old, _ = get()
    hub.add(NAME, {"config.json": b'{"new": 1}', FILE: weights}, commit="b" * 40)
    new, received = get()
    assert received == len(b'{"new": 1}')
    assert new != old
    assert (new / FILE).read_bytes() == weights
    assert cached_snapshot(NAME, "main", get.environ) == new


def test_a_branch_stands_for_the_old_commit_until_the_new_one_is_complete(get: Get, hub: FakeHub) -> None:
    old, _ = get()
    hub.add(NAME, {"config.json": b"{}", FILE: bytes(1 << 20)}, commit="b" * 40)
    hub.fail(FILE, status=503)
    get.error()
    assert cached_snapshot(NAME, "main", get.environ) == old


def test_tags_and_commits(get: Get, hub: FakeHub) -> None:
    hub.repos[NAME].revisions = ("main", "v1", "refs/pr/3")
    commit = hub.repos[NAME].commit
    folders = {get(f"{NAME}@{revision}")[0] for revision in ("v1", "refs/pr/3", commit)}
    assert folders == {cached_snapshot(NAME, "v1", get.environ)} == {cached_snapshot(NAME, "refs/pr/3", get.environ)}


def test_a_plain_folder(get: Get, tmp_path: Path, weights: bytes) -> None:
    folder, _ = get(local_dir=tmp_path / "here")
    assert folder == tmp_path / "here"
    assert sorted(os.listdir(folder)) == ["config.json", FILE]
    assert not (folder / FILE).is_symlink()
    assert get(local_dir=folder)[1] == 0
    (folder / FILE).write_bytes(bytes(len(weights)))  # As long as it should be, and something else.
    assert get(local_dir=folder)[1] == len(weights)
    assert (folder / FILE).read_bytes() == weights


def test_a_plain_folder_takes_from_the_cache_what_that_has(get: Get, tmp_path: Path, weights: bytes) -> None:
    get()
    folder, received = get(local_dir=tmp_path / "here")
    assert received == 0
    assert (folder / FILE).read_bytes() == weights


def test_progress_ends_at_the_total(get: Get, weights: bytes) -> None:
    get()
    last = get.seen.readings[-1]
    assert last.done == last.total == len(weights) + 2
    assert not last.active


# -- cut, slow, wrong -----------------------------------------------------------------------------------


def test_a_cut_connection_goes_on_where_it_was_cut(get: Get, hub: FakeHub, weights: bytes) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", cut=300_000, times=2)
    folder, received = get()
    assert (folder / FILE).read_bytes() == weights
    assert received == len(weights) + 2
    assert [r.start for r in hub.bodies(FILE)] == [0, 300_000, 600_000]
    assert any("was cut" in note for note in get.seen.notes)


def test_a_connection_that_is_always_cut_at_once_ends_and_keeps_what_came(
    get: Get, hub: FakeHub, weights: bytes
) -> None:
    first = hub.fail(f"cdn/owner--model/{FILE}", cut=400_000, times=1)
    hub.fail(f"cdn/owner--model/{FILE}", cut=0)
    error = get.error()
    assert (type(error), error.exit_code) == (DownloadError, 1)
    assert "go" in str(error.hint)
    assert partial(get.environ) == 400_000
    assert len([r for r in hub.requests if r.path.startswith("/cdn")]) == 1 + len(MOMENTS)
    assert first.times == 0
    hub.faults.clear()
    hub.requests.clear()
    folder, received = get()
    assert received == len(weights) - 400_000
    assert [r.start for r in hub.bodies(FILE)] == [400_000]
    assert (folder / FILE).read_bytes() == weights
    assert partial(get.environ) == 0


def test_a_plain_folder_goes_on_as_well(get: Get, hub: FakeHub, tmp_path: Path, weights: bytes) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", cut=400_000, times=1)
    hub.fail(f"cdn/owner--model/{FILE}", status=500)
    get.error(local_dir=tmp_path / "here")
    assert not (tmp_path / "here" / FILE).exists()
    hub.faults.clear()
    folder, received = get(local_dir=tmp_path / "here")
    assert received == len(weights) - 400_000
    assert sorted(os.listdir(folder)) == ["config.json", FILE]


def test_a_server_without_ranges_sends_everything_again(get: Get, hub: FakeHub, weights: bytes) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", cut=300_000, times=1)
    hub.fail(f"cdn/owner--model/{FILE}", deaf=True)
    folder, _ = get()
    assert (folder / FILE).read_bytes() == weights
    assert get.seen.readings[-1].done == get.seen.readings[-1].total


def test_what_arrives_damaged_is_asked_for_again(get: Get, hub: FakeHub, weights: bytes) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", flip=True, times=1)
    folder, _ = get()
    assert (folder / FILE).read_bytes() == weights
    assert any("wrong checksum" in note for note in get.seen.notes)


def test_what_always_arrives_damaged_is_never_kept(get: Get, hub: FakeHub) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", flip=True)
    error = get.error()
    assert f"{FILE} arrives damaged" in error.message
    assert error.exit_code == 1
    assert partial(get.environ) == 0
    assert not list(Path(get.environ["HF_HUB_CACHE"]).rglob(FILE))


def test_a_damaged_small_file_is_noticed_as_well(get: Get, hub: FakeHub) -> None:
    hub.fail("config.json", flip=True)
    assert "config.json arrives damaged" in get.error().message


def test_a_part_of_something_else_is_replaced(get: Get, hub: FakeHub, weights: bytes) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", cut=400_000, times=1)
    hub.fail(f"cdn/owner--model/{FILE}", status=500)
    get.error()
    hub.faults.clear()
    (part,) = Path(get.environ["HF_HUB_CACHE"]).rglob("*.incomplete")
    part.write_bytes(bytes(400_000))
    folder, _ = get()
    assert (folder / FILE).read_bytes() == weights
    part.write_bytes(bytes(len(weights) + 5))  # Longer than the file: thrown away before anything is asked.
    (folder / FILE).resolve().unlink()
    assert get()[1] == len(weights)


def test_a_file_that_ends_early_is_an_error(get: Get, hub: FakeHub) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", short=200_000, times=1)
    hub.fail(f"cdn/owner--model/{FILE}", short=1 << 20)
    error = get.error()
    assert f"{FILE} ended after" in error.message
    assert partial(get.environ) == (1 << 20) - 200_000


def test_a_slow_server_is_waited_for(get: Get, hub: FakeHub, weights: bytes) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", drip=0.005)
    folder, _ = get()
    assert (folder / FILE).read_bytes() == weights
    active = {path for reading in get.seen.readings for path, _, _ in reading.active}
    assert FILE in active


# -- answers that are not files ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_passing_status_is_borne_once(get: Get, hub: FakeHub, status: int) -> None:
    for path in ("revision/main", FILE, "config.json"):
        hub.fail(path, status=status, times=1)
    folder, _ = get()
    assert (folder / FILE).is_file()
    assert sum(f"answers {status}" in note for note in get.seen.notes) == 3


@pytest.mark.parametrize("path", ["revision/main", FILE])
def test_a_status_that_stays_ends_in_one_line(get: Get, hub: FakeHub, path: str) -> None:
    hub.fail(path, status=503)
    error = get.error()
    assert error.message.startswith("The hub answers 503 Service Unavailable for owner/model")
    assert error.exit_code == 1


def test_the_named_wait_is_kept_to(get: Get, hub: FakeHub) -> None:
    hub.fail(FILE, status=429, headers={"Retry-After": "1"}, times=1)
    get()
    assert any("429 Too Many Requests; trying again in 1 s" in note for note in get.seen.notes)


@pytest.mark.parametrize("headers", [{"Retry-After": "3600"}, {"RateLimit": '"api";r=0;t=3600'}])
@pytest.mark.parametrize("path", ["revision/main", FILE])
def test_a_long_wait_is_told_not_slept(get: Get, hub: FakeHub, headers: dict[str, str], path: str) -> None:
    hub.fail(path, status=429, headers=headers)
    error = get.error()
    assert "takes no more requests from here for now (429)" in error.message
    assert "Try again at " in str(error.hint)
    assert "in 3600 s" in str(error.hint)
    assert "hf auth login" in str(error.hint)


def test_a_gated_repository_names_its_page_and_the_login(get: Get, hub: FakeHub) -> None:
    hub.repos[NAME].gated = True
    error = get.error()
    assert (type(error), error.exit_code) == (ModelNotFound, 2)
    assert "owner/model is gated" in error.message
    assert f"{hub.endpoint}/owner/model" in str(error.hint)
    assert "hf auth login" in str(error.hint)


def test_a_token_goes_along_and_is_never_shown(get: Get, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repos[NAME].gated = True
    assert (get()[0] / FILE).is_file()
    assert all(request.token for request in hub.requests)
    assert not any(TOKEN in note for note in get.seen.notes)
    hub.fail("revision/main", status=403, headers={"X-Error-Code": "GatedRepo"})
    error = get.error()
    assert "account of your token has not been let in" in error.message


def test_a_token_stays_with_the_hub(get: Get, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with running_hub() as other:
        other.repos = hub.repos
        hub.cdn = other.endpoint
        assert (get()[0] / FILE).is_file()
        assert [request.token for request in other.requests] == [False]
        close_session()


def test_a_hub_that_cannot_be_reached_does_not_hide_the_cache(get: Get) -> None:
    get()
    get.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    assert get.error().hint == "It is in the cache all the same: sgl serve -m owner/model"


def test_a_file_that_only_the_hubs_own_client_can_bring(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgl.hub.download.LARGEST", 1000)
    error = get.error()
    assert "only through its own client" in error.message
    assert error.hint == "hf download owner/model --revision main puts it into the same cache"


@pytest.mark.parametrize(("status", "code"), [(404, "RepoNotFound"), (401, ""), (404, "")])
def test_a_repository_that_is_not_there(get: Get, hub: FakeHub, status: int, code: str) -> None:
    hub.fail("revision/main", status=status, headers={"X-Error-Code": code} if code else {})
    error = get.error()
    assert (type(error), error.exit_code) == (ModelNotFound, 2)
    assert "There is no public repository owner/model on 127.0.0.1" in error.message
    assert "hf auth login" in str(error.hint)


def test_a_misspelt_repository_is_told_from_the_cache(get: Get) -> None:
    get()
    assert get.error("owner/modle").hint == "Did you mean owner/model, which is in the cache?"


def test_a_revision_that_is_not_there(get: Get, hub: FakeHub) -> None:
    error = get.error(f"{NAME}@v9")
    assert "owner/model has no revision 'v9'" in error.message
    assert f"{hub.endpoint}/owner/model/tree/main" in str(error.hint)


def test_nobody_listens(get: Get) -> None:
    get.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    error = get.error()
    assert error.message.startswith("127.0.0.1:9: The connection failed")
    assert "HF_ENDPOINT" in str(error.hint)
    assert error.exit_code == 1


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil"])
def test_a_file_outside_of_the_repository_is_refused(get: Get, hub: FakeHub, path: str) -> None:
    hub.repos[NAME].files[path] = b"evil"
    assert "outside of the repository" in get.error().message


# -- the disk ----------------------------------------------------------------------------------------------


def test_a_small_disk_is_refused_before_the_first_byte(get: Get, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr("sgl.hub.disk.shutil.disk_usage", lambda path: usage(10**9, 10**9 - 600_000, 600_000))
    error = get.error()
    assert "1.0 MiB are to be downloaded, 0.6 MiB are free" in error.message
    assert "--force" in str(error.hint)
    assert not [r for r in hub.requests if FILE in r.path]
    assert (get(force=True)[0] / FILE).is_file()


def test_what_is_there_already_needs_no_room(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    get()
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr("sgl.hub.disk.shutil.disk_usage", lambda path: usage(10**9, 10**9, 0))
    assert get()[1] == 0


def test_a_disk_that_fills_up_keeps_what_fitted(
    get: Get, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, weights: bytes
) -> None:
    real = Part.append

    def append(part: Part, chunk: bytes) -> None:
        if part.file.path == FILE and part.done + len(chunk) > 500_000:
            real(part, chunk[: 500_000 - part.done])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(part, chunk)

    with monkeypatch.context() as patch:
        patch.setattr(Part, "append", append)
        error = get.error()
    assert error.message.startswith("The disk is full: ")
    assert error.exit_code == 1
    assert partial(get.environ) == 500_000
    assert get()[1] == len(weights) - 500_000


def test_a_folder_that_may_not_be_written(get: Get, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written" in get.error(local_dir=tmp_path / "file").message


# -- two at once, and the user ------------------------------------------------------------------------------


def test_two_downloads_of_one_model_bring_it_once(get: Get, hub: FakeHub, weights: bytes) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", drip=0.005)
    results: list[tuple[Path, int]] = []
    other = Get(get.environ)
    thread = threading.Thread(target=lambda: results.append(other()))
    thread.start()
    wait_for(lambda: bool(hub.bodies(FILE)))
    results.append(get())
    thread.join()
    assert len(hub.bodies(FILE)) == 1
    assert results[0][0] == results[1][0]
    assert any("Another sgl downloads" in note for note in get.seen.notes)


def test_ctrl_c_keeps_what_arrived(get: Get, hub: FakeHub, weights: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.fail(f"cdn/owner--model/{FILE}", drip=0.02, times=1)

    def interrupt(seen: Seen, reading: Reading) -> None:
        if any(done > 100_000 for _, done, _ in reading.active):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Seen, "show", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get()
    assert any("goes on from there" in note for note in get.seen.notes)
    kept = partial(get.environ)
    assert kept > 100_000
    assert get()[1] in range(len(weights) - kept, len(weights) - kept + 3)


# -- which files ---------------------------------------------------------------------------------------------


def test_an_index_decides_which_weights_come(get: Get, hub: FakeHub) -> None:
    index = b'{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}'
    files = {"m-1.safetensors": b"1", "m-2.safetensors": b"2", "m-3.safetensors": b"3"}
    hub.add("owner/sharded", {"config.json": b"{}", "model.safetensors.index.json": index, **files})
    folder, _ = get("owner/sharded")
    assert sorted(os.listdir(folder)) == [
        "config.json",
        "m-1.safetensors",
        "m-2.safetensors",
        "model.safetensors.index.json",
    ]
    del hub.repos["owner/sharded"].files["m-2.safetensors"]
    assert "lacks m-2.safetensors" in get.error("owner/sharded").message


def test_only_pickles_are_refused_before_the_first_byte(get: Get, hub: FakeHub) -> None:
    hub.add("owner/old", {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    error = get.error("owner/old")
    assert isinstance(error, CheckpointError)
    assert "only pickled weights (pytorch_model.bin)" in error.message
    assert not hub.bodies(".bin")


def test_a_tokenizer_alone_needs_no_weights(get: Get) -> None:
    folder, _ = get(weights=False)
    assert os.listdir(folder) == ["config.json"]
