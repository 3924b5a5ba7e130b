"""How many metrics a payload holds, at both depths."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.events import (
    ActorRestarted,
    Appendable,
    MetricsAccepted,
    MetricsAsSent,
    encode,
    pack_metrics,
    width,
)
from journal.inspect.holding import by_events, by_metrics
from journal.metric import Metric

counts = st.one_of(st.integers(1, 40), st.just(65_536))


def packed(count: int) -> Appendable:
    return pack_metrics([Metric("x", 1.0)] * count)


def sent(count: int) -> Appendable:
    return MetricsAsSent(b"[" + b",".join([b'{"name":"x","value":1}'] * count) + b"]", count)


@given(events=st.lists(st.one_of(counts.map(packed), st.integers(1, 40).map(sent)), min_size=1, max_size=4))
def test_both_count_every_metric(events: list[Appendable]) -> None:
    """Of one event or several, in either form, however many there are."""
    payload = encode(events)
    assert by_events(payload) == by_metrics(payload) == sum(map(width, events))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x90\x00",
        b"\xc1",
        encode([MetricsAccepted([Metric("x", 1.0)], "key")]),
        encode([ActorRestarted("/a")]),
        encode([packed(1), ActorRestarted("/a")]),
        encode([MetricsAccepted([])])[:-1],
        encode([MetricsAccepted([])])[:-1] + b"\x81\xa1x\x01",
        encode([packed(1), packed(2)])[:-1],
        msgspec.msgpack.encode([{"type": "metrics/2", "metrics": []}]),
        msgspec.msgpack.encode([{"type": "metrics-json/1", "json": "text", "count": 1}]),
        msgspec.msgpack.encode([{"type": "metrics-json/1", "json": b"{}"}]),
        msgspec.msgpack.encode(
            [{"type": "metrics/1", "metrics": {"a": 1}}, {"type": "metrics/1", "metrics": []}]
        ),
    ],
)
def test_what_is_no_event_of_metrics_is_not_counted(payload: bytes) -> None:
    """No MessagePack, an event of another kind or version, one with a key, metrics that are no array."""
    assert by_events(payload) is None
    assert by_metrics(payload) is None


@pytest.mark.parametrize(
    "event",
    [
        MetricsAsSent(b'[{"name":"x","value":1}', 1),
        MetricsAsSent(b'[{"name":"x","value":1}]', 2),
        MetricsAsSent(b'{"name":"","value":1}', 1),
        pack_metrics([Metric("", 1.0)]),
    ],
)
def test_only_decoding_finds_a_metric_that_is_none(event: Appendable) -> None:
    """Metrics that are cut short, fewer than said or not valid: passed by their events, not by themselves."""
    assert by_events(encode([event])) == width(event)
    assert by_metrics(encode([event])) is None
