"""What can be journaled: a metric, and one tagged union of events.

A record's payload is a MessagePack array of events. Each event is a map with its tag and version under
`type`, as in `metrics/1`; a field that has its default is left out. New fields must have defaults.
An event written by an older version is brought up to date by its upcasters before it is decoded;
one with an unknown tag or a newer version is an `UnknownEventError`, never a skip.

Offsets count metrics and control events: `MetricsAccepted` takes as many offsets as it has metrics,
`OffsetsLost` as many as it says, every other event one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import Meta

from journal.flags import FlagEvent
from journal.metric import MAX_INT64, Metric, Nanoseconds, Offset
from journal.state import BreakerPosition, MovedBy, State

Durability: TypeAlias = Literal["fsync", "interval", "os"]
"""What an append waits for: its sync, the system's memory with a sync by the clock, or that memory alone."""


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
    """`store` holds every metric before `offset` but for `dead_lettered` of them, and `lost` that the journal
    had lost before the store was given them; `persisted` is how many it was given since the journal began,
    dead letters not counted."""

    store: str
    offset: Offset
    persisted: int
    dead_lettered: int = 0
    lost: int = 0


class BreakerMoved(_Event, frozen=True, tag="breaker-moved/1"):
    """The circuit breaker of `store` went to `state` after `failures` in a row, the last of them `error`;
    if it is open, it lets a probe through at `probe_at`; opened `by` hand, it lets none through."""

    store: str
    state: BreakerPosition
    failures: int = 0
    error: str = ""
    probe_at: Nanoseconds = 0
    by: MovedBy = ""


class MetricDeadLettered(_Event, frozen=True, tag="metric-dead-lettered/1"):
    """`store` does not take the metric that was accepted at `offset` of the main journal.

    `cause` is short and stable, `error` what the store said. `weather`: nothing is known to be wrong with
    the metric; it failed again and again while its neighbours were stored. In the queue's own journal,
    as are all events of dead letters; its offset there is the letter's id.
    """

    store: str
    offset: Offset
    accepted_at: Nanoseconds
    metric: Metric
    cause: str
    error: str
    attempts: int = 1
    first_failed_at: Nanoseconds = 0
    weather: bool = False


class DeadLetterRetried(_Event, frozen=True, tag="dead-letter-retried/1"):
    """The dead letter `id` was redriven, was refused once more, and stays. With `edited`, it is about to be
    sent as what a person put in the metric's place: after a crash the store may hold that, unheard."""

    id: Offset
    cause: str
    error: str
    weather: bool = False
    edited: Metric | None = None


class DeadLettersRedriven(_Event, frozen=True, tag="dead-letters-redriven/1"):
    """`store` holds the metrics of the dead letters `ids` now. `edited` is what was stored in place of a
    single one, if a person changed it."""

    store: str
    ids: list[Offset]
    by: Literal["hand", "weather"] = "hand"
    edited: Metric | None = None


class DeadLettersDiscarded(_Event, frozen=True, tag="dead-letters-discarded/1"):
    """A person gave up the dead letters `ids`, all of `store`."""

    store: str
    ids: list[Offset]


class DeadLettersExpired(_Event, frozen=True, tag="dead-letters-expired/1"):
    """The dead letters `ids`, all of `store`, were given up: there were too many, or they were too old."""

    store: str
    ids: list[Offset]
    limit: Literal["items", "age"]


class DeadLettersMirrored(_Event, frozen=True, tag="dead-letters-mirrored/1"):
    """The table of dead letters in `store` reflects every event before `before` of the queue's journal."""

    store: str
    before: Offset


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
    begins_at: Annotated[Offset, Meta(ge=0, le=MAX_INT64)]
    bytes: int


class OffsetsLost(_Event, frozen=True, tag="offsets-lost/1"):
    """`count` offsets from this event's own on cannot be read any more: `journal repair` put this in their
    place, for the reason `what`. `metrics` of them were metrics, or about that many unless `exact`: where a
    repair finds several gaps between two snapshots it knows only their sum, and shares it out.
    """

    count: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    metrics: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    what: str = ""
    exact: bool = True


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
    | BreakerMoved
    | MetricDeadLettered
    | DeadLetterRetried
    | DeadLettersRedriven
    | DeadLettersDiscarded
    | DeadLettersExpired
    | DeadLettersMirrored
    | OffsetsLost
    | FlagEvent
)
Event: TypeAlias = MetricsAccepted | ControlEvent
Appendable: TypeAlias = Event | PackedMetrics | MetricsAsSent
"""What can be appended; what is read back is always an Event."""


E = TypeVar("E", bound=Appendable)


class UnknownEventError(ValueError):
    """A record holds an event that this version of Forebay does not know."""

    def __init__(self, offset: int, detail: str) -> None:
        self.offset = offset
        self.detail = detail
        super().__init__(
            f"offset {offset}: {detail}; it was written by another version of Forebay: run that version"
        )


class LaterFormatError(ValueError):
    """A segment is of a later format than this version of Forebay reads: nothing can be said about it."""

    def __init__(self, segment: str, version: int, known: int) -> None:
        self.version = version
        super().__init__(
            f"{segment}: of a later format, {version}; this version of Forebay reads {known}: nothing is "
            f"damaged and nothing was changed, run the version that wrote it"
        )


Upcaster: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes an event as a plain map, one version old; returns it as its successor would have been written."""

UPCASTERS: dict[str, tuple[str, Upcaster]] = {}
"""Old tag -> (the next tag, what brings an event there). Empty while every event is at version 1."""

_Stored: TypeAlias = Event | MetricsAsSent
_CLASSES: dict[str, type[_Stored]] = {str(cls.__struct_config__.tag): cls for cls in get_args(_Stored)}
TAGS: frozenset[str] = frozenset(_CLASSES)

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no MessagePack or JSON, no UTF-8, or nested beyond the stack."""

_decoder = msgspec.msgpack.Decoder(list[_Stored])
_json_decoder: msgspec.json.Decoder[Metric | list[Metric]] = msgspec.json.Decoder(Metric | list[Metric])
encoder = msgspec.msgpack.Encoder()


def pack_metrics(metrics: Sequence[Metric], key: str = "") -> PackedMetrics:
    """`metrics`, at least one, as an event to append."""
    return PackedMetrics(msgspec.Raw(encoder.encode(metrics)), key)


def packed_count(packed: msgspec.Raw) -> int:
    """How many elements a MessagePack array has (MessagePack specification, "array format family")."""
    view = memoryview(packed)
    head = view[0]
    if head < 0xDC:
        return head & 0x0F
    return int.from_bytes(view[1:3] if head == 0xDC else view[1:5], "big")


def width(event: Appendable) -> int:
    """How many offsets `event` takes."""
    match event:
        case MetricsAsSent(count=count):
            return count
        case MetricsAccepted(metrics=metrics):
            return len(metrics)
        case PackedMetrics(metrics=packed):
            return packed_count(packed)
        case OffsetsLost(count=count):
            return count
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
    except UNREADABLE:
        return _decode_slowly(payload, base_offset)
    return [_read_back(event, base_offset) if isinstance(event, MetricsAsSent) else event for event in stored]


def _read_back(event: MetricsAsSent, base_offset: int) -> MetricsAccepted:
    try:
        decoded = _json_decoder.decode(event.json)
    except UNREADABLE as error:
        raise UnknownEventError(base_offset, f"metrics as sent cannot be read ({error})") from error
    metrics = [decoded] if isinstance(decoded, Metric) else decoded
    if len(metrics) != event.count:
        raise UnknownEventError(base_offset, f"{len(metrics)} metrics where {event.count} were accepted")
    return MetricsAccepted(metrics, event.key)


def _decode_slowly(payload: bytes | memoryview, base_offset: int) -> list[Event]:
    """One event at a time: for old versions, and to name the offset of what cannot be decoded."""
    try:
        maps = msgspec.msgpack.decode(payload, type=list[dict[str, Any]])
    except UNREADABLE as error:
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
    if not isinstance(tag, str) or tag not in TAGS:
        raise UnknownEventError(offset, f"unknown event {_short(tag)}")
    try:
        event = msgspec.convert(plain, _CLASSES[tag])
    except msgspec.ValidationError as error:
        raise UnknownEventError(offset, f"event {tag!r} cannot be read ({error})") from error
    return _read_back(event, offset) if isinstance(event, MetricsAsSent) else event


def _short(tag: object) -> str:
    """`tag` in a line's length; nobody knows what stands where a tag is due."""
    said = repr(tag)
    return said if len(said) <= 60 else said[:59] + "…"


def offsets_of(events: Iterable[E], base_offset: int) -> Iterable[tuple[Offset, E]]:
    """Each event with its first offset."""
    offset = base_offset
    for event in events:
        yield Offset(offset), event
        offset += width(event)
