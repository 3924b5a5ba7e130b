"""How many metrics the payload of a plain record holds, found out at two depths. Pure.

To decode every metric takes several times as long as to read and checksum it; to decode the events around
them, and to step over what is in them, takes next to nothing where metrics come as JSON by the hundred.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, final

import msgspec

from journal.events import MetricsAccepted, UnknownEventError, decode, packed_count

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
    json: msgspec.Raw
    count: int


_decode_events = msgspec.msgpack.Decoder(list[_Accepted | _AsSent]).decode


def by_events(payload: bytes) -> int | None:
    """As the events say, each of which is decoded; of their metrics MessagePack is stepped over, value by
    value, and JSON passed as it is."""
    try:
        events = _decode_events(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    held = 0
    for event in events:
        # isinstance would cost as much as the decoding: msgspec's metaclass has a check of its own.
        held += event.count if type(event) is _AsSent else packed_count(event.metrics)
    return held


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
