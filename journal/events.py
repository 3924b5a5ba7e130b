"""What can be journaled: a metric, and one tagged union of events.

A record's payload is a MessagePack array of events. Each event is a map with its tag and version under
`type`, as in `metrics/1`; a field that has its default is left out. New fields must have defaults.
An event written by an older version is brought up to date by its upcasters before it is decoded;
one with an unknown tag or a newer version is an `UnknownEventError`, never a skip.

Offsets count metrics and control events: `MetricsAccepted` takes as many offsets as it has metrics,
every other event takes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, NewType, TypeAlias, get_args

import msgspec
from msgspec import Meta

Offset = NewType("Offset", int)
"""Position of a metric or control event in one journal: 0 for the first, never reused."""

Nanoseconds: TypeAlias = int
"""Integer nanoseconds since the Unix epoch, UTC."""

_MAX_FLOAT = 1.7976931348623157e308
_MIN_INT64, _MAX_INT64 = -(2**63), 2**63 - 1

# Bounds instead of a check of our own: NaN and the infinities fail both comparisons.
FiniteFloat: TypeAlias = Annotated[float, Meta(ge=-_MAX_FLOAT, le=_MAX_FLOAT)]
Int64: TypeAlias = Annotated[int, Meta(ge=_MIN_INT64, le=_MAX_INT64)]
AttributeValue: TypeAlias = str | bool | Int64 | FiniteFloat
MAX_ATTRIBUTES = 128

Durability: TypeAlias = Literal["fsync", "interval", "os"]
"""What an append waits for: its sync, the system's memory with a sync by the clock, or that memory alone."""

Kind: TypeAlias = Literal["gauge", "counter", "timer", "histogram", "event"]


class Metric(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One measurement, as accepted.

    `time` is None where the client sent none: it is then the time of the record, which is the time of
    receipt; `metric_time` says which. `gc=False` is safe: attributes are flat, so no cycle can form.
    """

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    value: FiniteFloat
    time: Int64 | None = None
    kind: Kind = "gauge"
    unit: str = ""
    source: str = ""
    session: str = ""
    attributes: Annotated[dict[str, AttributeValue], Meta(max_length=MAX_ATTRIBUTES)] = {}


def metric_time(metric: Metric, accepted_at: Nanoseconds) -> Nanoseconds:
    """The time of `metric`: its own, or that of its receipt."""
    return accepted_at if metric.time is None else metric.time


class _Event(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """What every event has in common on the wire."""


class MetricsAccepted(_Event, frozen=True, tag="metrics/1"):
    """A request's metrics were accepted; with `key`, a repeat of it is answered from this event."""

    metrics: list[Metric]
    key: str = ""


class MetricsAsSent(_Event, frozen=True, tag="metrics-json/1"):
    """MetricsAccepted as the client sent them: `json` is a request's body, an object or an array of
    `count`, every one of which has been validated as a Metric.

    It is read back as MetricsAccepted. Not to encode again what comes by the thousand is worth a fifth of
    the throughput, and the journal holds what was really sent.
    """

    json: bytes
    count: int
    key: str = ""


class PackedMetrics(_Event, frozen=True, tag="metrics/1"):
    """MetricsAccepted on its way in: `metrics` is their MessagePack already, as `pack_metrics` makes it.

    Encoded where it was validated, while it is in the cache, and then let go. It is read back as
    MetricsAccepted.
    """

    metrics: msgspec.Raw
    key: str = ""


class JournalOpened(_Event, frozen=True, tag="journal-opened/1"):
    """A process opened the journal for writing; `cut_bytes` of a torn tail were put aside, if any."""

    pid: int
    version: str
    cut_bytes: int = 0


class JournalClosed(_Event, frozen=True, tag="journal-closed/1"):
    """The process closed the journal in good order."""

    pid: int


class CursorAdvanced(_Event, frozen=True, tag="cursor-advanced/1"):
    """`store` holds every metric before `offset`; `persisted` is how many of them it was given since the
    journal began, dead letters not counted."""

    store: str
    offset: Offset
    persisted: int


class ActorCrashed(_Event, frozen=True, tag="actor-crashed/1"):
    """The actor at `path` died of `error`; `traceback` is text."""

    path: str
    error: str
    traceback: str = ""


class ActorRestarted(_Event, frozen=True, tag="actor-restarted/1"):
    """The actor at `path` was started again, `delay` seconds after it died."""

    path: str
    delay: float = 0.0


class SupervisorEscalated(_Event, frozen=True, tag="supervisor-escalated/1"):
    """The supervisor at `path` gave up: more restarts than its intensity allows within its period."""

    path: str
    error: str


class MessageDeadLettered(_Event, frozen=True, tag="message-dead-lettered/1"):
    """A message killed the actor at `path` twice and was given up; its metrics, if any, were not accepted."""

    path: str
    message_type: str
    error: str


class SegmentsRetired(_Event, frozen=True, tag="segments-retired/1"):
    """The segments that begin at `first_offsets` were deleted; the journal now begins at `begins_at`."""

    first_offsets: list[Offset]
    begins_at: Offset
    bytes: int


class CursorState(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a store is: every metric before `offset`, `persisted` of them since the journal began."""

    offset: Offset
    persisted: int


class ActorState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the journal knows of an actor: restarts since the journal began, and its last crash."""

    restarts: int = 0
    crashes: int = 0
    last_error: str = ""
    last_crash_at: Nanoseconds = 0


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fold of a journal up to an offset. Small however long the journal: it heads every segment."""

    accepted: int = 0
    """Metrics since the journal began."""
    events: int = 0
    """Control events since the journal began."""
    cursors: dict[str, CursorState] = {}
    actors: dict[str, ActorState] = {}
    opened_at: Nanoseconds = 0
    clean: bool = True
    """The last process to write closed the journal in good order."""
    retired_before: Offset = Offset(0)


class Snapshot(_Event, frozen=True, tag="snapshot/1"):
    """The folded state at the head of a segment, so that recovery need not read those before it."""

    state: State


ControlEvent: TypeAlias = (
    Snapshot
    | JournalOpened
    | JournalClosed
    | CursorAdvanced
    | ActorCrashed
    | ActorRestarted
    | SupervisorEscalated
    | MessageDeadLettered
    | SegmentsRetired
)
Event: TypeAlias = MetricsAccepted | ControlEvent
Appendable: TypeAlias = Event | PackedMetrics | MetricsAsSent
"""What can be appended; what is read back is always an Event."""


class UnknownEventError(ValueError):
    """A record holds an event that this version of Forebay does not know."""

    def __init__(self, offset: int, detail: str) -> None:
        self.offset = offset
        self.detail = detail
        super().__init__(
            f"offset {offset}: {detail}; it was written by another version of Forebay: run that version"
        )


Upcaster: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes an event as a plain map, one version old; returns it as its successor would have been written."""

UPCASTERS: dict[str, tuple[str, Upcaster]] = {}
"""Old tag -> (the next tag, what brings an event there). Empty while every event is at version 1."""

_Stored: TypeAlias = Event | MetricsAsSent
TAGS: frozenset[str] = frozenset(str(cls.__struct_config__.tag) for cls in get_args(_Stored))

_decoder = msgspec.msgpack.Decoder(list[_Stored])
_json_decoder: msgspec.json.Decoder[Metric | list[Metric]] = msgspec.json.Decoder(Metric | list[Metric])
encoder = msgspec.msgpack.Encoder()


def pack_metrics(metrics: Sequence[Metric], key: str = "") -> PackedMetrics:
    """`metrics`, at least one, as an event to append."""
    return PackedMetrics(msgspec.Raw(encoder.encode(metrics)), key)


def _packed_count(packed: msgspec.Raw) -> int:
    """How many elements a MessagePack array has (MessagePack specification, "array format family")."""
    head = bytes(memoryview(packed)[:5])
    match head[0]:
        case 0xDD:
            return int.from_bytes(head[1:5], "big")
        case 0xDC:
            return int.from_bytes(head[1:3], "big")
        case fixed:
            return fixed & 0x0F


def width(event: Appendable) -> int:
    """How many offsets `event` takes."""
    match event:
        case MetricsAsSent(count=count):
            return count
        case MetricsAccepted(metrics=metrics):
            return len(metrics)
        case PackedMetrics(metrics=packed):
            return _packed_count(packed)
        case _:
            return 1


_METRICS = (MetricsAsSent, PackedMetrics, MetricsAccepted)


def is_metrics(event: Appendable) -> bool:
    """Whether `event` holds metrics, and is no control event."""
    return isinstance(event, _METRICS)


def is_plain(event: Appendable) -> bool:
    """Whether folding `event` needs no more than the number of its metrics."""
    return isinstance(event, _METRICS) and not event.key


def encode(events: Sequence[Appendable]) -> bytes:
    """The payload of a record that holds `events`."""
    return encoder.encode(events)


def decode(payload: bytes | memoryview, base_offset: int) -> list[Event]:
    """The events of a record's payload, brought up to their current version.

    Raises UnknownEventError, with the offset of the event, for a tag or version that is not known, and
    for a payload that is no list of events at all.
    """
    try:
        stored = _decoder.decode(payload)
    except msgspec.DecodeError:
        return _decode_slowly(payload, base_offset)
    return [_read_back(event, base_offset) if isinstance(event, MetricsAsSent) else event for event in stored]


def _read_back(event: MetricsAsSent, base_offset: int) -> MetricsAccepted:
    try:
        decoded = _json_decoder.decode(event.json)
    except msgspec.DecodeError as error:
        raise UnknownEventError(base_offset, f"metrics as sent cannot be read ({error})") from error
    metrics = [decoded] if isinstance(decoded, Metric) else decoded
    if len(metrics) != event.count:
        raise UnknownEventError(base_offset, f"{len(metrics)} metrics where {event.count} were accepted")
    return MetricsAccepted(metrics, event.key)


def _decode_slowly(payload: bytes | memoryview, base_offset: int) -> list[Event]:
    """One event at a time: for old versions, and to name the offset of what cannot be decoded."""
    try:
        maps = msgspec.msgpack.decode(payload, type=list[dict[str, Any]])
    except msgspec.DecodeError as error:
        raise UnknownEventError(base_offset, f"the payload is no list of events ({error})") from error
    events: list[Event] = []
    offset = base_offset
    for plain in maps:
        event = _decode_one(plain, offset)
        events.append(event)
        offset += width(event)
    return events


def _decode_one(plain: dict[str, Any], offset: int) -> Event:
    tag: object = plain.get("type")
    while isinstance(tag, str) and tag in UPCASTERS:
        tag, upcast = UPCASTERS[tag]
        plain = {**upcast(plain), "type": tag}
    if tag not in TAGS:
        raise UnknownEventError(offset, f"unknown event {tag!r}")
    try:
        event: _Stored = msgspec.convert(plain, _Stored)  # type: ignore[arg-type]
    except msgspec.ValidationError as error:
        raise UnknownEventError(offset, f"event {tag!r} cannot be read ({error})") from error
    return _read_back(event, offset) if isinstance(event, MetricsAsSent) else event


def offsets_of(events: Iterable[Event], base_offset: int) -> Iterable[tuple[Offset, Event]]:
    """Each event with its first offset."""
    offset = base_offset
    for event in events:
        yield Offset(offset), event
        offset += width(event)
