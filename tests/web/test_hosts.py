"""Names by which the server may be called, in itself and on the wire."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.web.serving import Wire, post, serving
from web.hosts import Hosts
from web.ports import EdgeSettings

OURS = EdgeSettings(hosts=("metrics.lan",))


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8420", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8420", "localhost.:1",
     "app.localhost:8420", "127.8.9.1", "Metrics.LAN", "metrics.lan:8420"],
)  # fmt: skip
def test_its_own_names_are_served(host: str) -> None:
    """Loopback addresses, localhost and the configured names, with any port, however they are spelled."""
    hosts = Hosts(["metrics.lan"])
    assert hosts.serves(host.encode())
    assert hosts.serves(host.encode())


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8420", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "",
     "metrics.lan.evil.example:80", "[::2]", "evil.example:localhost", "169.254.169.254", "\xff"],
)  # fmt: skip
def test_other_names_are_not(host: str) -> None:
    """Neither what only looks like ours nor an address of another machine; but any, where none are said."""
    assert not Hosts(["metrics.lan"]).serves(host.encode("latin-1"))
    assert Hosts(None).serves(host.encode("latin-1"))


def test_a_request_without_a_name_comes_from_no_page() -> None:
    """HTTP/1.0 knows no Host; browsers have sent it for longer than there have been pages with scripts."""
    assert Hosts([]).serves(None)


async def test_a_rebound_name_is_refused_whatever_it_asks() -> None:
    """A page that gave its own name our address reads nothing, sends nothing, and is told why."""
    async with serving(OURS) as running:
        wire = await running.connect()
        for method, path in ((b"GET", b"/"), (b"GET", b"/api/status"), (b"DELETE", b"/api/dead-letters/1")):
            await wire.send(method + b" " + path + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            answer = await wire.response()
            assert (answer.status, answer.json()["parameter"]) == (421, "Host")
            assert "FOREBAY_ALLOWED_HOSTS" in answer.json()["detail"]
        request = post(b'{"name":"n","value":1}', b"Origin: http://evil.example").replace(
            b"Host: x", b"Host: evil.example"
        )
        await wire.send(request)
        assert (await wire.response()).status == 421
        assert running.ingest.metrics == []
        await wire.close()


async def test_a_rebound_name_gets_no_websocket() -> None:
    """Refused before it is accepted."""
    async with serving(OURS) as running:
        # The name is in Host, the address is given apart: as it is after rebinding.
        with pytest.raises(InvalidStatus) as refused:
            await connect("ws://evil.example/api/live", host="127.0.0.1", port=running.port, proxy=None)
        assert refused.value.response.status_code == 421


async def test_its_own_names_are_served_on_the_wire() -> None:
    """Pages read and senders send; a program without Origin may call us what it likes when it sends."""
    async with serving(OURS) as running:
        wire: Wire = await running.connect()
        for host in (b"localhost:1", b"metrics.lan"):
            await wire.send(b"GET /api/status HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            assert (await wire.response()).status == 200
        await wire.send(post())
        assert (await wire.response()).status == 202
        await wire.close()
