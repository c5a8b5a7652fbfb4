"""Limits of the control group (a container's) on memory and CPU time, of version 1 and 2. cgroups(7).

Everything is read through a function from a path to the file's text, or None, so that recorded machines can be asked,
too. A group is limited by its parents as well: all of them are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final, NamedTuple

Read = Callable[[str], str | None]

_ROOT: Final = PurePosixPath("/sys/fs/cgroup")
_NO_LIMIT: Final = 2**60
"""Version 1 writes a huge number for "no limit"."""


class MemoryLimit(NamedTuple):
    """One group's limit, in bytes."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        """What can still be taken."""
        return max(self.limit - self.used, 0)


def memory_limits(read: Read) -> list[MemoryLimit]:
    """The limits of this process's group and of its parents; empty without one."""
    folders = [*_folders(read, "memory", _ROOT / "memory"), *_folders(read, "", _ROOT)]
    return [
        MemoryLimit(limit, _number(read, folder, "memory.current", "memory.usage_in_bytes") or 0)
        for folder in folders
        if (limit := _number(read, folder, "memory.max", "memory.limit_in_bytes")) is not None and limit < _NO_LIMIT
    ]


def cpu_quota(read: Read) -> float | None:
    """Cores' worth of time that this process's group may use; None without a limit."""
    quotas: list[float] = []
    for folder in _folders(read, "", _ROOT):
        words = (read(f"{folder}/cpu.max") or "").split()
        if len(words) == 2 and words[0].isdecimal():
            quotas.append(int(words[0]) / int(words[1]))
    for folder in _folders(read, "cpu", _ROOT / "cpu"):
        quota = (read(f"{folder}/cpu.cfs_quota_us") or "").strip()
        period = (read(f"{folder}/cpu.cfs_period_us") or "").strip()
        if quota.isdecimal() and period.isdecimal():  # "-1" is no limit.
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def _folders(read: Read, controller: str, root: PurePosixPath) -> list[str]:
    """Folders of a controller of version 1, or, for an empty name, of version 2."""
    group = PurePosixPath("/")
    for line in (read("/proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(",") and path.startswith("/"):
            group = PurePosixPath(path)
    places = (group, *group.parents)
    return [str(root.joinpath(*place.parts[1:])) for place in places]


def _number(read: Read, folder: str, *names: str) -> int | None:
    for name in names:
        text = (read(f"{folder}/{name}") or "").strip()
        if text.isdecimal():
            return int(text)
    return None
