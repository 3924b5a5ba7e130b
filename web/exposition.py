"""Forebay about itself, as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from web.edge import Edge
from web.report import ActorStatus, DeadLetterStatus, RealtimeStatus, StatusReport, StoreStatus

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class _ForebayCollector(Collector):
    def __init__(
        self, report: Callable[[], StatusReport], edge: Edge, subscribers: Callable[[], int]
    ) -> None:
        self._report = report
        self._edge = edge
        self._subscribers = subscribers

    def describe(self) -> Iterable[Metric]:
        """Nothing: a collector that describes itself is not asked for values when it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, from one report."""
        report = self._report()
        yield from _totals(report)
        yield from _journal(report)
        yield from _stores(report.stores)
        yield from _dead_letters(report.dead_letters)
        yield from _realtime(report.realtime)
        yield from _actors(report.actors)
        yield from _http(self._edge, self._subscribers())


def exposition(
    report: Callable[[], StatusReport], edge: Edge, subscribers: Callable[[], int]
) -> Callable[[], bytes]:
    """A function that returns the text as of its call."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ForebayCollector(report, edge, subscribers))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _totals(report: StatusReport) -> Iterator[Metric]:
    info = GaugeMetricFamily("forebay_build_info", "The version that runs.", labels=["version", "journal_id"])
    info.add_metric([report.version, report.journal.id], 1)
    yield info
    yield _gauge("forebay_start_time_seconds", "When the process started.", report.started_at / 1e9)
    yield _counter("forebay_metrics_accepted", "Metrics accepted since the journal began.", report.accepted)
    # As the status: of several stores the first; the others are among forebay_store_*.
    yield _counter("forebay_metrics_persisted", "Metrics in the first store.", report.persisted)
    yield _gauge(
        "forebay_metrics_dead_lettered",
        "Metrics that are dead letters of the first store or were given up as such; fewer when redriven.",
        report.dead_lettered,
    )
    yield _gauge("forebay_metrics_pending", "Metrics accepted, not yet in the first store.", report.pending)
    yield _gauge(
        "forebay_metrics_lost",
        "Metrics that a damage of the journal took, at most, before the first store was given them.",
        report.lost,
    )


def _journal(report: StatusReport) -> Iterator[Metric]:
    journal = report.journal
    yield _gauge("forebay_journal_first_offset", "The oldest offset kept.", journal.first_offset)
    yield _gauge("forebay_journal_next_offset", "The offset of the next metric.", journal.next_offset)
    yield _gauge("forebay_journal_segments", "Segments on disk.", journal.segments)
    yield _gauge("forebay_journal_bytes", "Bytes on disk.", journal.bytes)
    yield _gauge("forebay_journal_free_bytes", "Bytes free on the disk.", journal.free_bytes)
    yield _gauge(
        "forebay_journal_full_in_seconds",
        "Time until the disk is full at the rate of the last minutes; +Inf while the journal does not grow.",
        inf if journal.full_in is None else journal.full_in,
    )
    yield _gauge("forebay_journal_writable", "1 when metrics are taken.", journal.state == "writable")


_BREAKER_STATES: Final = ("closed", "half-open", "open", "off")
_STATES: Final = ("starting", "following", "catching-up", "waiting", "blocked", "off")
_STORE_GAUGES: Final[tuple[tuple[str, str, Callable[[StoreStatus], float]], ...]] = (
    ("forebay_store_cursor", "Where the store is in the journal.", lambda store: store.cursor),
    ("forebay_store_lag", "Metrics accepted and not yet in the store.", lambda store: store.lag),
    (
        "forebay_store_lag_seconds",
        "How long the oldest metric that is not in the store has waited.",
        lambda store: store.lag_seconds,
    ),
    (
        "forebay_store_dead_lettered",
        "Metrics that the store does not hold for being, or having been, dead letters.",
        lambda store: store.dead_lettered,
    ),
    (
        "forebay_store_lost",
        "Metrics that a damage of the journal took, at most, before the store was given them.",
        lambda store: store.lost,
    ),
    (
        "forebay_store_failed_attempts",
        "Attempts that have failed in a row, 0 after a success.",
        lambda store: store.attempts,
    ),
    (
        "forebay_store_failing_since_timestamp_seconds",
        "When the attempts began to fail, 0 after a success.",
        lambda store: store.failing_since / 1e9,
    ),
    (
        "forebay_store_breaker_since_timestamp_seconds",
        "When the breaker came to the state that it is in.",
        lambda store: store.breaker_since / 1e9,
    ),
    (
        "forebay_store_next_probe_timestamp_seconds",
        "When an open breaker lets a probe through, 0 where none is open.",
        lambda store: store.next_probe_at / 1e9,
    ),
)


def _stores(stores: list[StoreStatus]) -> Iterator[Metric]:
    for name, text, value in _STORE_GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=["store"])
        for store in stores:
            gauge.add_metric([store.name], value(store))
        yield gauge
    persisted = CounterMetricFamily(
        "forebay_store_persisted", "Metrics given to the store since the journal began.", labels=["store"]
    )
    breaker = GaugeMetricFamily(
        "forebay_store_breaker",
        "1 for the state that the circuit breaker is in, 0 for the others.",
        labels=["store", "state"],
    )
    state = GaugeMetricFamily(
        "forebay_store_state",
        "1 for the state that the store's persistence is in, 0 for the others.",
        labels=["store", "state"],
    )
    for store in stores:
        persisted.add_metric([store.name], store.persisted)
        # Every state at any time: a series that comes and goes is counted wrongly by `max_over_time`.
        for each in _BREAKER_STATES:
            breaker.add_metric([store.name, each], store.breaker == each)
        for each in _STATES:
            state.add_metric([store.name, each], store.state == each)
    yield from (persisted, breaker, state)


def _dead_letters(queue: DeadLetterStatus) -> Iterator[Metric]:
    yield _gauge("forebay_dead_letters_enabled", "1 where there is a dead-letter queue.", queue.enabled)
    yield _gauge("forebay_dead_letters_pending", "Dead letters in the queue.", queue.pending)
    yield _gauge("forebay_dead_letters_limit", "Dead letters beyond which the oldest expire.", queue.limit)
    yield _gauge(
        "forebay_dead_letters_oldest_timestamp_seconds",
        "Since when the oldest dead letter has waited, 0 where none waits.",
        queue.oldest_at / 1e9,
    )
    yield _gauge(
        "forebay_dead_letters_redriving", "Dead letters on their way back to their store.", queue.redriving
    )
    yield _counter(
        "forebay_dead_letters_redriven", "Dead letters that their store took after all.", queue.redriven
    )
    yield _counter("forebay_dead_letters_discarded", "Dead letters given up by a person.", queue.discarded)
    yield _counter("forebay_dead_letters_expired", "Dead letters given up for a limit.", queue.expired)


_REALTIME_STATES: Final = ("off", "idle", "connecting", "publishing", "failing")


def _realtime(realtime: RealtimeStatus) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "forebay_realtime_state",
        "1 for the state that publishing on Realtime is in, 0 for the others.",
        labels=["state"],
    )
    for each in _REALTIME_STATES:
        state.add_metric([each], realtime.state == each)
    yield state
    yield _gauge("forebay_realtime_breaker_open", "1 while nothing is tried.", realtime.breaker == "open")
    yield _counter("forebay_realtime_published", "Messages taken by Realtime.", realtime.published)
    yield _counter(
        "forebay_realtime_dropped", "Messages not published, and told of as a gap.", realtime.dropped
    )


def _actors(tree: ActorStatus) -> Iterator[Metric]:
    mailbox = GaugeMetricFamily("forebay_actor_mailbox", "Messages waiting.", labels=["path"])
    capacity = GaugeMetricFamily("forebay_actor_mailbox_capacity", "Messages that may wait.", labels=["path"])
    processed = CounterMetricFamily("forebay_actor_processed", "Messages processed.", labels=["path"])
    dropped = CounterMetricFamily("forebay_actor_dropped", "Messages dropped by policy.", labels=["path"])
    restarts = CounterMetricFamily("forebay_actor_restarts", "Restarts.", labels=["path"])
    running = GaugeMetricFamily("forebay_actor_running", "1 when the actor runs.", labels=["path"])
    waiting = [tree]
    while waiting:
        actor = waiting.pop()
        waiting += reversed(actor.children)
        mailbox.add_metric([actor.path], actor.mailbox)
        capacity.add_metric([actor.path], actor.capacity)
        processed.add_metric([actor.path], actor.processed)
        dropped.add_metric([actor.path], actor.dropped)
        restarts.add_metric([actor.path], actor.restarts)
        running.add_metric([actor.path], actor.state == "running")
    yield from (mailbox, capacity, processed, dropped, restarts, running)


def _http(edge: Edge, subscribers: int) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "forebay_ingest_requests", "Answers to POST /api/metrics by status.", labels=["status"]
    )
    requests.add_metric(["202"], edge.accepted_requests)
    for status, count in sorted(edge.answers.items()):
        requests.add_metric([str(status)], count)
    yield requests
    yield _gauge("forebay_ingest_in_flight_bytes", "Bytes taken in and not yet answered.", edge.in_flight)
    yield _gauge("forebay_http_connections", "Open HTTP connections.", len(edge.connections))
    yield _gauge("forebay_live_subscribers", "Open WebSockets.", subscribers)
