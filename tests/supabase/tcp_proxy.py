"""A TCP proxy in front of PostgreSQL that can be made to fail, for clients that speak its own protocol."""

from __future__ import annotations

import asyncio
import re
import time
from typing import NoReturn

from tests.supabase.faults import (
    PASSED,
    BlackHole,
    Call,
    Delay,
    Faults,
    ResetAfterCommit,
    ResetBefore,
    ResetMidRequest,
    Rule,
    Throttle,
    TooManyRequests,
    Unavailable,
    name,
)
from tests.supabase.loop_thread import drained, first, removed, reset
from tests.supabase.processes import PortTakenError, free_port

PIECE = 65_536
_COMMITTED = re.compile(rb"C....(?:COMMIT|INSERT 0 \d+|UPDATE \d+)\x00Z\x00\x00\x00\x05I", re.DOTALL)
"""CommandComplete of what has written, and ReadyForQuery outside a transaction: PostgreSQL manual, message
formats. A statement that is a transaction of its own says no COMMIT."""
_LONGEST = 64
"""Bytes of it, at most."""
_STARTUP = 196_608
_REFUSALS = {
    Unavailable: ("57P03", "the database system is not yet accepting connections"),
    TooManyRequests: ("53300", "sorry, too many clients already"),
}


class ConnectionResetOnPurposeError(Exception):
    """This connection is to be reset."""


class TcpProxy:
    """Passes connections at `port` (0: a free one) on to `upstream_port`.

    A new connection is recorded as a call of method CONNECT, and so is each reset of an open one.
    """

    def __init__(self, upstream_port: int, faults: Faults, *, port: int = 0) -> None:
        self.port = port or free_port()
        self._upstream_port = upstream_port
        self._faults = faults
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def start(self) -> None:
        """Listen. Raises PortTakenError."""
        try:
            self._server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        except OSError as error:
            raise PortTakenError(self.port, "the TCP proxy") from error

    async def stop(self) -> None:
        """Listen no more and drop every connection."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            self._server = None

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._greet(reader, writer)
        except ConnectionResetOnPurposeError:
            reset(writer)
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for rule in self._faults.in_force():
            match rule.fault:
                case Unavailable() | TooManyRequests() if self.use(rule):
                    return await _refuse(reader, writer, *_REFUSALS[type(rule.fault)])
                case BlackHole() | ResetBefore() if self.use(rule):
                    await _hold(rule, reader)
                case _:
                    pass
        self._record(PASSED)
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        self._writers.add(upstream)
        connection = _Connection(self, reader, writer, upstream_reader, upstream)
        pumps = [asyncio.create_task(connection.up()), asyncio.create_task(connection.down())]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in done:
                pump.result()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._writers.discard(upstream)
            upstream.close()

    def in_force(self) -> list[Rule]:
        """The faults to be suffered now."""
        return self._faults.in_force()

    def use(self, rule: Rule) -> bool:
        """Use up one of `rule`'s times, and record that; False if none is left."""
        used = self._faults.use(rule)
        if used:
            self._record(name(rule.fault))
        return used

    def _record(self, done: str) -> None:
        self._faults.record(Call("CONNECT", "", done, None, time.monotonic()))


class _Connection:
    """A client that has reached the server."""

    def __init__(
        self,
        proxy: TcpProxy,
        client_reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._client_reader = client_reader
        self._client = client
        self._server_reader = server_reader
        self._server = server
        self._forwarded: dict[Rule, int] = {}

    async def up(self) -> None:
        """From the client to the server, until the client ends."""
        while piece := await self._client_reader.read(PIECE):
            for rule in self._proxy.in_force():
                match rule.fault:
                    case BlackHole() | ResetBefore() if self._proxy.use(rule):
                        await _hold(rule, self._client_reader)
                    case ResetMidRequest(after=after):
                        before = self._forwarded.get(rule, 0)
                        self._forwarded[rule] = before + len(piece)
                        if before + len(piece) > after and self._proxy.use(rule):
                            self._server.write(piece[: max(0, after - before)])
                            await self._server.drain()
                            raise ConnectionResetOnPurposeError
                    case Delay(seconds=seconds):
                        await first([asyncio.create_task(removed(rule.removed))], seconds)
                    case Throttle():
                        piece = await self._trickle(piece, rule, rule.fault)
                    case _:
                        pass
            self._server.write(piece)
            await self._server.drain()

    async def down(self) -> None:
        """From the server to the client, until the server ends."""
        last = b""
        while piece := await self._server_reader.read(PIECE):
            for rule in self._proxy.in_force():
                match rule.fault:
                    case BlackHole() if self._proxy.use(rule):
                        await removed(rule.removed)
                        raise ConnectionResetOnPurposeError
                    case ResetAfterCommit() if _COMMITTED.search(last + piece) and self._proxy.use(rule):
                        raise ConnectionResetOnPurposeError
                    case _:
                        pass
            last = (last + piece)[-_LONGEST:]
            self._client.write(piece)
            await self._client.drain()

    async def _trickle(self, piece: bytes, rule: Rule, fault: Throttle) -> bytes:
        """Forward `piece` slowly until the rule is removed; what is left then."""
        rate = fault.rows_per_second * fault.row_bytes
        size = max(128, int(rate / 10))
        while piece and not rule.removed.done():
            self._server.write(piece[:size])
            await self._server.drain()
            await first([asyncio.create_task(removed(rule.removed))], len(piece[:size]) / rate)
            piece = piece[size:]
        return piece


async def _hold(rule: Rule, reader: asyncio.StreamReader) -> NoReturn:
    """A black hole holds until it is removed or the client goes; then, as at once otherwise, reset."""
    if isinstance(rule.fault, BlackHole):
        await first([asyncio.create_task(drained(reader)), asyncio.create_task(removed(rule.removed))])
    raise ConnectionResetOnPurposeError


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, code: str, text: str) -> None:
    """Answer the start-up as a server does that takes nobody."""
    while True:
        length = int.from_bytes(await reader.readexactly(4), "big")
        message = await reader.readexactly(length - 4)
        if int.from_bytes(message[:4], "big") == _STARTUP:
            break
        writer.write(b"N")  # no encryption here
    fields = f"SFATAL\0VFATAL\0C{code}\0M{text}\0\0".encode()
    writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
    await writer.drain()
