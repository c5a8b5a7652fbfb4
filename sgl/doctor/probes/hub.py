"""`HubFacts`: the Hugging Face cache, the token, and the variables that steer downloads. Nothing is asked online."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from sgl.doctor.machine import Disk, Machine
from sgl.hub.cached import cache_folder

_TOKEN_VARIABLES: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@dataclass(frozen=True, kw_only=True)
class HubFacts:
    """Where models come from and where they go.

    Attributes:
        cache: The folder of downloaded models.
        cache_exists: Whether there is one yet.
        writable: Whether this user may create files there.
        disk: Its file system; None when it could not be asked.
        file_system: ``ext4``, ``nfs4``, ``lustre``, ...; empty when it is not known.
        models: Repositories in the cache.
        token_from: Where a token was found: the name of a variable or a path; the token itself is never kept.
        offline: HF_HUB_OFFLINE, as it is set.
        endpoint: HF_ENDPOINT, as it is set.
    """

    cache: str
    cache_exists: bool
    writable: bool
    disk: Disk | None
    file_system: str
    models: int
    token_from: str
    offline: str
    endpoint: str


def probe_hub(machine: Machine) -> HubFacts:
    """Looks at the cache and the variables."""
    environ = machine.environ
    # A recorded machine has a home of its own, which only the default depends on.
    default = f"{machine.identity.home}/.cache"
    cache = str(cache_folder({**environ, "XDG_CACHE_HOME": environ.get("XDG_CACHE_HOME") or default}))
    names = machine.entries(cache)
    return HubFacts(
        cache=cache,
        cache_exists=names is not None,
        writable=machine.writable(cache),
        disk=machine.disk(cache),
        file_system=_file_system(machine.read("/proc/self/mounts") or "", cache),
        models=sum(name.startswith("models--") for name in names or ()),
        token_from=_token_source(machine, environ),
        offline=environ.get("HF_HUB_OFFLINE", ""),
        endpoint=environ.get("HF_ENDPOINT", ""),
    )


def _token_source(machine: Machine, environ: Mapping[str, str]) -> str:
    for name in _TOKEN_VARIABLES:
        if environ.get(name):
            return name
    home = PurePosixPath(machine.identity.home)
    base = environ.get("HF_HOME") or str(
        PurePosixPath(environ.get("XDG_CACHE_HOME") or home / ".cache") / "huggingface"
    )
    path = environ.get("HF_TOKEN_PATH") or f"{base}/token"
    return path if machine.exists(path) else ""


def _file_system(mounts: str, path: str) -> str:
    """The type of the mount that holds ``path``: the longest mount point among its parents; of equals, the last."""
    place = PurePosixPath(path)
    parents = {str(place), *map(str, place.parents)}
    best, kind = "", ""
    for line in mounts.splitlines():
        words = line.split(" ")
        if len(words) < 3:
            continue
        point = words[1].replace("\\040", " ")
        if point in parents and len(point) >= len(best):
            best, kind = point, words[2]
    return kind
