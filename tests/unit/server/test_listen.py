"""Taking the port."""

from __future__ import annotations

import socket

import pytest

from sgl.errors import StartupError
from sgl.server.listen import bind


def test_bound_port_refuses_clients_until_it_listens() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", port))


def test_taken_port_is_told_with_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartupError, match=f"port {port} is in use by another program; ") as caught:
            bind("127.0.0.1", port)
    proposed = int(caught.value.message.split("--port ")[1].split()[0])
    with bind("127.0.0.1", proposed) as listener:
        assert listener.getsockname()[1] == proposed


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "not a host", "a" * 300])
def test_address_of_another_machine_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(StartupError, match="--host") as caught:
        bind(host, 0)
    assert "\n" not in caught.value.message
