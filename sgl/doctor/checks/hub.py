"""The Hugging Face cache, the token, and what steers downloads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from sgl.config.sizes import gib
from sgl.doctor.finding import Datum, Finding
from sgl.doctor.probes.hub import HubFacts
from sgl.doctor.subject import Subject
from sgl.hub.cached import is_offline

LITTLE_BYTES: Final = 20 * 2**30
"""About one model of 8 billion parameters in bfloat16, and some."""
NO_BYTES: Final = 2**30

_CACHE: Final = Subject("SGL405", "system", "model cache")
_SPACE: Final = Subject("SGL406", "system", "disk space")
_FILE_SYSTEM: Final = Subject("SGL407", "system", "file system")
_TOKEN: Final = Subject("SGL409", "system", "HF token")
_OFFLINE: Final = Subject("SGL410", "system", "offline mode")
_ENDPOINT: Final = Subject("SGL411", "system", "HF_ENDPOINT")
_NETWORKED: Final = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "beegfs",
    "ceph",
    "glusterfs",
    "gpfs",
    "9p",
    "fuse.sshfs",
    "fuse.s3",
)
"""Beginnings of the names of file systems whose data is on another machine (9p: WSL2's view of Windows)."""


def check_hub(facts: HubFacts) -> Iterator[Finding]:
    """Nothing is asked online."""
    yield _cache(facts)
    yield from _space(facts)
    yield from _file_system(facts)
    yield _token(facts)
    if is_offline({"HF_HUB_OFFLINE": facts.offline}):
        yield _offline(facts)
    if facts.endpoint:
        yield _endpoint(facts)


def _cache(facts: HubFacts) -> Finding:
    data: dict[str, Datum] = {"path": facts.cache, "models": facts.models}
    if not facts.writable:
        remedy = f"sudo chown -R $USER {facts.cache}" if facts.cache_exists else "export HF_HOME=$HOME/huggingface"
        return _CACHE.error(f"{facts.cache} cannot be written: downloads fail", remedy, **data)
    held = f"{facts.models} repositor{'y' if facts.models == 1 else 'ies'}" if facts.cache_exists else "not there yet"
    return _CACHE.ok(f"{facts.cache}, {held}", **data)


def _space(facts: HubFacts) -> Iterator[Finding]:
    if facts.disk is None:
        yield _SPACE.skip(f"the file system of {facts.cache} does not say")
        return
    data = {"free_bytes": facts.disk.free, "total_bytes": facts.disk.total}
    free = f"{gib(facts.disk.free)} free of {gib(facts.disk.total)}"
    if facts.disk.free < NO_BYTES:
        yield _SPACE.error(f"{free}: the disk of the model cache is full", "sgl models", **data)
    elif facts.disk.free < LITTLE_BYTES:
        yield _SPACE.warn(f"{free}: a model of 8 billion parameters takes 16 GiB", "sgl models", **data)
    else:
        yield _SPACE.ok(free, **data)


def _file_system(facts: HubFacts) -> Iterator[Finding]:
    if not facts.file_system:
        return
    if facts.file_system.startswith(_NETWORKED):
        detail = f"the model cache is on {facts.file_system}: weights load over the network"
        yield _FILE_SYSTEM.warn(detail, "export HF_HOME=/var/tmp/huggingface", file_system=facts.file_system)
    else:
        yield _FILE_SYSTEM.ok(facts.file_system, file_system=facts.file_system)


def _token(facts: HubFacts) -> Finding:
    if facts.token_from:
        return _TOKEN.ok(f"there is one ({facts.token_from})", found_in=facts.token_from)
    return _TOKEN.skip("none; only gated models need one", "hf auth login")


def _offline(facts: HubFacts) -> Finding:
    if facts.models:
        return _OFFLINE.ok(f"HF_HUB_OFFLINE={facts.offline}: models come from the cache only", models=facts.models)
    detail = f"HF_HUB_OFFLINE={facts.offline}, and the cache has no model"
    return _OFFLINE.warn(detail, "unset HF_HUB_OFFLINE", models=0)


def _endpoint(facts: HubFacts) -> Finding:
    parts = urlsplit(facts.endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        detail = "it is no address that begins with https:// or http://"
        return _ENDPOINT.error(detail, "unset HF_ENDPOINT")
    return _ENDPOINT.ok(f"models come from {parts.hostname}", host=parts.hostname)
