"""The port, and proxies that stand between programs and the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sgl.doctor.finding import Finding
from sgl.doctor.probes.network import NetworkFacts
from sgl.doctor.redact import hide_keys
from sgl.doctor.subject import Subject

_PORT: Final = Subject("SGL408", "system", "port")
_PROXY: Final = Subject("SGL412", "system", "proxy")
_LOCAL: Final = ("localhost", "127.0.0.1")
_SHOWN: Final = 60
"""Characters of a command line that are shown."""


def check_network(facts: NetworkFacts, *, asked: bool) -> Iterator[Finding]:
    """The port always, proxies when there are some; ``asked`` is whether somebody wants this very port."""
    yield _port(facts, asked=asked)
    if facts.proxies:
        yield _proxy(facts)


def _port(facts: NetworkFacts, *, asked: bool) -> Finding:
    data = {"port": facts.port, "free_port": facts.free_port, "holder_pid": facts.holder_pid}
    if not facts.port_problem:
        return _PORT.ok(f"{facts.port} is free", port=facts.port)
    instead = f"sgl serve --port {facts.free_port or 0}"
    if facts.port_problem == "denied":
        return _PORT.error(f"{facts.port}: only root may take ports below 1024", instead, **data)
    if facts.port_problem == "invalid":
        return _PORT.error(f"{facts.port} cannot be taken on 127.0.0.1", instead, **data)
    whose = "a process of another user or container"
    if facts.holder_pid is not None:
        command = hide_keys(facts.holder)
        command = command if len(command) <= _SHOWN else command[: _SHOWN - 3] + "..."
        whose = f"{command or 'a process'} (pid {facts.holder_pid})"
    detail = f"{facts.port} is taken by {whose}"
    return _PORT.error(detail, instead, **data) if asked else _PORT.warn(detail, instead, **data)


def _proxy(facts: NetworkFacts) -> Finding:
    names = ", ".join(facts.proxies)
    excepted = [word.strip() for word in facts.no_proxy.split(",") if word.strip()]
    lacking = [] if "*" in excepted else [host for host in _LOCAL if host not in excepted]
    if not lacking:
        return _PROXY.ok(f"{names} set, and not for this machine", variables=list(facts.proxies))
    value = ",".join([*excepted, *lacking])
    detail = f"{names} also catches {' and '.join(lacking)}: clients here cannot reach the server"
    return _PROXY.warn(detail, f"export NO_PROXY={value} no_proxy={value}", variables=list(facts.proxies))
