"""The HTTP server: a uvicorn server without its signal handling, for a supervised worker to run."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import uvicorn

from web.app import make_app
from web.edge import Edge
from web.live import Hub
from web.ports import Ports
from web.protocol import protocol_for
from web.wire import WiredProtocol

BACKLOG = 2048


class PortUnavailableError(OSError):
    """The address to listen on cannot be had."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        self.host = host
        self.port = port
        if error.errno == errno.EADDRINUSE:
            why = "the port is in use; stop what uses it, or choose another with --port"
        elif error.errno in (errno.EACCES, errno.EPERM):
            why = "ports below 1024 need privileges; choose a higher one with --port"
        else:
            why = f"{error.strerror or error}; choose an address of this machine with --host"
        super().__init__(error.errno, f"cannot listen on {host}, port {port}: {why}")

    def __str__(self) -> str:
        return str(self.strerror)


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port` (0: any free one), not yet listening.

    Raises PortUnavailableError.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise PortUnavailableError(host, port, error) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise PortUnavailableError(host, port, error) from error
    listener.setblocking(False)
    return listener


class Server(uvicorn.Server):
    """Serves until `request_stop`, then lets what is under way finish."""

    def __init__(self, config: uvicorn.Config, edge: Edge, farewell: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self.edge = edge
        """What its connections share: counts for whoever watches it."""
        self._farewell = farewell
        self._stop = asyncio.Event()

    async def serve(self, sockets: Sequence[socket.socket] | None = None) -> None:  # type: ignore[override]
        """Accept on `sockets` until asked to stop; return when every connection is closed.

        Cancelled, it closes everything at once.
        """
        try:
            await self._serve(list(sockets) if sockets is not None else None)
        finally:
            for server in getattr(self, "servers", ()):
                server.close()
            for connection in tuple(self.server_state.connections):
                connection.transport.abort()
            if self.server_state.tasks:
                # uvicorn's own tasks: they end when they hear that their clients have gone.
                with anyio.CancelScope(shield=True):
                    await asyncio.wait(tuple(self.server_state.tasks), timeout=1.0)

    def request_stop(self) -> None:
        """Stop accepting, answer what was asked, say goodbye, and let `serve` return."""
        self.should_exit = True
        self._stop.set()

    async def main_loop(self) -> None:
        """Renew the date header every second until asked to stop."""
        while not await self.on_tick(0):
            try:
                async with asyncio.timeout(1.0):
                    await self._stop.wait()
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listeners, then the WebSockets, then every other connection when it is answered."""
        for server in self.servers:
            server.close()
        await self._farewell()
        await super().shutdown(sockets)


def make_server(ports: Ports, host: str, port: int) -> Server:
    """A server of everything in the public contract; bind first, and give `serve` the socket."""
    edge = Edge(ports.ingest, ports.settings, time.time)
    hub = Hub(ports.live, ports.flags, ports.settings.max_subscribers)
    app = make_app(ports, edge, hub)
    return Server(server_config(app, edge, host, port), edge, hub.say_goodbye)


def server_config(app: Any, edge: Edge, host: str, port: int) -> uvicorn.Config:
    """How uvicorn is run: our protocol, no access log, no server header, no logging of its own making."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=protocol_for(edge),
        ws=WiredProtocol,
        ws_max_size=64 * 1024,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=30,
    )
