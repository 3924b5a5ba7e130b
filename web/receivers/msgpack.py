"""MessagePack: one metric as a map, or several as an array of maps (`application/msgpack`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from journal.events import UNREADABLE
from journal.metric import Metric
from web.receivers.errors import EMPTY, ReceiverError
from web.receivers.items import MetricIn, TimedMetricIn, one_by_one, reason_of

_fast = cast(
    "msgspec.msgpack.Decoder[Metric | list[Metric]]", msgspec.msgpack.Decoder(MetricIn | list[MetricIn])
)
_raw = msgspec.msgpack.Decoder(msgspec.Raw)
_raw_items = msgspec.msgpack.Decoder(list[msgspec.Raw])
_timed = msgspec.msgpack.Decoder(TimedMetricIn)


def receive(body: bytes) -> list[Metric]:
    """The metrics of `body`, in order, at least one. Raises ReceiverError."""
    try:
        decoded = _fast.decode(body)
    except UNREADABLE:
        return one_by_one(_split(body), _timed.decode)
    if not isinstance(decoded, list):
        return [decoded]
    if not decoded:
        raise ReceiverError(EMPTY)
    return decoded


def _split(body: bytes) -> Iterable[tuple[int, bytes | msgspec.Raw]]:
    """The items of `body`, still encoded. Raises ReceiverError where it is no MessagePack at all."""
    first = body[0] if body else 0xC1
    try:
        if 0x90 <= first <= 0x9F or first in (0xDC, 0xDD):
            return enumerate(_raw_items.decode(body))
        _raw.decode(body)
    except UNREADABLE as error:
        raise ReceiverError(reason_of(error)) from error
    if 0x80 <= first <= 0x8F or first in (0xDE, 0xDF):
        return [(0, body)]
    raise ReceiverError("expected a MessagePack map, or an array of maps")
