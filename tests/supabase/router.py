"""The gateway in front of PostgREST, as Kong is in front of a Supabase project, made to fail when told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from typing import Any, assert_never, cast

from tests.realtime.peer import PREFIX as REALTIME
from tests.realtime.peer import RealtimePeer
from tests.supabase.faults import (
    PASSED,
    Answer,
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
from tests.supabase.http1 import Head, answer, body, content, read_head
from tests.supabase.loop_thread import drained, first, removed, reset
from tests.supabase.processes import PortTakenError, free_port

PREFIX = "/rest/v1"
JSON = "application/json; charset=utf-8"
UPSTREAM_LIMIT = 60.0
"""Seconds that Kong waits for an answer."""
_HEAD_LIMIT = 1 << 16
_CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Content-Range, Content-Profile, Preference-Applied, Location"),
]
_PREFLIGHT = [
    *_CORS,
    ("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS"),
    ("Access-Control-Max-Age", "3600"),
]


class _ResetError(Exception):
    """This connection is to be reset."""


class _Exchange:
    """One request on its way."""

    def __init__(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head = head
        self.reader = reader
        self.writer = writer
        self.at = time.monotonic()
        self.method, self.target, _ = head.line.split(" ", 2)
        self.path = self.target.partition("?")[0]
        self.done = PASSED
        self.body_read = False

    async def body(self) -> AsyncGenerator[bytes]:
        self.body_read = True
        async for piece in body(self.head, self.reader, until_close=False):
            yield piece

    async def reply(self, raw: bytes) -> None:
        """Answer without asking PostgREST."""
        if not self.body_read:
            async for _ in self.body():
                pass
        self.writer.write(raw if self.method != "HEAD" else raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        await self.writer.drain()


class Router:
    """Serves `/rest/v1/` on `port` (0: a free one) from the PostgREST at `upstream_port` to who has a key,
    and `/realtime/v1/` from `realtime`, which sees to its keys itself. Faults come before both; Throttle and
    ResetAfterCommit are a database's and spare Realtime."""

    def __init__(
        self,
        upstream_port: int,
        keys: Collection[str],
        faults: Faults,
        *,
        port: int = 0,
        realtime: RealtimePeer | None = None,
    ) -> None:
        self.port = port or free_port()
        self._realtime = realtime
        self._upstream_port = upstream_port
        self._keys = keys
        self._faults = faults
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def start(self) -> None:
        """Listen. Raises PortTakenError."""
        try:
            self._server = await asyncio.start_server(
                self._client, "127.0.0.1", self.port, limit=_HEAD_LIMIT, backlog=512
            )
        except OSError as error:
            raise PortTakenError(self.port, "the router") from error

    async def stop(self) -> None:
        """Listen no more and drop every connection."""
        if self._server is not None:
            self._server.close()
            for client in self._clients:
                client.transport.abort()
            self._server = None

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        upstream = _Upstream(self._upstream_port)
        try:
            while (head := await read_head(reader)) is not None:
                if head.get("expect"):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                exchange = _Exchange(head.without("expect"), reader, writer)
                if not await self._serve(exchange, upstream) or head.closes:
                    break
        except _ResetError:
            reset(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            writer.transport.abort()  # the client has gone, or does not speak HTTP
        finally:
            upstream.close()
            self._clients.discard(writer)
            writer.close()

    async def _serve(self, exchange: _Exchange, upstream: _Upstream) -> bool:
        """Serve one request; whether the connection can be used again."""
        raw = None
        realtime = self._realtime if exchange.path.startswith(REALTIME + "/") else None
        for rule in self._faults.take(exchange.method, exchange.path):
            if realtime is not None and isinstance(rule.fault, Throttle | ResetAfterCommit):
                continue
            exchange.done = name(rule.fault)
            if isinstance(rule.fault, ResetAfterCommit):
                break
            raw = await self._suffer(exchange, rule, raw)
            if raw == b"":
                return True
        if realtime is not None:
            self._record(exchange, None)
            return await realtime.serve(exchange.head, exchange.reader, exchange.writer)
        refusal = self._refusal(exchange)
        if refusal is not None:
            status, text, headers = refusal
            self._record(exchange, status, "refused")
            await exchange.reply(answer(status, text, JSON, headers))
            return True
        await self._forward(exchange, upstream, raw)
        return True

    async def _suffer(self, exchange: _Exchange, rule: Rule, raw: bytes | None) -> bytes | None:
        """Let `rule` happen. The body if it had to be read, b"" if the request has had its end."""
        match rule.fault:
            case Unavailable():
                text = '{"message":"The upstream server is currently unavailable"}'
                return await self._end(exchange, 503, text, JSON)
            case TooManyRequests(retry_after=seconds):
                headers = [] if seconds is None else [("Retry-After", str(seconds))]
                return await self._end(exchange, 429, '{"message":"API rate limit exceeded"}', JSON, headers)
            case Answer(status=status, body=text, content_type=kind):
                return await self._end(exchange, status, text, kind)
            case BlackHole():
                self._record(exchange, None)
                waits = [asyncio.create_task(drained(exchange.reader))]
                waits.append(asyncio.create_task(removed(rule.removed)))
                await first(waits)
                raise _ResetError
            case ResetBefore():
                self._record(exchange, None)
                raise _ResetError
            case ResetMidRequest():
                taken, length = 0, int(exchange.head.get("content-length") or 0)
                async with aclosing(exchange.body()) as pieces:
                    async for piece in pieces:
                        taken += len(piece)
                        if taken >= length / 2:
                            break
                self._record(exchange, None)
                raise _ResetError
            case Delay(seconds=seconds):
                await first([asyncio.create_task(removed(rule.removed))], seconds)
                return raw
            case Throttle(rows_per_second=rate, statement_timeout=limit):
                if raw is None:
                    raw = b"".join([piece async for piece in exchange.body()])
                needed = _rows(content(exchange.head, raw)) / rate
                waits = [asyncio.create_task(removed(rule.removed))]
                lifted = await first(waits, min(needed, limit))
                if not lifted and needed > limit:
                    message = "canceling statement due to statement timeout"
                    error = {"code": "57014", "details": None, "hint": None, "message": message}
                    return await self._end(exchange, 500, json.dumps(error), JSON)
                return raw
            case ResetAfterCommit():
                return raw
            case _:
                assert_never(rule.fault)

    async def _end(
        self,
        exchange: _Exchange,
        status: int,
        text: str,
        kind: str,
        headers: list[tuple[str, str]] | None = None,
    ) -> bytes:
        self._record(exchange, status)
        await exchange.reply(answer(status, text, kind, headers or []))
        return b""

    def _refusal(self, exchange: _Exchange) -> tuple[int, str, list[tuple[str, str]]] | None:
        if exchange.path != PREFIX and not exchange.path.startswith(PREFIX + "/"):
            return 404, '{"message":"no Route matched with those values"}', []
        if exchange.method == "OPTIONS" and exchange.head.get("origin"):
            asked = exchange.head.get("access-control-request-headers")
            return 200, "", [*_PREFLIGHT, ("Access-Control-Allow-Headers", asked or "*")]
        key = exchange.head.get("apikey")
        if not key:
            return 401, '{"message":"No API key found in request"}', _CORS
        if key not in self._keys:
            hint = "Double check your Supabase `anon` or `service_role` API key."
            return 401, json.dumps({"message": "Invalid API key", "hint": hint}), _CORS
        return None

    async def _forward(self, exchange: _Exchange, upstream: _Upstream, raw: bytes | None) -> None:
        target = exchange.target.removeprefix(PREFIX) or "/"
        target = target if target.startswith("/") else "/" + target
        head = exchange.head.without("connection")
        try:
            async with asyncio.timeout(UPSTREAM_LIMIT):
                reply = await upstream.ask(
                    Head(f"{exchange.method} {target} HTTP/1.1", head.headers),
                    exchange.body() if raw is None else _once(raw),
                )
        except TimeoutError:
            upstream.close()
            self._record(exchange, 504)
            await exchange.reply(answer(504, '{"message":"The upstream server is timing out"}', JSON, _CORS))
            return
        except _UpstreamGoneError:
            upstream.close()
            text = '{"message":"An invalid response was received from the upstream server"}'
            self._record(exchange, 502)
            await exchange.reply(answer(502, text, JSON, _CORS))
            return
        self._record(exchange, reply.status)
        if exchange.done == name(ResetAfterCommit()):
            raise _ResetError
        exchange.writer.write(reply.without("access-control-").plus(_CORS).encoded())
        bodiless = exchange.method == "HEAD" or reply.status in (204, 304)
        if not bodiless:
            async for piece in body(reply, upstream.reader, until_close=True):
                exchange.writer.write(piece)
                await exchange.writer.drain()
        if reply.closes:
            upstream.close()
        await exchange.writer.drain()

    def _record(self, exchange: _Exchange, status: int | None, done: str = "") -> None:
        self._faults.record(Call(exchange.method, exchange.path, done or exchange.done, status, exchange.at))


class _UpstreamGoneError(Exception):
    """PostgREST does not listen, or has gone before it answered."""


class _Upstream:
    """One client's connection to PostgREST, opened when needed and kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def reader(self) -> asyncio.StreamReader:
        assert self._streams is not None
        return self._streams[0]

    async def ask(self, head: Head, pieces: AsyncIterator[bytes]) -> Head:
        """The head of the answer. Raises _UpstreamGoneError; what the client does wrong passes through."""
        if self._streams is not None and self._streams[0].at_eof():
            self.close()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=_HEAD_LIMIT)
            reader, writer = self._streams
            writer.write(head.encoded())
        except OSError as error:
            raise _UpstreamGoneError from error
        async for piece in pieces:
            try:
                writer.write(piece)
                await writer.drain()
            except OSError as error:
                raise _UpstreamGoneError from error
        try:
            while (reply := await read_head(reader)) is not None and reply.status < 200:
                pass
        except (OSError, asyncio.IncompleteReadError) as error:
            raise _UpstreamGoneError from error
        if reply is None:
            raise _UpstreamGoneError
        return reply

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


async def _once(raw: bytes) -> AsyncIterator[bytes]:
    yield raw


def _rows(sent: bytes) -> int:
    """How many rows a body writes: of an array its items, of a function's arguments its longest array."""
    try:
        value: Any = json.loads(sent)
    except ValueError:
        return max(1, sent.count(b"\n"))  # CSV
    match value:
        case list():
            return len(cast("list[object]", value))
        case dict():
            arguments = cast("dict[str, object]", value).values()
            return max(
                (len(cast("list[object]", part)) for part in arguments if isinstance(part, list)), default=1
            )
        case _:
            return 1
