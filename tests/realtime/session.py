"""One WebSocket of a client: joins, heartbeats, tokens, and the channels that come of it."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any, cast

import msgspec

from tests.realtime.access import Authorise
from tests.realtime.channel import Broadcasting, Channel
from tests.realtime.faults import Limits
from tests.realtime.hub import Hub
from tests.realtime.tokens import Claims, SignatureError, TokenRefusedError, read_token
from tests.realtime.websocket import WebSocket
from tests.realtime.wire import MalformedFrameError, Message, Push, Version, decode, encode

PREFIX = "realtime:"
_change_ids = itertools.count(10_000_000)


class _JoinRefusedError(Exception):
    """The answer to a join is an error, whose reason this is."""


class Session:
    """Serves `socket` with `serve`. Until a channel has a token of its own, `key` counts."""

    def __init__(
        self,
        socket: WebSocket,
        version: Version,
        key: str,
        secret: str,
        hub: Hub,
        authorise: Authorise,
        limits: Limits,
    ) -> None:
        self.channels: dict[str, Channel] = {}
        self._socket = socket
        self._version: Version = version
        self._key = key
        self._secret = secret
        self._hub = hub
        self._authorise = authorise
        self._limits = limits
        self._idle: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Return when the WebSocket has ended."""
        self._awake()
        try:
            async for data in self._socket.messages():
                if self._hub.faults.black_hole:
                    continue
                if len(data) > self._limits.frame_bytes:
                    self._socket.abort()
                    return
                self._awake()
                try:
                    message = decode(data, self._version)
                except MalformedFrameError:
                    continue
                self._take(message)
        finally:
            if self._idle is not None:
                self._idle.cancel()
            for channel in self.channels.values():
                channel.drop()

    def close(self, code: int, reason: str) -> None:
        """End the WebSocket in order."""
        self._socket.close(code, reason)

    def abort(self) -> None:
        """End it with a reset."""
        self._socket.abort()

    def _awake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._limits.idle, self._socket.close, 1000)

    def _send(self, message: Message) -> None:
        if not self._hub.faults.black_hole and (data := encode(message, self._version)) is not None:
            self._socket.send(data)

    def _reply(self, to: Message, status: str, response: object, join_ref: str | None = None) -> None:
        payload = {"status": status, "response": response}
        self._send(Push(to.topic, "phx_reply", payload, to.ref, join_ref))

    def _take(self, message: Message) -> None:
        event = message.event if isinstance(message, Push) else "broadcast"
        if message.topic == "phoenix":
            if event == "heartbeat":
                self._reply(message, "ok", {})
            return
        if event == "phx_join" and isinstance(message, Push) and message.topic.startswith(PREFIX):
            self._join(message)
            return
        channel = self.channels.get(message.topic)
        if channel is None:
            self._reply(message, "error", {"reason": "unmatched topic"})
        elif event == "phx_leave":
            self._reply(message, "ok", {}, channel.join_ref)
            channel.close()
        elif event == "broadcast":
            self._broadcast(channel, message)
        elif event == "access_token" and isinstance(message, Push):
            self._refresh(channel, message.payload)
        elif event == "presence":
            self._reply(message, "ok", {}, channel.join_ref)

    def _broadcast(self, channel: Channel, message: Message) -> None:
        self._hub.count(1)
        if self._hub.rate() > self._limits.messages_per_second:
            channel.refuse("Too many messages per second")
        else:
            channel.broadcast(message, self._limits.payload_bytes)

    def _join(self, join: Push) -> None:
        try:
            channel, filters, presence = self._admitted(join)
        except _JoinRefusedError as error:
            arguments = (join, "error", {"reason": str(error)}, join.join_ref)
            # No topic at all is told at once.
            delay = 0.0 if join.topic == PREFIX else self._limits.join_refusal
            asyncio.get_running_loop().call_later(delay, self._reply, *arguments)
            return
        former = self.channels.pop(join.topic, None)
        self.channels[join.topic] = channel
        channel.open()
        changes = [{"id": next(_change_ids), **each} for each in filters]
        self._reply(join, "ok", {"postgres_changes": changes}, join.join_ref)
        if former is not None:
            former.close()
        if presence:
            self._send(Push(join.topic, "presence_state", {}, None, join.join_ref))

    def _admitted(self, join: Push) -> tuple[Channel, list[dict[str, Any]], bool]:
        """The channel, its filters of postgres_changes, and whether it asks for presence."""
        name = join.topic.removeprefix(PREFIX)
        if not name:
            raise _JoinRefusedError("TopicNameRequired: You must provide a topic name")
        if refusal := self._hub.faults.refuse_joins:
            raise _JoinRefusedError(refusal)
        payload = cast("dict[str, Any]", join.payload if isinstance(join.payload, dict) else {})
        try:
            config = msgspec.convert(payload.get("config") or {}, _Config)
        except msgspec.ValidationError:
            raise _JoinRefusedError(
                "UnknownErrorOnChannel: no function clause matching in Access.get/3"
            ) from None
        claims = self._claims(payload)
        channel = Channel(
            join, (config.private, name), config.broadcast, self._hub, self._authorise, self._send, self._left
        )
        if not channel.trust(claims):
            channel.drop()
            raise _JoinRefusedError(
                f"Unauthorized: You do not have permissions to read from this Channel topic: {name}"
            )
        return channel, config.postgres_changes, config.presence.enabled

    def _claims(self, payload: dict[str, Any]) -> Claims:
        token = payload.get("access_token")
        try:
            return read_token(token if isinstance(token, str) else self._key, self._secret, time.time())
        except TokenRefusedError as error:
            raise _JoinRefusedError(str(error)) from None

    def _refresh(self, channel: Channel, payload: object) -> None:
        token = payload.get("access_token") if isinstance(payload, dict) else None
        if not isinstance(token, str) or token.startswith("sb_"):
            return
        try:
            claims = read_token(token, self._secret, time.time())
        except SignatureError:
            channel.refuse(":signature_error")
        except TokenRefusedError as error:
            channel.refuse(error.text)
        else:
            if not channel.trust(claims):
                name = channel.topic[1]
                channel.refuse(f"You do not have permissions to read from this Channel topic: {name}")

    def _left(self, channel: Channel) -> None:
        if self.channels.get(channel.name) is channel:
            del self.channels[channel.name]


class _Presence(msgspec.Struct, frozen=True):
    enabled: bool = False


class _Config(msgspec.Struct, frozen=True):
    broadcast: Broadcasting = Broadcasting()
    presence: _Presence = _Presence()
    postgres_changes: list[dict[str, Any]] = []
    private: bool = False
