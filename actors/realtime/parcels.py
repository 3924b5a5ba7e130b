"""Frames as messages of a broadcast channel: as few as fit, none larger than allowed. Pure.

A message's payload is a frame as the WebSocket has it. Metrics frames that follow each other are made one,
which was made when the oldest of them was, and one that is too large is made several; every offset is in
exactly one of them, or in a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from journal.metric import Offset
from web.outbox import gap_frame
from web.ports import Frame, Gap

_METRICS = b'{"type":"metrics"'
_GAP = '{"type":"gap"'
_HEAD = len('{"type":"metrics","first_offset":,"last_offset":,"metrics":[],"at":}') + 3 * 20
"""Bytes around the metrics of a frame, at most."""

EVENT = "frame"
"""The name of the event that every message of the channel is."""


class Parcel(NamedTuple):
    """The payload of one message, JSON, and the offsets that it covers; both are -1 where it covers none."""

    payload: bytes
    first_offset: int = -1
    last_offset: int = -1


class _Offset(msgspec.Struct, frozen=True):
    offset: int


class _Metrics(msgspec.Struct, frozen=True):
    metrics: list[msgspec.Raw]
    at: int = 0


_metrics = msgspec.json.Decoder(_Metrics)
_offset = msgspec.json.Decoder(_Offset)
_gap = msgspec.json.Decoder(Gap)


def parcels(frames: Sequence[Frame], most_bytes: int) -> list[Parcel]:
    """`frames` in their order as payloads of at most `most_bytes`. A metric that is larger by itself becomes
    a gap of its own; any other frame that is, is left out."""
    packed, joined = list[Parcel](), list[Parcel]()
    for frame in frames:
        one = _parcel(frame)
        if len(one.payload) <= most_bytes:
            parts = [one]
        else:
            parts = _split(one, most_bytes) if _has_metrics(one) else []
        for part in parts:
            if not _has_metrics(part) or not _fits(part, joined, most_bytes):
                packed += _joined(joined)
                joined = []
            if _has_metrics(part):
                joined.append(part)
            else:
                packed.append(part)
    return packed + _joined(joined)


def gap_parcel(first: int, last: int) -> Parcel:
    """What stands for offsets that could not be published."""
    text = gap_frame(Gap(Offset(first), Offset(last), "slow")).text
    return Parcel(text.encode(), first, last)


def body(topic: str, sent: Sequence[Parcel]) -> bytes:
    """The body of `POST /realtime/v1/api/broadcast` that sends `sent` to the private channel `topic`."""
    head = msgspec.json.encode({"topic": topic, "event": EVENT, "private": True})[:-1] + b',"payload":'
    return b'{"messages":[' + b",".join(head + each.payload + b"}" for each in sent) + b"]}"


def _parcel(frame: Frame) -> Parcel:
    payload = frame.text.encode()
    if frame.first_offset < 0 and frame.text.startswith(_GAP):
        gap = _gap.decode(payload)
        return Parcel(payload, gap.first_offset, gap.last_offset)
    return Parcel(payload, frame.first_offset, frame.last_offset)


def _has_metrics(one: Parcel) -> bool:
    return one.payload.startswith(_METRICS)


def _fits(part: Parcel, joined: list[Parcel], most_bytes: int) -> bool:
    """Whether `part` follows `joined` and all of them together are not too large."""
    size = sum(len(each.payload) for each in joined) + len(part.payload)
    return not joined or (joined[-1].last_offset + 1 == part.first_offset and size <= most_bytes)


def _joined(parts: list[Parcel]) -> list[Parcel]:
    """`parts`, which follow each other, as one; metrics are taken over as they are written."""
    if len(parts) < 2:
        return parts
    frames = [_metrics.decode(part.payload) for part in parts]
    metrics = [raw for frame in frames for raw in frame.metrics]
    made = min((frame.at for frame in frames if frame.at), default=0)
    return [_of(metrics, parts[0].first_offset, parts[-1].last_offset, made)]


def _split(one: Parcel, most_bytes: int) -> list[Parcel]:
    split = list[Parcel]()
    first, size, metrics = one.first_offset, _HEAD, list[msgspec.Raw]()
    frame = _metrics.decode(one.payload)

    def close(end: int) -> None:
        nonlocal first, size, metrics
        if metrics:
            split.append(_of(metrics, first, end - 1, frame.at))
            first, size, metrics = end, _HEAD, []

    for raw in frame.metrics:
        length = len(bytes(raw)) + 1
        if size + length > most_bytes:
            offset = _offset.decode(raw).offset
            close(offset)
            if _HEAD + length > most_bytes:
                split.append(gap_parcel(first, offset))
                first = offset + 1
                continue
        metrics.append(raw)
        size += length
    if metrics:
        close(one.last_offset + 1)
    elif first <= one.last_offset:
        split.append(_of([], first, one.last_offset, frame.at))
    return split


def _of(metrics: list[msgspec.Raw], first: int, last: int, at: int) -> Parcel:
    frame = {"type": "metrics", "first_offset": first, "last_offset": last, "metrics": metrics}
    if at:
        frame["at"] = at
    return Parcel(msgspec.json.encode(frame), first, last)
