from __future__ import annotations

import socket

import anyio
import pytest

from tests.web.serving import Running, post, until
from web.ports import EdgeSettings
from web.server import PortUnavailableError, bind


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    """Binding fails before anything is started, and says which port and which option."""
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortUnavailableError, match=rf"port {port}: .*--port"):
            bind("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_named() -> None:
    """192.0.2.1 is nobody's (RFC 5737)."""
    with pytest.raises(PortUnavailableError, match=r"192\.0\.2\.1.*--host"):
        bind("192.0.2.1", 0)


def test_ipv6_can_be_bound() -> None:
    """`::1` as well as 127.0.0.1."""
    with bind("::1", 0) as listener:
        assert listener.family == socket.AF_INET6


async def test_a_cancelled_server_closes_everything() -> None:
    """A supervisor that does not wait gets its port and its connections back at once."""
    running = Running(EdgeSettings())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(running.server.serve, [running.socket])
        await until(lambda: running.server.started)
        wire = await running.connect()
        running.ingest.hold = True
        await wire.send(post())
        await until(lambda: running.ingest.metrics)
        tasks.cancel_scope.cancel()
    assert await wire.ends()
    await wire.close()
    with pytest.raises(ConnectionRefusedError):
        await running.connect()
    running.ingest.release()
    running.socket.close()
