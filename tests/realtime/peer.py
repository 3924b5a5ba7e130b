"""A test peer that speaks Supabase Realtime's wire protocol: not Realtime, which is written in Elixir.

It imitates, as probed at server 2.122: WebSockets of protocol 1.0.0 and 2.0.0 with their refusals, heartbeat
and idle close; joining, rejoining and leaving channels, public and private; broadcasts with `ack` and `self`,
as JSON and binary; tokens, their refresh and their end; broadcasts by HTTP; the limits. And the silent
losses: a batch to a private topic without permission is answered 202 and dropped, a refused broadcast on a
socket is not answered at all, over the rate limit the channel is closed.

It does not imitate: a database behind it (policies are a function of claims and topic), presence (answered
with ok and kept to itself), postgres_changes (filters are echoed, nothing comes), replay, compression,
several nodes, and the product's own timing. Messages count for the rate when sent, not when delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from tests.realtime.access import Authorise, forebay_policies
from tests.realtime.broadcasting import BATCH, Answer, Broadcasts
from tests.realtime.channel import Channel
from tests.realtime.faults import Faults, Limits
from tests.realtime.hub import Hub
from tests.realtime.session import Session
from tests.realtime.tokens import TokenExpiredError, TokenRefusedError, read_token
from tests.realtime.websocket import NoWebSocketError, WebSocket
from tests.realtime.wire import Version
from tests.supabase.http1 import Head, answer, body, content, read_head
from tests.supabase.keys import Keys
from tests.supabase.loop_thread import drained, first, reset
from tests.supabase.processes import PortTakenError, free_port

PREFIX = "/realtime/v1"
FAULTS = "/faults"
"""Where who runs the peer by hand switches faults, also out of a black hole."""
_CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "authorization, apikey, content-type, x-client-info"),
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
]
_VERSIONS: dict[str, Version] = {"": "1.0.0", "1.0.0": "1.0.0", "2.0.0": "2.0.0"}


class RealtimePeer:
    """Serves `/realtime/v1/` on `port` (0: a free one) from `start` to `stop`, or what a gateway hands to
    `serve`. `faults` are assigned to; methods other than `start` and `stop` are safe from any thread."""

    def __init__(
        self,
        keys: Keys,
        *,
        authorise: Authorise = forebay_policies,
        limits: Limits | None = None,
        port: int = 0,
    ) -> None:
        self.port = port or free_port()
        self.faults = Faults()
        self.hub = Hub(self.faults)
        self.limits = limits or Limits()
        self.sessions: set[Session] = set()
        self._keys = keys
        self._authorise = authorise
        self._broadcasts = Broadcasts(keys.secret, self.hub, authorise, self.limits)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """SUPABASE_URL, as far as Realtime goes."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen. Raises PortTakenError."""
        try:
            self._server = await asyncio.start_server(self._client, "127.0.0.1", self.port, backlog=512)
        except OSError as error:
            raise PortTakenError(self.port, "the Realtime peer") from error

    async def stop(self) -> None:
        """Listen no more; WebSockets are closed with 1012, as by a restart of the product."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in list(self.sessions):
            session.close(1012, "service restart")
        for client in list(self._clients):
            client.close()

    def reset(self) -> None:
        """Lift every fault and forget what was published."""
        for field in Faults.__struct_fields__:
            setattr(self.faults, field, getattr(Faults(), field))
        self.hub.published.clear()

    def expire_tokens(self) -> None:
        """Every channel's token has its end now."""
        self._soon(
            lambda: [channel.expire() for each in self.sessions for channel in [*each.channels.values()]]
        )

    def close_channels(self) -> None:
        """Every channel is closed, and its WebSocket stays."""
        self._soon(
            lambda: [channel.close() for each in self.sessions for channel in [*each.channels.values()]]
        )

    def close_sockets(self, code: int | None = None) -> None:
        """Every WebSocket ends, with `code` or (None) by a reset; new ones are served."""
        self._soon(lambda: [_end(each, code) for each in list(self.sessions)])

    async def serve(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request, or one WebSocket to its end; whether the connection can be used again."""
        self._loop = asyncio.get_running_loop()
        method, target, _ = head.line.split(" ", 2)
        target = target.removeprefix(PREFIX)
        if "websocket" in head.get("upgrade").lower():
            await self._serve_websocket(head, target, reader, writer)
            return False
        framed = b"".join([piece async for piece in body(head, reader, until_close=False)])
        if self.faults.black_hole and target != FAULTS:
            await self._swallow(reader, writer)
            return False
        reply = self._answer(head, method, target, content(head, framed))
        headers = list(_CORS)
        if reply.status == self.faults.http_status and self.faults.http_retry_after:
            headers.append(("Retry-After", str(self.faults.http_retry_after)))
        writer.write(answer(reply.status, reply.text, reply.content_type, headers))
        await writer.drain()
        return not head.closes

    def _answer(self, head: Head, method: str, target: str, sent: bytes) -> Answer:
        path = target.partition("?")[0]
        if method == "OPTIONS":
            return Answer(200)
        if method == "POST" and (path == BATCH or path.startswith(BATCH + "/")):
            if status := self.faults.http_status:
                return Answer(status, '{"message":"as the test has it"}')
            return self._broadcasts.answer(head, target, sent)
        if method == "PUT" and path == FAULTS:
            return self._assign(sent)
        return Answer(404, '{"message":"Not found"}')

    def _assign(self, sent: bytes) -> Answer:
        """Take faults from who runs the peer by hand; those not named are lifted."""
        try:
            given = msgspec.json.decode(sent or b"{}", type=Faults)
        except msgspec.DecodeError as error:
            return Answer(400, msgspec.json.encode({"message": str(error)}).decode())
        for field in Faults.__struct_fields__:
            setattr(self.faults, field, getattr(given, field))
        return Answer(200, msgspec.json.encode(self.faults).decode())

    async def _serve_websocket(
        self, head: Head, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.faults.black_hole:
            await self._swallow(reader, writer)
            return
        asked = {name: values[0] for name, values in parse_qs(target.partition("?")[2]).items()}
        key = asked.get("apikey") or head.get("apikey")
        refusal = self._refusal(key, asked.get("vsn", ""))
        if refusal is not None:
            if refusal.status == 401:
                await asyncio.sleep(self.limits.handshake_refusal)
            writer.write(answer(refusal.status, refusal.text, refusal.content_type))
            await writer.drain()
            return
        socket = WebSocket(head, reader, writer)
        with contextlib.suppress(NoWebSocketError):
            socket.accept()
            version = _VERSIONS[asked.get("vsn", "")]
            session = Session(socket, version, key, self._keys.secret, self.hub, self._authorise, self.limits)
            self.sessions.add(session)
            try:
                await session.serve()
            finally:
                self.sessions.discard(session)

    def _refusal(self, key: str, version: str) -> Answer | None:
        if version not in _VERSIONS:
            return Answer(403)
        if not key:
            return Answer(401, '{"error":"API key is missing"}')
        try:
            read_token(key, self._keys.secret, time.time())
        except TokenExpiredError:
            return Answer(401, '{"error":"Token has expired"}')
        except TokenRefusedError as error:
            return Answer(401, msgspec.json.encode({"error": error.text}).decode())
        return None

    async def _swallow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold a client until it goes or the fault is lifted, and reset it then."""
        gone = False
        while self.faults.black_hole and not gone:
            gone = await first([asyncio.create_task(drained(reader))], 0.05)
        reset(writer)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while (head := await read_head(reader)) is not None:
                if not await self.serve(head, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            writer.transport.abort()
        finally:
            self._clients.discard(writer)
            writer.close()

    def _channels(self) -> list[Channel]:
        return [channel for session in self.sessions for channel in session.channels.values()]

    def _soon(self, do: Callable[[], object]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(do)


def _end(session: Session, code: int | None) -> None:
    if code is None:
        session.abort()
    else:
        session.close(code, "")
