"""The lean loop agrees with the framing that it unrolls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.events import (
    ActorRestarted,
    Appendable,
    Event,
    MetricsAccepted,
    MetricsAsSent,
    encode,
    pack_metrics,
    width,
)
from journal.framing import Sealing, encode_record, read_header, records
from journal.inspect.skim import Tally, skim, skim_large
from journal.metric import Metric
from tests.journal.building import SALT, SegmentBuilder, metrics


def built(sizes: list[int], control_at: int) -> SegmentBuilder:
    segment = SegmentBuilder()
    for index, size in enumerate(sizes):
        events: list[Event] = [metrics(0, size, text=size)]
        if index == control_at:
            events = [ActorRestarted("/a")]
        segment.add(events)
    return segment


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    control_at=st.integers(0, 20),
    flip=st.none() | st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)),
    cut=st.integers(0, 200),
)
def test_it_stops_where_the_framing_stops(
    sizes: list[int], control_at: int, flip: tuple[float, int] | None, cut: int
) -> None:
    """Over any mixture, damage and cut, it passes exactly the sound plain records that framing reads from the
    same place, and counts them right."""
    segment = built(sizes, control_at)
    begin = segment.places[0]
    data = bytearray(segment.data)
    if flip is not None:
        data[begin.position + int(flip[0] * (len(data) - begin.position))] ^= flip[1]
    whole = bytes(data[: len(data) - cut])
    expected, passed = begin, []
    for record in records(whole, begin, SALT):
        if not record.plain:
            break
        passed.append(record)
        expected = expected.after(record)
    tally = Tally()
    assert skim(whole[8:], 8, begin, SALT, tally) == expected
    assert tally.records == len(passed)
    assert tally.metrics == sum(record.count for record in passed)
    if passed:
        assert (tally.first_time, tally.last_time) == (passed[0].time, passed[-1].time)


@given(window=st.integers(100, 4000), flip=st.none() | st.integers(48, 20_000))
def test_a_large_record_is_checked_in_parts(window: int, flip: int | None) -> None:
    """A record larger than what is read at a time is passed when sound, and not when a byte is wrong."""
    segment = SegmentBuilder()
    begin = segment.place
    end = segment.add([metrics(0, 10, text=2000)])
    data = bytearray(segment.data)
    if flip is not None:
        data[min(begin.position + flip, len(data) - 1)] ^= 1
    first = bytes(data[begin.position : begin.position + window])
    header = read_header(first, 0, SALT)
    assert header is not None
    tally = Tally()

    def read(position: int, size: int) -> bytes:
        return bytes(data[position : position + size])

    assert skim_large(read, first, begin, header, tally) == (end if flip is None else None)
    assert tally.metrics == (10 if flip is None else 0)


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize(
    "event",
    [
        metrics(0, 3),
        pack_metrics([Metric("x", 1.0)]),
        MetricsAsSent(b'{"name":"x","value":1}', 1),
        MetricsAsSent(b"[" + b",".join([b'{"name":"x","value":1}'] * 200) + b"]", 200),
    ],
)
def test_metrics_of_every_form_are_passed(event: Appendable, count: int) -> None:
    """However metrics are stored, and however many requests share a record, it need not be decoded."""
    segment = SegmentBuilder()
    begin = segment.place
    tally = Tally()
    end = segment.add([event] * count)
    assert skim(bytes(segment.data), 0, begin, SALT, tally) == end
    assert tally.metrics == count * width(event)


def test_what_is_not_plain_metrics_is_left_to_be_decoded() -> None:
    """A keyed request, a control event and an unknown kind that claims to be plain are not passed over."""
    for event in (MetricsAccepted([], key="k"), ActorRestarted("/a")):
        segment = SegmentBuilder()
        begin = segment.place
        segment.add([event])
        assert skim(bytes(segment.data), 0, begin, SALT, Tally()) == begin
    segment = SegmentBuilder()
    begin = segment.place
    sealing = Sealing(begin.next_offset, 1, 7, True, 0, begin.chain)
    data = bytes(segment.data) + encode_record(b"\x91\x81\xa4type\xa9metrics/2", sealing, SALT)
    assert skim(data, 0, begin, SALT, Tally()) == begin


@pytest.mark.parametrize(("base", "chain"), [(0, 1), (1, 0)])
def test_a_record_that_does_not_follow_is_left_to_the_framing(base: int, chain: int) -> None:
    """A plain record of right checksums at the wrong offset, or with the wrong chain, is not passed over."""
    segment = SegmentBuilder()
    begin = segment.place
    sealing = Sealing(begin.next_offset + base, 3, 7, True, 0, begin.chain ^ chain)
    data = bytes(segment.data) + encode_record(encode([metrics(0, 3)]), sealing, SALT)
    assert skim(data, 0, begin, SALT, Tally()) == begin
