"""What is on this machine, and its removal."""

from __future__ import annotations

from pathlib import Path

import pytest

from sgl.hub.display import SilentDisplay
from sgl.hub.download import Hub, Wish
from sgl.hub.inventory import LocalModel, local_models, remove
from sgl.hub.repository import parse_repository
from tests.fake_hub import FakeHub

FILES = {"config.json": b"{}", "model.safetensors": bytes(100_000)}


def download(name: str, environ: dict[str, str]) -> None:
    hub = Hub(environ, SilentDisplay(), ())
    hub.fetch(hub.prepare(Wish(repository=parse_repository(name))))


def found(environ: dict[str, str]) -> dict[str, LocalModel]:
    return {model.name: model for model in local_models(environ)}


def test_an_empty_cache_still_has_the_built_in_model(environ: dict[str, str]) -> None:
    (model,) = local_models(environ)
    assert (model.name, model.removable, model.complete, model.revisions) == ("builtin", False, True, ())
    assert model.size > 1 << 20


def test_a_downloaded_model(hub: FakeHub, environ: dict[str, str]) -> None:
    hub.add("Owner/one", FILES)
    hub.add("owner/Two", FILES)
    for name in ("owner/Two", "Owner/one"):
        download(name, environ)
    assert list(found(environ)) == ["Owner/one", "owner/Two", "builtin"]
    model = found(environ)["Owner/one"]
    assert (model.size, model.complete, model.partial_bytes) == (100_002, True, 0)
    assert model.references == ("main",)
    assert model.revisions == (hub.repos["Owner/one"].commit,)
    assert sorted(path.name for path in model.folder.iterdir()) == sorted(FILES)


def test_an_interrupted_one_names_what_it_lacks(hub: FakeHub, environ: dict[str, str]) -> None:
    hub.add("owner/name", FILES)
    hub.fail("cdn/owner--name/model.safetensors", cut=60_000)
    with pytest.raises(Exception, match="cut"):
        download("owner/name", environ)
    model = found(environ)["owner/name"]
    assert (model.missing, model.partial_bytes) == (("model.safetensors",), 60_000)
    assert remove(["owner/name"], environ) == 60_002
    assert not list(Path(environ["HF_HUB_CACHE"]).glob("models--*"))


def test_the_branch_main_is_the_one_that_is_served(hub: FakeHub, environ: dict[str, str]) -> None:
    hub.add("owner/name", FILES)
    download("owner/name", environ)
    hub.add("owner/name", {**FILES, "config.json": b'{"a": 1}'}, commit="b" * 40, revisions=("next",))
    download("owner/name@next", environ)
    model = found(environ)["owner/name"]
    assert model.revisions == ("a" * 40, "b" * 40)
    assert model.size == 100_002 + len(b'{"a": 1}')


def test_removing_one_leaves_the_others_even_with_the_same_commit(hub: FakeHub, environ: dict[str, str]) -> None:
    hub.add("owner/name", FILES)
    hub.add("owner/duplicate", FILES)
    for name in hub.repos:
        download(name, environ)
    assert remove(["owner/name"], environ) == 100_002
    assert list(found(environ)) == ["owner/duplicate", "builtin"]
    assert found(environ)["owner/duplicate"].complete
