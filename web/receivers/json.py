"""JSON: one metric as an object, or several as an array of objects (RFC 8259)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from journal.events import UNREADABLE
from journal.metric import Metric
from web.receivers.errors import EMPTY, ReceiverError
from web.receivers.items import MetricIn, TimedMetricIn, one_by_one, reason_of

_fast = cast("msgspec.json.Decoder[Metric | list[Metric]]", msgspec.json.Decoder(MetricIn | list[MetricIn]))
LONGEST_AS_SENT = 400
"""Bytes a metric: a body may be padded with white space, and the disk is not to pay for that."""

_raw = msgspec.json.Decoder(msgspec.Raw)
_raw_items = msgspec.json.Decoder(list[msgspec.Raw])
_timed = msgspec.json.Decoder(TimedMetricIn)


def receive(body: bytes) -> list[Metric]:
    """The metrics of `body`, in order, at least one. Raises ReceiverError."""
    return receive_as_sent(body)[0]


def receive_as_sent(body: bytes) -> tuple[list[Metric], bytes]:
    """The metrics of `body`, and `body` itself where the journal can keep it as it is, else b"".

    Not kept is what only the slow way understands, and what is much longer than what it says.
    """
    try:
        decoded = _fast.decode(body)
    except UNREADABLE:
        return one_by_one(_split(body), _timed.decode), b""
    if not isinstance(decoded, list):
        decoded = [decoded]
    elif not decoded:
        raise ReceiverError(EMPTY)
    return decoded, body if len(body) <= LONGEST_AS_SENT * len(decoded) else b""


def _split(body: bytes) -> Iterable[tuple[int, bytes | msgspec.Raw]]:
    """The items of `body`, still encoded. Raises ReceiverError where it is no JSON at all."""
    first = body.lstrip(b" \t\r\n")[:1]
    try:
        if first == b"[":
            return enumerate(_raw_items.decode(body))
        _raw.decode(body)
    except UNREADABLE as error:
        raise ReceiverError(reason_of(error)) from error
    if first == b"{":
        return [(0, body)]
    raise ReceiverError("expected a JSON object, or an array of objects")
