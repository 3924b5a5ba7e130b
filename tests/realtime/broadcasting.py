"""`POST /api/broadcast`, one message or a batch: what is taken, what refused, what dropped without a word."""

from __future__ import annotations

import time
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from tests.realtime.access import Authorise
from tests.realtime.faults import Limits
from tests.realtime.hub import Hub, Topic
from tests.realtime.tokens import Claims, TokenRefusedError, read_token
from tests.realtime.wire import Message, Push, UserBroadcast, broadcast_payload
from tests.supabase.http1 import Head

BATCH = "/api/broadcast"
_MISSING = "can't be blank"


class Answer(NamedTuple):
    """A status and a body."""

    status: int
    text: str = ""
    content_type: str = "application/json; charset=utf-8"


class _Sent(msgspec.Struct, frozen=True):
    topic: str
    event: str
    payload: msgspec.Raw
    private: bool = False
    id: str | None = None


class _Batch(msgspec.Struct, frozen=True):
    messages: list[dict[str, msgspec.Raw]] = []


_batch = msgspec.json.Decoder(_Batch)


class Broadcasts:
    """Publishes to `hub` what comes by HTTP from who has a token signed with `secret`."""

    def __init__(self, secret: str, hub: Hub, authorise: Authorise, limits: Limits) -> None:
        self._secret = secret
        self._hub = hub
        self._authorise = authorise
        self._limits = limits

    def answer(self, head: Head, target: str, body: bytes) -> Answer:
        """Take one request, whose `target` begins with BATCH."""
        token = head.get("authorization").removeprefix("Bearer ") or head.get("apikey")
        try:
            claims = read_token(token, self._secret, time.time())
        except TokenRefusedError:
            return _said(401, {"message": "Unauthorized"})
        if len(body) > self._limits.body_bytes:
            return Answer(413, "Request Entity Too Large", "text/plain")
        path, _, query = target.partition("?")
        kind = head.get("content-type").partition(";")[0].strip()
        if path == BATCH:
            return self._take_batch(claims, body if kind == "application/json" else b"{}")
        match path.removeprefix(BATCH + "/").split("/"):
            case [topic, "events", event]:
                private = parse_qs(query).get("private") == ["true"]
                return self._take_one(claims, (private, unquote(topic)), unquote(event), kind, body)
            case _:
                return _said(404, {"message": "Not found"})

    def _take_one(self, claims: Claims, topic: Topic, event: str, kind: str, body: bytes) -> Answer:
        if kind not in ("application/json", "application/octet-stream"):
            text = "Unsupported Media Type. Use application/json or application/octet-stream"
            return _said(415, {"error": text})
        if topic[0] and not self._authorise(claims, topic[1]).write:
            return _said(403, {"message": "Unauthorized"})
        if len(body) > self._limits.payload_bytes:
            return _said(422, {"errors": {"payload": ["Payload size exceeds tenant limit"]}})
        if (refusal := self._over_the_rate(1)) is not None:
            return refusal
        is_json = kind == "application/json"
        message = UserBroadcast(f"realtime:{topic[1]}", event, body, is_json)
        self._publish(topic, event, len(body), message)
        return Answer(202)

    def _take_batch(self, claims: Claims, body: bytes) -> Answer:
        try:
            given = _batch.decode(body)
        except msgspec.ValidationError:
            return _said(422, {"errors": {"messages": ["is invalid"]}})
        except msgspec.DecodeError:
            return Answer(400, "Bad Request", "text/plain")
        if not given.messages:
            return _said(422, {"errors": {"messages": [_MISSING]}})
        errors = [_errors(each, self._limits.payload_bytes) for each in given.messages]
        if any(errors):
            return _said(422, {"errors": {"messages": errors}})
        if (refusal := self._over_the_rate(len(given.messages))) is not None:
            return refusal
        for each in given.messages:
            sent = _Sent(**{key: _value(key, raw) for key, raw in each.items() if key in _FIELDS})
            if sent.private and not self._authorise(claims, sent.topic).write:
                # The product drops it and answers 202.
                continue
            meta = msgspec.json.encode({"id": sent.id}) if sent.id else b""
            payload = broadcast_payload(sent.event, sent.payload, meta)
            message = Push(f"realtime:{sent.topic}", "broadcast", payload)
            self._publish((sent.private, sent.topic), sent.event, len(bytes(sent.payload)), message)
        return Answer(202)

    def _over_the_rate(self, messages: int) -> Answer | None:
        rate, most = self._hub.rate(), self._limits.messages_per_second
        if rate > most:
            return _said(429, {"message": "You have exceeded your rate limit"})
        if rate + messages > most:
            text = "Too many messages to broadcast, please reduce the batch size"
            return _said(429, {"message": text})
        self._hub.count(messages)
        return None

    def _publish(self, topic: Topic, event: str, size: int, message: Message) -> None:
        self._hub.publish(topic, event, size, message, None)


_FIELDS = frozenset(_Sent.__struct_fields__)


def _value(key: str, raw: msgspec.Raw) -> Any:
    return raw if key == "payload" else msgspec.json.decode(raw)


def _errors(message: dict[str, msgspec.Raw], most_bytes: int) -> dict[str, list[str]]:
    """What is wrong with one message of a batch, by field."""
    errors = dict[str, list[str]]()
    for field in ("topic", "event", "payload"):
        raw = bytes(message.get(field, b"")).strip()
        if raw in (b"", b"null", b'""'):
            errors[field] = [_MISSING]
        elif raw[:1] != (b"{" if field == "payload" else b'"'):
            errors[field] = ["is invalid"]
        elif len(raw) > most_bytes:
            errors[field] = ["Payload size exceeds tenant limit"]
    return errors


def _said(status: int, body: object) -> Answer:
    return Answer(status, msgspec.json.encode(body).decode())
