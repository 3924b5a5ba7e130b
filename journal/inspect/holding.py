"""How many metrics the payload of a plain record holds, found out at two depths. Pure.

To decode every metric takes ten times as long as to read and checksum it; to decode the events around them
takes next to nothing where metrics come by the hundred.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, final

import msgspec

from journal.events import UNREADABLE, MetricsAccepted, UnknownEventError, decode, encode

Holds: TypeAlias = Callable[[bytes], int | None]
"""None where the payload is no sound list of metrics without keys, of this version: the framing and
`events.decode` have the word then."""


@final
class _Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="metrics/1"):
    metrics: msgspec.Raw


@final
class _AsSent(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="metrics-json/1"
):
    json: bytes
    count: int


# A record of one event of metrics up to their array, which then fills the rest: no need to look for its end.
_ONE_ACCEPTED: Final = encode([MetricsAccepted([])])[:-1]
_AT: Final = len(_ONE_ACCEPTED)
_decode_events = msgspec.msgpack.Decoder(list[_Accepted | _AsSent]).decode


def by_events(payload: bytes) -> int | None:
    """As the events say, each of which is decoded up to its metrics: those are passed over."""
    try:
        if payload.startswith(_ONE_ACCEPTED):
            return _array_length(payload, _AT)
        held = 0
        for event in _decode_events(payload):
            # isinstance would cost as much as the decoding: msgspec's metaclass has a check of its own.
            if type(event) is _AsSent:
                held += event.count
            else:
                held += _array_length(memoryview(event.metrics), 0)
    except (*UNREADABLE, IndexError):
        return None
    return held


def _array_length(data: bytes | memoryview, at: int) -> int:
    """How many elements the MessagePack array at `at` has. Raises IndexError, DecodeError where none is."""
    head = data[at]
    if 0x90 <= head <= 0x9F:
        return head & 0x0F
    if head == 0xDC:
        return int.from_bytes(data[at + 1 : at + 3], "big")
    if head == 0xDD:
        return int.from_bytes(data[at + 1 : at + 5], "big")
    raise msgspec.DecodeError("metrics are no array")


def by_metrics(payload: bytes) -> int | None:
    """As they are, every one decoded."""
    try:
        held = 0
        for event in decode(payload, 0):
            if not isinstance(event, MetricsAccepted) or event.key:
                return None
            held += len(event.metrics)
    except UnknownEventError:
        return None
    return held
