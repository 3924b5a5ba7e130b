"""The WebSocket at `/api/live`: hello, what was missed, then what happens, until either side leaves.

`?from=OFFSET` asks for what was missed since. `?session=SESSION`, which a browser sends and a program need
not, is whom flags are evaluated for: `hello` has all of them, a `flag` frame (web.evaluations.FlagFrame) each
that is changed. Where the flag dashboard.websocket is off for a session, its WebSocket gets its hello or its
flag frame, then a goodbye with the code "retired", and is closed with RETIRED; so is each that comes anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import anyio
import msgspec
from msgspec import Meta
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from journal.metric import Offset
from web.evaluations import MAX_SESSION, WEBSOCKET_FLAG, Evaluation, FlagFrame, Flags
from web.outbox import Outbox, gap_frame
from web.ports import Frame, Gap, Goodbye, Hello, Live, Volley
from web.problems import problem
from web.problems import response as problem_response
from web.wire import EXTENSION, Wire

MAX_BACKFILLS = 8
"""Backfills that one subscriber may have waiting; further ones are answered with a gap."""
NEARLY_LIVE = 2_000
"""Offsets behind at which a subscriber that catches up joins the live frames."""
GOODBYE_TIMEOUT = 2.0
"""Seconds that subscribers have to take their goodbye."""

BAD_TYPE, BAD_DATA, BAD_REQUEST, GOING_AWAY = 1003, 1007, 1008, 1001
RETIRED = 4410
"""The WebSocket is retired for this session: of the codes for private use (RFC 6455, 7.4.2)."""
RETIREMENT = Goodbye(
    f"the WebSocket is retired for this session: flag {WEBSOCKET_FLAG} is off", 60.0, "retired"
)

NonNegative = Annotated[int, Meta(ge=0, le=2**63 - 2)]


class Backfill(msgspec.Struct, frozen=True, tag_field="type", tag="backfill", forbid_unknown_fields=True):
    """What a client may ask for: the metrics of `[first_offset, last_offset]`."""

    first_offset: NonNegative
    last_offset: NonNegative


_request = msgspec.json.Decoder(Backfill)
_hello = msgspec.json.Decoder(Hello)


class Subscriber:
    """One open WebSocket, as the broadcaster and the hub see it."""

    def __init__(self, session: str = "", wire: Wire | None = None) -> None:
        self.session = session
        self._wire = wire
        self._idle = False  # its task waits, and nothing is to be sent before what comes now
        self.outbox = Outbox()
        self.position = Offset(0)
        """The offset after the last live one."""
        self.backfills: deque[Backfill] = deque()
        self.goodbye: Goodbye | None = None
        self.refusal: tuple[int, str] | None = None
        """The code and reason to close with where the client broke the rules."""
        self._flags: dict[str, str] = {}
        self._wake = asyncio.Event()

    def offer(self, volley: Volley) -> None:
        """Send `volley` at once where nothing waits; else keep it, or note the gap. Never waits or raises."""
        last = volley.frames[-1].last_offset
        if last >= self.position:
            self.position = Offset(last + 1)
        if self._idle and self._wire is not None and self._wire.write(volley.wire):
            return
        for frame in volley.frames:
            self.outbox.offer(frame)
        self._rouse()

    def ask(self, backfill: Backfill) -> None:
        """Queue `backfill`, or answer at once that there are too many."""
        if len(self.backfills) < MAX_BACKFILLS:
            self.backfills.append(backfill)
        else:
            gap = Gap(Offset(backfill.first_offset), Offset(backfill.last_offset), "busy")
            self.outbox.offer(gap_frame(gap))
        self._rouse()

    def tell(self, given: Evaluation) -> None:
        """Say what the session gets of a flag now. Of each flag the latest waits: none is lost or late for
        there being much else to say."""
        frame = FlagFrame(given.name, given.value, given.variant, given.reason, self.session)
        self._flags[given.name] = msgspec.json.encode(frame).decode()
        self._rouse()

    def take(self) -> str | None:
        """What to send next; None when there is nothing to say."""
        if self._flags:
            return self._flags.pop(next(iter(self._flags)))
        frame = self.outbox.take()
        return None if frame is None else frame.text

    def take_flag(self) -> str | None:
        """What to send next of flags."""
        return self.take() if self._flags else None

    def leave(self, goodbye: Goodbye) -> None:
        """Say `goodbye` after what is being sent."""
        self.goodbye = goodbye
        self._rouse()

    async def something(self) -> None:
        """Return when there is something to do; until then, what is offered is sent at once."""
        self._idle = not self._wake.is_set()
        await self._wake.wait()
        self._wake.clear()

    def _rouse(self) -> None:
        self._idle = False
        self._wake.set()


class _Nobody:
    def offer(self, volley: Volley) -> None:
        pass


class Hub:
    """All open WebSockets."""

    def __init__(self, live: Live, flags: Flags, max_subscribers: int = 2_000) -> None:
        self._live = live
        self._flags = flags
        self._max_subscribers = max_subscribers
        self._goodbye: Goodbye | None = None
        self.subscribers: set[Subscriber] = set()
        self._empty = asyncio.Event()

    async def say_goodbye(self, reason: str = "the server is shutting down") -> None:
        """Tell every subscriber, and return when all have gone or GOODBYE_TIMEOUT is over."""
        self._goodbye = Goodbye(reason, reconnect_after=1.0)
        for subscriber in self.subscribers:
            subscriber.leave(self._goodbye)
        if self.subscribers:
            with anyio.move_on_after(GOODBYE_TIMEOUT):
                await self._empty.wait()

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one WebSocket to its end."""
        if self._goodbye is not None:
            details = problem(503, self._goodbye.reason, retry_after=self._goodbye.reconnect_after)
            await websocket.send_denial_response(problem_response(details))
            return
        if len(self.subscribers) >= self._max_subscribers:
            detail = (
                f"{len(self.subscribers)} WebSockets are open, which is the limit (FOREBAY_MAX_SUBSCRIBERS)"
            )
            await websocket.send_denial_response(problem_response(problem(503, detail, retry_after=5.0)))
            return
        start = websocket.query_params.get("from")
        await websocket.accept()
        if start is not None and not (start.isascii() and start.isdigit() and len(start) < 19):
            await websocket.close(BAD_REQUEST, f"from={start[:40]}: expected an offset, an integer from 0")
            return
        session = websocket.query_params.get("session", "")
        if len(session) > MAX_SESSION:
            await websocket.close(BAD_REQUEST, f"session: may have {MAX_SESSION} characters")
            return
        subscriber = Subscriber(session, websocket.scope.get("extensions", {}).get(EXTENSION))
        self.subscribers.add(subscriber)
        try:
            with self._flags.watch(lambda name: self._flag_changed(subscriber, name)):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._listen, websocket, subscriber, tasks.cancel_scope)
                    await self._talk(websocket, subscriber, None if start is None else int(start))
                    tasks.cancel_scope.cancel()
            # Not before: a frame that waits to be sent would go out behind the close.
            if subscriber.refusal is not None and websocket.application_state is WebSocketState.CONNECTED:
                with suppress(WebSocketDisconnect):
                    await websocket.close(*subscriber.refusal)
        finally:
            self.subscribers.discard(subscriber)
            if self._goodbye is not None and not self.subscribers:
                self._empty.set()

    def _flag_changed(self, subscriber: Subscriber, name: str) -> None:
        given = self._flags.evaluate(name, subscriber.session)
        subscriber.tell(given)
        self._retire(subscriber, [given])

    def _retire(self, subscriber: Subscriber, given: Iterable[Evaluation]) -> None:
        """Say goodbye where the session may not have a WebSocket; programs, which have none, go on."""
        if subscriber.session and any(each.name == WEBSOCKET_FLAG and each.value is False for each in given):
            subscriber.leave(RETIREMENT)

    async def _listen(self, websocket: WebSocket, subscriber: Subscriber, scope: anyio.CancelScope) -> None:
        """Take what the client asks for; end the session when it leaves or breaks the rules."""
        while subscriber.refusal is None:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                break
            text: str | None = message.get("text")
            if text is None:
                subscriber.refusal = BAD_TYPE, "binary messages are not understood; send JSON text"
            else:
                subscriber.refusal = _take(text, subscriber)
        scope.cancel()

    async def _talk(self, websocket: WebSocket, subscriber: Subscriber, start: int | None) -> None:
        try:
            given = self._flags.evaluate_all(subscriber.session)
            hello = self._live.hello({each.name: each.value for each in given}).text
            await websocket.send_text(hello)
            self._retire(subscriber, given)
            if start is not None:
                # Not the live position: frames trail the journal, and a client may know its very end.
                end = _hello.decode(hello).next_offset
                if start > end:
                    await websocket.close(BAD_REQUEST, f"from={start}: the next offset is {end}")
                    return
                following = following_offset(self._live)
                # Most of the way before subscribing: the live frames that wait meanwhile are then few.
                while following - start > NEARLY_LIVE and subscriber.goodbye is None:
                    await self._send_backfill(websocket, subscriber, start, following)
                    start, following = following, following_offset(self._live)
            with self._live.subscribe(subscriber) as position:
                subscriber.position = max(subscriber.position, position)
                if start is not None:
                    await self._send_backfill(websocket, subscriber, start, position)
                await self._follow(websocket, subscriber)
        except WebSocketDisconnect:
            return

    async def _send_backfill(
        self, websocket: WebSocket, subscriber: Subscriber, first: int, until: int
    ) -> None:
        if first >= until or subscriber.goodbye is not None:
            return
        async with ended(self._live.backfill(Offset(first), Offset(until))) as frames:
            async for frame in frames:
                await websocket.send_text(frame.text)
                await _send_flags(websocket, subscriber)
                if subscriber.goodbye is not None:
                    return

    async def _follow(self, websocket: WebSocket, subscriber: Subscriber) -> None:
        """Live frames first, and one backfilled frame whenever there is none."""
        while subscriber.goodbye is None:
            await _send_waiting(websocket, subscriber)
            if subscriber.backfills:
                request = subscriber.backfills.popleft()
                until = min(Offset(request.last_offset + 1), subscriber.position)
                if request.first_offset >= until:
                    continue
                async with ended(self._live.backfill(Offset(request.first_offset), until)) as frames:
                    async for frame in frames:
                        await websocket.send_text(frame.text)
                        await _send_waiting(websocket, subscriber)
                        if subscriber.goodbye is not None:
                            break
            else:
                await subscriber.something()
        await _send_flags(websocket, subscriber)
        goodbye = subscriber.goodbye
        await websocket.send_text(msgspec.json.encode(goodbye).decode())
        await websocket.close(RETIRED if goodbye.code == "retired" else GOING_AWAY, goodbye.reason)


def following_offset(live: Live) -> Offset:
    """The offset after the last that live frames have covered."""
    with live.subscribe(_Nobody()) as position:
        return position


async def _send_flags(websocket: WebSocket, subscriber: Subscriber) -> None:
    while (text := subscriber.take_flag()) is not None:
        await websocket.send_text(text)


async def _send_waiting(websocket: WebSocket, subscriber: Subscriber) -> None:
    while (text := subscriber.take()) is not None:
        await websocket.send_text(text)


@asynccontextmanager
async def ended(frames: AsyncIterator[Frame]) -> AsyncGenerator[AsyncIterator[Frame], None]:
    """`frames`, whose files are closed with the block and not at some later time."""
    try:
        yield frames
    finally:
        if isinstance(frames, AsyncGenerator):
            with anyio.CancelScope(shield=True):
                await frames.aclose()


def _take(text: str, subscriber: Subscriber) -> tuple[int, str] | None:
    """Pass on what `text` asks for; or the code and reason to close with."""
    try:
        backfill = _request.decode(text)
    except msgspec.ValidationError as error:
        return BAD_REQUEST, str(error)[:120]
    except (msgspec.DecodeError, RecursionError) as error:
        return BAD_DATA, str(error)[:120]
    if backfill.first_offset > backfill.last_offset:
        return BAD_REQUEST, "first_offset is greater than last_offset"
    subscriber.ask(backfill)
    return None
