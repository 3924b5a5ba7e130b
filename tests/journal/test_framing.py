"""Records and headers come back as they went, and no sector of a record looks unwritten."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.framing import (
    ALIGNMENT,
    RECORD_HEADER_SIZE,
    SECTOR,
    SEGMENT_HEADER_SIZE,
    Clean,
    Place,
    Rotten,
    Sealing,
    SegmentHeader,
    Torn,
    classify,
    decode_segment_header,
    encode_record,
    read_record,
    record_size,
    records,
)
from journal.metric import Offset
from tests.journal.building import SALT

u32, u64, i64 = st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1), st.integers(-(2**63), 2**63 - 1)
sealings = st.builds(Sealing, u64, u32, i64, st.booleans(), u32, u32)
runs = st.tuples(st.sampled_from([b"\0", b"\xc1", b"\x01", b"\xff", b"a\0"]), st.integers(1, 1500)).map(
    lambda run: run[0] * run[1]
)
payloads = st.lists(st.binary(max_size=40) | runs, max_size=5).map(b"".join)


@given(payloads, sealings, u32, st.integers(0, 20))
def test_round_trip(payload: bytes, sealing: Sealing, salt: int, eighths: int) -> None:
    """What is sealed is read back, payload and header, wherever it stands."""
    before = b"\xaa" * eighths * ALIGNMENT
    data = before + encode_record(payload, sealing, salt)
    record = read_record(data, len(before), salt)
    assert record is not None
    assert record.payload == payload
    assert (record.base, record.count, record.time) == (sealing.base, sealing.count, sealing.time)
    assert (record.plain, record.unsynced, record.chain) == (sealing.plain, sealing.unsynced, sealing.chain)
    assert record.size == len(data) - len(before) == record_size(len(payload))
    assert record.size % ALIGNMENT == 0


@given(payloads, sealings, st.integers(0, SECTOR // ALIGNMENT - 1))
def test_no_sector_of_a_record_looks_unwritten(payload: bytes, sealing: Sealing, eighths: int) -> None:
    """In every sector that a record touches, from the record's start on, two bytes or more are not zero:
    so neither a sector nor a sector with one byte damaged passes for one that was never written."""
    start = eighths * ALIGNMENT
    data = bytes(start) + encode_record(payload, sealing, SALT)
    for sector in range(start // SECTOR * SECTOR, len(data), SECTOR):
        part = data[sector : sector + SECTOR]
        assert len(part) - part.count(0) >= 2, f"sector at byte {sector} of a record at byte {start}"


@pytest.mark.parametrize("payload", [bytes(5000), b"\xc1" * 3000 + bytes(3000), b"\0\xc1" * 4000])
def test_zeroes_are_masked(payload: bytes) -> None:
    """A payload of nothing but zeroes has none in the file."""
    data = encode_record(payload, Sealing(0, 1, 0, False, 0, 0), SALT)
    assert data.find(bytes(128), RECORD_HEADER_SIZE) < 0
    record = read_record(data, 0, SALT)
    assert record is not None
    assert record.payload == payload


def test_a_payload_that_no_mask_frees_is_refused() -> None:
    """A payload with long runs of all 256 bytes (no MessagePack of ours is) cannot be sealed."""
    with pytest.raises(ValueError, match="no mask"):
        encode_record(
            b"".join(bytes([byte]) * 128 for byte in range(256)), Sealing(0, 1, 0, False, 0, 0), SALT
        )


@pytest.mark.parametrize("start", range(0, SECTOR, ALIGNMENT))
def test_every_alignment(start: int) -> None:
    """At every alignment within a sector: a record is found, its absence is an end, each part of it whose
    sectors were not all written is torn, and any damaged byte in it is rotten."""
    sealing = Sealing(9, 3, 5, True, 0, 77)
    record = encode_record(b"payload" * 30, sealing, SALT)
    place = Place(start, 9, 77)
    size = 4 * SECTOR
    data = (bytes(start) + record).ljust(size, b"\0")
    (found,) = records(data, place, SALT)
    assert classify(data, place.after(found), SALT) == Clean(start + len(record))
    assert classify(bytes(size), place, SALT) == Clean(start)
    for boundary in range(start // SECTOR * SECTOR + SECTOR, start + len(record), SECTOR):
        without_end = data[:boundary].ljust(size, b"\0")
        without_begin = bytes(boundary) + data[boundary:]
        assert isinstance(classify(without_end, place, SALT), Torn)
        assert isinstance(classify(without_begin, place, SALT), Torn)
    for byte in range(start, start + len(record)):
        for value in {data[byte] ^ 0xFF, data[byte] ^ 1, 0} - {data[byte]}:
            damaged = bytearray(data)
            damaged[byte] = value
            assert not list(records(bytes(damaged), place, SALT))
            assert isinstance(classify(bytes(damaged), place, SALT), Rotten)


def test_a_record_of_another_segment_is_no_record() -> None:
    """The salt tells apart what an earlier use of the same file left behind."""
    data = encode_record(b"x", Sealing(0, 1, 0, False, 0, 0), SALT)
    assert read_record(data, 0, SALT) is not None
    assert read_record(data, 0, SALT + 1) is None


@given(st.uuids(), u64, u32, i64, u64, u32)
def test_segment_header_round_trip(
    journal_id: UUID, first: int, salt: int, created: int, previous: int, chain: int
) -> None:
    """A segment's header is read back as it was written, and with any byte changed it is refused."""
    header = SegmentHeader(journal_id, Offset(first), salt, created, Offset(previous), chain)
    data = header.encode()
    assert len(data) == SEGMENT_HEADER_SIZE
    assert decode_segment_header(data) == header
    for byte in range(SEGMENT_HEADER_SIZE):
        damaged = bytearray(data)
        damaged[byte] ^= 0xFF
        assert isinstance(decode_segment_header(bytes(damaged)), str)
    assert isinstance(decode_segment_header(data[:-1]), str)
