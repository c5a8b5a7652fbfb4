"""`NetworkFacts`: the server's port and who holds it, and proxies between programs and the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sgl.doctor.machine import Machine

HOST: Final = "127.0.0.1"
PROXY_VARIABLES: Final = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
"""Those that catch plain HTTP, which is what a server on this machine speaks."""

_LISTENING: Final = "0A"
_NEIGHBOURS: Final = 20
"""Ports above the wanted one in which a free one is looked for."""


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """Ports and proxies.

    Attributes:
        port: The wanted port.
        port_problem: ``taken``, ``denied`` or ``invalid``; empty when it is free.
        holder_pid: The process that listens there, when it is ours to see.
        holder: Its command line.
        free_port: The next one that is free; None when there is none near.
        proxies: Those of `PROXY_VARIABLES` that are set.
        no_proxy: NO_PROXY or no_proxy.
    """

    port: int
    port_problem: str
    holder_pid: int | None
    holder: str
    free_port: int | None
    proxies: Mapping[str, str]
    no_proxy: str


def probe_network(machine: Machine, port: int) -> NetworkFacts:
    """Tries the port; only when it is taken, its holder is looked for."""
    problem = machine.bind(HOST, port)
    pid = _holder(machine, port) if problem == "taken" else None
    environ = machine.environ
    return NetworkFacts(
        port=port,
        port_problem=problem,
        holder_pid=pid,
        holder="" if pid is None else (machine.read(f"/proc/{pid}/cmdline") or "").replace("\0", " ").strip(),
        free_port=_free_port(machine, port) if problem else port,
        proxies={name: environ[name] for name in PROXY_VARIABLES if environ.get(name)},
        no_proxy=environ.get("no_proxy") or environ.get("NO_PROXY") or "",
    )


def _free_port(machine: Machine, port: int) -> int | None:
    start = port if port >= 1024 else 30000
    near = range(start + 1, min(start + 1 + _NEIGHBOURS, 65536))
    return next((other for other in near if not machine.bind(HOST, other)), None)


def _holder(machine: Machine, port: int) -> int | None:
    """The process that listens on a port: the kernel's table names a socket, and a process's folder has it open."""
    tables = [machine.read(f"/proc/net/{name}") or "" for name in ("tcp", "tcp6")]
    sockets = {f"socket:[{inode}]" for table in tables for inode in listening_inodes(table, port)}
    if not sockets:
        return None
    for name in machine.entries("/proc") or ():
        if name.isdecimal():
            for file in machine.entries(f"/proc/{name}/fd") or ():
                if machine.link(f"/proc/{name}/fd/{file}") in sockets:
                    return int(name)
    return None


def listening_inodes(table: str, port: int) -> list[str]:
    """Inodes of the sockets that listen on ``port``, from /proc/net/tcp or tcp6 (proc_net_tcp.rst of the kernel)."""
    found = []
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
            found.append(words[9])
    return found
