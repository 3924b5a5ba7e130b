"""What the edge needs from the running system, named as Protocols; `actors` hands in the implementations.

The Structs here are what goes over HTTP and WebSocket, field by field as in the public contract.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from journal.events import Durability
from journal.metric import Metric, Nanoseconds, Offset
from web.evaluations import Flags, FlagValue
from web.letters import Bulk, Letter, LetterFilter, LetterPage, Redriven
from web.machinery import Machinery
from web.past import StateAnswer
from web.report import StatusReport
from web.wire import encoded


class Accepted(msgspec.Struct, frozen=True):
    """The reply to a request whose metrics are as durable as `durability` says."""

    accepted: int
    first_offset: Offset
    last_offset: Offset
    durability: Durability


class Refused(msgspec.Struct, frozen=True):
    """Nothing of the request was taken; `retry_after` in seconds where trying again may help.

    busy: the mailbox is full · stopping: shutting down · disk-full: no room in the journal ·
    failed: the journal could not be written.
    """

    reason: Literal["busy", "stopping", "disk-full", "failed"]
    detail: str
    retry_after: float | None = None


Receipt: TypeAlias = Accepted | Refused


class Ingest(Protocol):
    """The way in."""

    def offer(
        self, metrics: list[Metric], key: str, receive: Callable[[Receipt], None], sent: bytes = b""
    ) -> None:
        """Hand over one request's metrics, not empty, with its idempotency key or "". Never waits.

        `sent` is the same as validated JSON, to be kept as it is; b"" where there is none.

        `receive` is called exactly once, on the event loop, possibly before `offer` returns (refusals
        are). It must not raise.
        """
        ...


class Frame(msgspec.Struct, frozen=True, dict=True):
    """A text frame for subscribers, encoded once. A `metrics` frame covers offsets
    `[first_offset, last_offset]`; for every other type both are -1."""

    text: str
    first_offset: int = -1
    last_offset: int = -1

    @cached_property
    def wire(self) -> bytes:
        """The same as a WebSocket message, made when it is first asked for."""
        return encoded(self.text.encode())


class Volley(msgspec.Struct, frozen=True, dict=True):
    """Frames for everybody at one time, in order: a system call a subscriber, not one a frame."""

    frames: tuple[Frame, ...]

    @cached_property
    def wire(self) -> bytes:
        """All of them as WebSocket messages, one behind the other."""
        return b"".join([frame.wire for frame in self.frames])


class FrameSink(Protocol):
    """A subscriber, as the broadcaster sees it."""

    def offer(self, volley: Volley) -> None:
        """Take its frames, or note the gap. Never waits, never raises."""
        ...


class Live(Protocol):
    """What is happening now, and what happened since an offset."""

    def hello(self, flags: dict[str, FlagValue]) -> Frame:
        """The first frame for a new subscriber: journal id, next offset, `flags` as its session gets them."""
        ...

    def subscribe(self, sink: FrameSink) -> AbstractContextManager[Offset]:
        """Offer every frame from now on to `sink`; the value is the first offset that they will cover."""
        ...

    def backfill(self, first: Offset, until: Offset) -> AsyncIterator[Frame]:
        """The metrics of `[first, until)` from the journal, as frames. What retention has deleted is
        reported by a `gap` frame first."""
        ...


class LiveMetric(msgspec.Struct, frozen=True, omit_defaults=True):
    """A metric in a `metrics` frame: as accepted, with its offset and its time filled in."""

    offset: Offset
    name: str
    value: float
    time: Nanoseconds
    kind: str = "gauge"
    unit: str = ""
    source: str = ""
    session: str = ""
    attributes: dict[str, Any] = {}


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """Greets a subscriber; `flags` are as its session gets them (`/api/live?session=`)."""

    journal_id: str
    next_offset: Offset
    flags: dict[str, FlagValue]
    version: str


class Metrics(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="metrics"):
    """New metrics. Control events take offsets too, so offsets within the range may be missing.

    `at` is when a live frame was made, in nanoseconds since the epoch, so that a page can tell how long a
    transport took; a backfilled one has none.
    """

    first_offset: Offset
    last_offset: Offset
    metrics: list[LiveMetric]
    at: Nanoseconds = 0


class Gap(msgspec.Struct, frozen=True, tag_field="type", tag="gap"):
    """The metrics of `[first_offset, last_offset]` were not sent: ask for them by offset, or do without. What
    is retired or damaged cannot be had by asking."""

    first_offset: Offset
    last_offset: Offset
    reason: Literal["slow", "retired", "busy", "damaged"]


class Goodbye(msgspec.Struct, frozen=True, tag_field="type", tag="goodbye"):
    """The server is going ("stopping"), or the flag dashboard.websocket is off for this session ("retired":
    come by another transport, or after that flag is on); come back after `reconnect_after` seconds."""

    reason: str
    reconnect_after: float
    code: Literal["stopping", "retired"] = "stopping"


class StatusFrame(msgspec.Struct, frozen=True, tag_field="type", tag="status"):
    """The status, to subscribers, once a second."""

    status: StatusReport


class Status(Protocol):
    """How the system is."""

    def report(self) -> StatusReport:
        """The whole of it, now."""
        ...

    def not_ready(self) -> list[str]:
        """Why no traffic should be sent here now, one sentence a reason; empty when ready."""
        ...


class Point(msgspec.Struct, frozen=True):
    """One step of a series: `time` is where the step begins."""

    time: Nanoseconds
    min: float
    mean: float
    max: float
    count: int


class Series(msgspec.Struct, frozen=True):
    """The history of one name from one source."""

    name: str
    source: str
    unit: str
    points: list[Point]


class NameSeen(msgspec.Struct, frozen=True):
    """A metric name that the store holds, with what is known of it."""

    name: str
    kind: str
    unit: str
    sources: list[str]
    first_time: Nanoseconds
    last_time: Nanoseconds
    count: int


class SessionSeen(msgspec.Struct, frozen=True):
    """A session that has sent metrics."""

    session: str
    source: str
    first_time: Nanoseconds
    last_time: Nanoseconds
    count: int


class AttributeSeen(msgspec.Struct, frozen=True):
    """An attribute of metrics of one name: its most frequent `values` first, as texts to filter a series by,
    and how many of the metrics that were looked at have it."""

    key: str
    values: list[str]
    count: int


AttributeFilter: TypeAlias = tuple[tuple[str, str], ...]
"""Keys, each once, with the text of the value that a metric must have there: a string as it is, a number or
boolean as JSON prints it. All must hold."""

LOOKED_AT = 10_000
"""Metrics of a name, the latest by time, whose attributes are looked at."""
MAX_KEYS = 50
"""Attributes of a name that are told."""
MAX_VALUES = 50
"""Values of one attribute that are told."""


class SeriesQuery(msgspec.Struct, frozen=True):
    """Which series is meant: the metrics of `name` in `[start, until)`, of `source`, of `session` and with
    `attributes` where they are given, in points of `step`."""

    name: str
    start: Nanoseconds
    until: Nanoseconds
    step: Nanoseconds
    source: str | None = None
    session: str | None = None
    attributes: AttributeFilter = ()


class HistoryUnavailableError(Exception):
    """The store cannot be asked now; the message says why. Nothing is lost: it is in the journal."""


class History(Protocol):
    """What the store holds. Every method raises HistoryUnavailableError when it does not answer."""

    async def series(self, query: SeriesQuery) -> list[Series]:
        """Per source, down-sampled to the step of `query`: the points with metrics that it means."""
        ...

    async def names(self) -> list[NameSeen]:
        """Every metric name, sorted."""
        ...

    async def sessions(self) -> list[SessionSeen]:
        """Every session, the latest seen first."""
        ...

    async def attributes(self, name: str) -> list[AttributeSeen]:
        """What the latest LOOKED_AT metrics of `name` have: the MAX_KEYS most frequent attributes, each with
        its MAX_VALUES most frequent values; what is as frequent is in order of key or value."""
        ...


class DeadLetters(Protocol):
    """The dead-letter queue. Every method may raise DeadLettersUnavailableError."""

    def page(self, which: LetterFilter, limit: int, cursor: str | None) -> LetterPage:
        """At most `limit` of the letters that match, after `cursor`. Raises ValueError for a cursor that is
        none of ours."""
        ...

    async def whole_page(self, which: LetterFilter, limit: int, cursor: str | None) -> LetterPage:
        """As `page`, each letter with its metric; fewer letters than asked for where the metrics are large:
        only a page without a cursor is the last. Raises ValueError for a cursor that is none of ours."""
        ...

    async def show(self, id_: int) -> Letter:
        """One letter, with its metric. Raises NoSuchLetterError."""
        ...

    async def redrive(self, id_: int, edited: Metric | None) -> Redriven:
        """Send one letter to its store again, or `edited` in its place. Raises NoSuchLetterError."""
        ...

    async def redrive_all(self, which: LetterFilter, *, dry_run: bool, rate: float | None) -> Bulk:
        """Queue what matches for its stores, `rate` metrics a second (None: as fast as they go)."""
        ...

    async def discard(self, id_: int) -> None:
        """Give one letter up, for good. Raises NoSuchLetterError."""
        ...

    async def discard_all(self, which: LetterFilter, *, dry_run: bool) -> Bulk:
        """Give up what matches, for good."""
        ...


class Past(Protocol):
    """What the journal had folded to."""

    async def state(self, offset: Offset | None, time: Nanoseconds | None) -> StateAnswer:
        """The state after every event before `offset`, or before the first record that was written at `time`
        or later; now, where both are None. Cancelling it ends the reading."""
        ...


class RealtimeTicket(msgspec.Struct, frozen=True):
    """What a page needs to listen: the project's `url` and `anon_key`, the private channel's `topic` (without
    `realtime:`), and a `token` for it that is good until `expires_at`, in nanoseconds. Each message has the
    event `frame`, and as its payload a frame as the WebSocket has it."""

    url: str
    anon_key: str
    topic: str
    token: str
    expires_at: Nanoseconds


class RealtimeUnavailableError(Exception):
    """Pages cannot listen; the message says what to configure."""


class Realtime(Protocol):
    """The other transport of frames."""

    def ticket(self, session: str) -> RealtimeTicket:
        """A ticket for a page's session. Raises RealtimeUnavailableError."""
        ...


class EdgeSettings(msgspec.Struct, frozen=True):
    """What the edge must know of the configuration. `token` is never printed."""

    token: str | None = None
    max_body: int = 8 * 1024 * 1024
    """Bytes of a request's body, after decompression."""
    max_in_flight: int = 64 * 1024 * 1024
    """Bytes of bodies taken and not yet answered; above it requests are refused with 503."""
    hosts: tuple[str, ...] | None = None
    """Names besides localhost by which the server may be called; None: by any."""
    connect: tuple[str, ...] = ()
    """Origins besides its own that the page may connect to."""
    max_connections: int = 10_000
    """Connections open at once, WebSockets included; a further one is answered 503 and closed."""
    max_subscribers: int = 2_000
    """WebSockets open at once; a further one is refused with 503."""


class Ports(msgspec.Struct, frozen=True):
    """All that the edge is given."""

    ingest: Ingest
    live: Live
    status: Status
    history: History
    settings: EdgeSettings
    dead_letters: DeadLetters
    past: Past
    flags: Flags
    machinery: Machinery
    realtime: Realtime | None = None
    """None where it is switched off."""
