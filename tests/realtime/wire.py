"""Supabase Realtime's frames, both versions of its protocol, as pure functions.

Version 1.0.0 (realtime-py) has JSON objects; 2.0.0 (realtime-js) has JSON arrays
`[join_ref, ref, topic, event, payload]` and two binary frames, which begin with their kind and the lengths of
their parts, a byte each:

    3, client to server   join_ref, ref, topic, event, meta | encoding | the parts, then the payload
    4, server to client   topic, event, meta                | encoding | the parts, then the payload

where encoding is 1 for a payload of JSON and 0 for bytes.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

Version: TypeAlias = Literal["1.0.0", "2.0.0"]

TO_SERVER = 3
TO_CLIENT = 4


class MalformedFrameError(ValueError):
    """A frame is not what its version allows; the server ignores it."""


class Push(msgspec.Struct, frozen=True):
    """One message of Phoenix, either way. `payload` is plain data or `msgspec.Raw`."""

    topic: str
    event: str
    payload: Any
    ref: str | None = None
    join_ref: str | None = None


class UserBroadcast(msgspec.Struct, frozen=True):
    """A broadcast whose payload travels as bytes, of JSON or of anything; `meta` is JSON or empty."""

    topic: str
    event: str
    payload: bytes
    is_json: bool
    meta: bytes = b""
    ref: str | None = None
    join_ref: str | None = None


Message: TypeAlias = Push | UserBroadcast


class _Object(msgspec.Struct, frozen=True):
    topic: str
    event: str
    payload: msgspec.Raw
    ref: str | None = None
    join_ref: str | None = None


_object = msgspec.json.Decoder(_Object)
_array = msgspec.json.Decoder(tuple[str | None, str | None, str, str, msgspec.Raw])


def decode(data: str | bytes, version: Version) -> Message:
    """What a client has sent. The payload of a Push is plain data. Raises MalformedFrameError."""
    if isinstance(data, bytes):
        if version == "1.0.0":
            raise MalformedFrameError("a binary frame on a socket of version 1.0.0")
        return _from_binary(data)
    try:
        if version == "1.0.0":
            one = _object.decode(data)
            return Push(one.topic, one.event, msgspec.json.decode(one.payload), one.ref, one.join_ref)
        join_ref, ref, topic, event, payload = _array.decode(data)
        return Push(topic, event, msgspec.json.decode(payload), ref, join_ref)
    except msgspec.DecodeError as error:
        raise MalformedFrameError(str(error)) from error


def encode(message: Message, version: Version) -> str | bytes | None:
    """A frame for a client; None for bytes to a client of version 1.0.0, which has no way to say them."""
    if isinstance(message, UserBroadcast):
        if version == "2.0.0":
            return _to_binary(message)
        if not message.is_json:
            return None
        payload = broadcast_payload(message.event, msgspec.Raw(message.payload), message.meta)
        message = Push(message.topic, "broadcast", payload)
    if version == "1.0.0":
        fields = {"ref": message.ref, "event": message.event, "payload": message.payload}
        return msgspec.json.encode({**fields, "topic": message.topic}).decode()
    parts = [message.join_ref, message.ref, message.topic, message.event, message.payload]
    return msgspec.json.encode(parts).decode()


def broadcast_payload(event: str, payload: object, meta: bytes = b"") -> dict[str, object]:
    """The payload of a `broadcast` message."""
    middle = {"meta": msgspec.Raw(meta)} if meta else {}
    return {"event": event, **middle, "payload": payload, "type": "broadcast"}


def _from_binary(data: bytes) -> UserBroadcast:
    if len(data) < 7 or data[0] != TO_SERVER:
        raise MalformedFrameError(f"a binary frame of kind {data[:1].hex() or 'none'}")
    lengths, encoding, at = data[1:6], data[6], 7
    if len(data) < at + sum(lengths) or encoding > 1:
        raise MalformedFrameError("a binary frame that ends within its parts")
    parts = list[bytes]()
    for length in lengths:
        parts.append(data[at : at + length])
        at += length
    join_ref, ref, topic, event, meta = parts
    try:
        names = (topic.decode(), event.decode())
        refs = (ref.decode() or None, join_ref.decode() or None)
    except UnicodeDecodeError as error:
        raise MalformedFrameError(str(error)) from error
    return UserBroadcast(*names, data[at:], encoding == 1, meta, *refs)


def _to_binary(message: UserBroadcast) -> bytes:
    parts = [message.topic.encode(), message.event.encode(), message.meta]
    head = bytes([TO_CLIENT, *map(len, parts), int(message.is_json)])
    return head + b"".join(parts) + message.payload
