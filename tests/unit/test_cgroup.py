"""Limits of a container: both versions of control groups, and the parents of a group."""

from __future__ import annotations

import pytest

from sgl import device
from sgl.cgroup import MemoryLimit, cpu_quota, memory_limits

NESTED = {
    "/proc/self/cgroup": "0::/pod/box\n",
    "/sys/fs/cgroup/pod/box/memory.max": "max\n",
    "/sys/fs/cgroup/pod/memory.max": "4294967296\n",
    "/sys/fs/cgroup/pod/memory.current": "1073741824\n",
    "/sys/fs/cgroup/pod/box/cpu.max": "150000 100000\n",
    "/sys/fs/cgroup/pod/cpu.max": "max 100000\n",
}
OLD = {
    "/proc/self/cgroup": "5:cpu,cpuacct:/box\n4:memory:/box\n",
    "/sys/fs/cgroup/memory/box/memory.limit_in_bytes": "2147483648\n",
    "/sys/fs/cgroup/memory/box/memory.usage_in_bytes": "3000000000\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "-1\n",
    "/sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
}


def test_a_limit_of_a_parent_counts() -> None:
    assert memory_limits(NESTED.get) == [MemoryLimit(4 * 2**30, 2**30)]
    assert cpu_quota(NESTED.get) == 1.5


def test_version_1_and_its_ways_to_say_no_limit() -> None:
    assert memory_limits(OLD.get) == [MemoryLimit(2 * 2**30, 3_000_000_000)]
    assert memory_limits(OLD.get)[0].left == 0
    assert cpu_quota(OLD.get) is None


def test_no_control_groups() -> None:
    assert memory_limits({}.get) == []
    assert cpu_quota({}.get) is None


def test_the_device_is_what_the_group_lets_us_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_read", NESTED.get)
    found = device.probe_cpu()
    assert found.memory_bytes <= 4 * 2**30
    assert found.available_bytes <= 3 * 2**30
    assert found.cores <= 2
