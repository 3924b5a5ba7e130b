"""Checksums run backwards: records with any check, and the salt that a record was sealed with."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from journal.events import Event, MetricsAccepted, MetricsAsSent, OffsetsLost, Snapshot, encode, width
from journal.framing import Place, follows, read_record
from journal.metric import Metric
from journal.repair.crc import began_from, solve
from journal.repair.losses import LEAST_BYTES
from journal.repair.making import check_of, record_of
from journal.state import State

words = st.integers(0, 2**32 - 1)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        OffsetsLost, st.integers(1, 2**31), st.integers(0, 2**31), st.text(max_size=300), st.booleans()
    ),
    st.builds(Snapshot, st.builds(State, st.integers(0, 2**63 - 1))),
)


@given(st.binary(max_size=200), words)
def test_what_a_checksum_began_from(data: bytes, start: int) -> None:
    """The CRC of any bytes leads back to the value that it began from."""
    assert began_from(zlib.crc32(data, start), data) == start


@given(st.binary(max_size=50), st.binary(max_size=50), words, words)
def test_four_bytes_reach_any_checksum(before: bytes, behind: bytes, start: int, check: int) -> None:
    """Between any bytes, the four that are found make the CRC of all what it must be."""
    four = solve(zlib.crc32(before, start), behind, check)
    assert len(four) == 4
    assert zlib.crc32(before + four + behind, start) == check


@given(events, st.integers(0, 2**62), st.integers(-(2**60), 2**62), words, words, words)
def test_a_record_with_any_check(
    event: Event, base: int, time: int, chain: int, salt: int, check: int
) -> None:
    """A record is made with the very check that what follows expects: it reads back whole, says the same
    event, belongs where it was made for, and is dated early by less than nine seconds."""
    made = record_of(event, base, time, chain, salt, check)
    record = read_record(made, 0, salt)
    assert record is not None
    assert (record.check, check_of(made)) == (check, check)
    assert record.size == len(made)
    assert record.events() == [event]
    assert record.count == width(event)
    assert follows(record, Place(0, base, chain))
    assert 0 <= time - record.time < 9_000_000_000


@given(events, st.integers(0, 2**62), st.integers(0, 2**62), words, words)
def test_a_record_without_a_wish(event: Event, base: int, time: int, chain: int, salt: int) -> None:
    """Where nothing expects a check, the record is as any other, with its own time."""
    record = read_record(record_of(event, base, time, chain, salt), 0, salt)
    assert record is not None
    assert (record.time, record.events()) == (time, [event])


@given(st.integers(1, 500), st.booleans())
def test_no_metric_takes_fewer_bytes(count: int, as_sent: bool) -> None:
    """However small metrics are, an offset takes no fewer bytes in a payload than is reckoned with."""
    sent = b"[" + b",".join([b'{"name":"a","value":0}'] * count) + b"]"
    event = MetricsAsSent(sent, count) if as_sent else MetricsAccepted([Metric("a", 0.0)] * count)
    assert len(encode([event])) >= count * LEAST_BYTES
