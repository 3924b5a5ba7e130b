"""One channel that a client has joined: its token's end, what it sends, what it is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from tests.realtime.access import Access, Authorise
from tests.realtime.hub import Hub, Topic
from tests.realtime.tokens import Claims
from tests.realtime.wire import Message, Push, UserBroadcast


class Broadcasting(msgspec.Struct, frozen=True):
    """How a channel broadcasts, from the config that it was joined with."""

    ack: bool = False
    self: bool = False


class Channel:
    """Joined from `open` to `close`. `send` takes messages for the client."""

    def __init__(
        self,
        join: Push,
        topic: Topic,
        broadcasting: Broadcasting,
        hub: Hub,
        authorise: Authorise,
        send: Callable[[Message], None],
        closed: Callable[[Channel], None],
    ) -> None:
        self.topic = topic
        self.name = join.topic
        self.join_ref = join.join_ref
        self._broadcasting = broadcasting
        self._hub = hub
        self._authorise = authorise
        self._send = send
        self._closed = closed
        self._access = Access(read=False, write=False)
        self._expiry: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Listen."""
        self._hub.join(self.topic, self)

    def trust(self, claims: Claims) -> bool:
        """Go by `claims` from now on, until they expire; False where they do not allow to read."""
        private, name = self.topic
        self._access = self._authorise(claims, name) if private else Access(read=True, write=True)
        self._cancel_expiry()
        delay = max(0.0, claims.expires - time.time())
        # 2**31 ms is the longest that a loop waits.
        if delay < 1_000_000:
            self._expiry = asyncio.get_running_loop().call_later(delay, self.expire)
        return self._access.read

    def expire(self) -> None:
        """End it as the end of its token does."""
        self.refuse("Token has expired 0 seconds ago")

    def refuse(self, text: str) -> None:
        """Say what is wrong, and close."""
        payload = {"message": text, "status": "error", "extension": "system", "channel": self.topic[1]}
        self._send(Push(self.name, "system", payload, None, self.join_ref))
        self.close()

    def close(self) -> None:
        """Tell the client that it is no longer joined."""
        self.drop()
        self._send(Push(self.name, "phx_close", {}, self.join_ref, self.join_ref))
        self._closed(self)

    def drop(self) -> None:
        """Listen no more, and say nothing."""
        self._cancel_expiry()
        self._hub.leave(self.topic, self)

    def deliver(self, message: Message) -> None:
        """See Listener."""
        self._send(message)

    def broadcast(self, sent: Message, most_bytes: int) -> None:
        """Pass on what the client broadcasts. Who may not write gets no answer, `ack` or not."""
        if isinstance(sent, UserBroadcast):
            event, size = sent.event, len(sent.payload)
            message: Message = UserBroadcast(sent.topic, event, sent.payload, sent.is_json, sent.meta)
        else:
            event = str(sent.payload.get("event", "")) if isinstance(sent.payload, dict) else ""
            size = len(msgspec.json.encode(sent.payload))
            message = Push(self.name, "broadcast", sent.payload)
        if not self._access.write:
            return
        if size > most_bytes:
            self._answer(sent, {"status": "error", "response": "payload_size_exceeded"})
            return
        self._hub.publish(self.topic, event, size, message, None if self._broadcasting.self else self)
        self._answer(sent, {"status": "ok", "response": {}})

    def _answer(self, sent: Message, payload: dict[str, object]) -> None:
        if self._broadcasting.ack:
            self._send(Push(self.name, "phx_reply", payload, sent.ref, sent.join_ref))

    def _cancel_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
