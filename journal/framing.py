"""Records and segment headers as bytes, and what it means when the bytes are wrong.

This text is the format: someone could write a reader in another language from it. It stands in one file
with what does it, long as that is, so that neither changes without the other. All numbers are
little-endian and unsigned unless said otherwise; every CRC is CRC-32 as in zlib (RFC 1952).

A segment is a file of one 64-byte header, records that follow one another without a hole, and zeroes:

    at  size  segment header
     0     8  magic "FOREBAYJ"
     8     4  format version: 1
    12     4  salt: random, one a segment; the seed of every record's `check` in it
    16    16  journal id: a UUID, as its 16 bytes
    32     8  first offset; also the file's name, in 20 digits
    40     8  creation time: signed nanoseconds since the Unix epoch
    48     8  first offset of the segment before; the own one in the first segment
    56     4  chain: `check` of the last record of the segment before; 0 in the first segment
    60     4  CRC of the 60 bytes before

Every later format keeps magic, version and this CRC in their places, so that no reader takes it for damage.

    at  size  record; begins at a multiple of 8
     0     4  magic "FBr1"
     4     4  length of the payload in bytes
     8     8  base: the offset of its first event
    16     4  count: how many offsets its events take
    20     4  flags: bits 0-7 mask, bit 8 plain (see below)
    24     8  time: when it was written; signed nanoseconds since the Unix epoch
    32     4  unsynced: how many bytes right before this record were not synced when it was written
    36     4  chain: `check` of the record before, in this segment or the one before
    40     4  CRC of payload and padding, as they stand in the file
    44     4  check: CRC of the 44 bytes before, beginning from the segment's salt
    48     n  payload: a MessagePack array of events (see journal/events.py), each byte XORed with mask
             padding: 4 to 11 bytes 0xF7, up to a multiple of 8

*Plain* means that every event of the record is metrics without a key, so that a fold needs no more than
`count`. The chain makes a missing, foreign or swapped record an error; a record can be checked without
its neighbours all the same, which is what lets `repair` go on behind a damage. The salt is told to no
client, so that no payload can hold what would pass for a record.

**Torn or rotten?** The last write before a power cut may have reached the disk in part: it was never
acknowledged, and cutting it off is right. A damage to what had been synced loses what was acknowledged,
and startup must refuse it. Disks write sectors of 512 bytes whole or not at all, and a segment is all
zeroes before records are written to it (a recycled segment is zeroed again before it is used). So in a
torn write each sector either holds what was written or zeroes. A whole record, in turn, never has a
sector of zeroes: its first bytes are the magic, its last the padding, and a payload with a run of 128
zeroes is masked with a byte that leaves no such run. At least two bytes of each sector differ from zero,
so that no damage to a single byte makes one. Hence, where a record is wrong:

- all zeroes from there on: nothing was written; this is the end.
- a record further on says, by `unsynced`, that this place had been synced when it was written: rotten.
- the file ends, or a sector of the record is zeroes, or the record's last two bytes are: torn.
- otherwise every sector was written, and the record is wrong all the same: rotten.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from journal.events import Event, LaterFormatError, decode
from journal.metric import Nanoseconds, Offset

FORMAT_VERSION: Final = 1
SEGMENT_MAGIC: Final = b"FOREBAYJ"
RECORD_MAGIC: Final = b"FBr1"
SECTOR: Final = 512
ALIGNMENT: Final = 8
MAX_PAYLOAD: Final = 1 << 30

SEGMENT: Final = struct.Struct("<8sII16sQqQII")
RECORD: Final = struct.Struct("<4sIQIIqIIII")
"""The headers, field by field as above."""
CHECKSUM: Final = struct.Struct("<I")
SEGMENT_HEADER_SIZE: Final = SEGMENT.size
RECORD_HEADER_SIZE: Final = RECORD.size
UNCHECKED_SIZE: Final = RECORD_HEADER_SIZE - CHECKSUM.size
"""Bytes of a record's header that its `check` covers."""

_PAD: Final = b"\xf7"
_PADDING = tuple(_PAD * n for n in range(12))
_MIN_PADDING: Final = 4
MASK_BITS: Final = 0xFF
PLAIN_BIT: Final = 0x100
_ZERO_RUN: Final = bytes(128)
# 0xC1 stands in no MessagePack and in no UTF-8, so it is always free for a payload of ours.
_MASKS: Final = (0xC1, *(byte for byte in range(1, 256) if byte != 0xC1))


class SegmentHeader(msgspec.Struct, frozen=True):
    """The first 64 bytes of a segment."""

    journal_id: UUID
    first_offset: Offset
    salt: int
    created_at: Nanoseconds
    previous_first: Offset
    chain: int

    def encode(self) -> bytes:
        """The header's bytes."""
        head = SEGMENT.pack(
            SEGMENT_MAGIC,
            FORMAT_VERSION,
            self.salt,
            self.journal_id.bytes,
            self.first_offset,
            self.created_at,
            self.previous_first,
            self.chain,
            0,
        )[: -CHECKSUM.size]
        return head + CHECKSUM.pack(zlib.crc32(head))


def decode_segment_header(data: bytes, name: str = "segment") -> SegmentHeader | str:
    """The header at the start of `data`, or what is wrong with it in a few words. Raises LaterFormatError."""
    if len(data) < SEGMENT_HEADER_SIZE:
        return "segment header cut short"
    magic, version, salt, raw_id, first, created, previous, chain, check = SEGMENT.unpack_from(data)
    if magic != SEGMENT_MAGIC:
        return "segment header damaged (no segment magic)"
    if zlib.crc32(data[: SEGMENT_HEADER_SIZE - CHECKSUM.size]) != check or not version:
        return "segment header damaged (checksum)"
    if version > FORMAT_VERSION:
        raise LaterFormatError(name, version, FORMAT_VERSION)
    return SegmentHeader(UUID(bytes=raw_id), Offset(first), salt, created, Offset(previous), chain)


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as read; `payload` is unmasked, `position` is its first byte in the segment."""

    position: int
    size: int
    base: Offset
    count: int
    time: Nanoseconds
    plain: bool
    unsynced: int
    chain: int
    check: int
    payload: bytes

    @property
    def next_offset(self) -> Offset:
        """The offset right behind this record."""
        return Offset(self.base + self.count)

    def events(self) -> list[Event]:
        """The record's events. Raises UnknownEventError."""
        return decode(self.payload, self.base)


class RecordHeader(msgspec.Struct, frozen=True, gc=False):
    """A record's header whose own checksum is right."""

    length: int
    base: int
    count: int
    flags: int
    time: int
    unsynced: int
    chain: int
    data_check: int
    check: int

    @property
    def size(self) -> int:
        """Bytes of the whole record: header, payload and padding."""
        return record_size(self.length)


def record_size(length: int) -> int:
    """Bytes that a record with a payload of `length` bytes takes in the file."""
    return RECORD_HEADER_SIZE + length + _padding_size(length)


def _padding_size(length: int) -> int:
    return _MIN_PADDING + -(RECORD_HEADER_SIZE + length + _MIN_PADDING) % ALIGNMENT


class Sealing(msgspec.Struct, frozen=True, gc=False):
    """What a record says of itself besides its payload."""

    base: int
    count: int
    time: Nanoseconds
    plain: bool
    unsynced: int
    chain: int


def seal(buffer: bytearray, sealing: Sealing, salt: int) -> int:
    """Make a record of `buffer`, which holds RECORD_HEADER_SIZE spare bytes and then the payload.

    Returns the record's `check`, which the next record's chain repeats. Raises ValueError for a payload
    over MAX_PAYLOAD, which nobody could read back, and for one that no mask can free of long runs of zeroes;
    MessagePack of our own always can be.
    """
    length = len(buffer) - RECORD_HEADER_SIZE
    if length > MAX_PAYLOAD:
        raise ValueError(f"payload of {length} bytes, of {MAX_PAYLOAD} at most: it could not be read back")
    mask = 0
    if buffer.find(_ZERO_RUN, RECORD_HEADER_SIZE) >= 0:
        mask = _free_mask(buffer)
        buffer[RECORD_HEADER_SIZE:] = _masked(buffer[RECORD_HEADER_SIZE:], mask)
    buffer += _PADDING[_padding_size(length)]
    with memoryview(buffer) as view:
        data_check = zlib.crc32(view[RECORD_HEADER_SIZE:])
        flags = mask | (PLAIN_BIT if sealing.plain else 0)
        RECORD.pack_into(
            buffer,
            0,
            RECORD_MAGIC,
            length,
            sealing.base,
            sealing.count,
            flags,
            sealing.time,
            sealing.unsynced,
            sealing.chain,
            data_check,
            0,
        )
        check = zlib.crc32(view[:UNCHECKED_SIZE], salt)
    CHECKSUM.pack_into(buffer, UNCHECKED_SIZE, check)
    return check


def encode_record(payload: bytes, sealing: Sealing, salt: int) -> bytes:
    """The bytes of a record that holds `payload`."""
    buffer = bytearray(RECORD_HEADER_SIZE)
    buffer += payload
    seal(buffer, sealing, salt)
    return bytes(buffer)


def _masked(data: bytes | bytearray, mask: int) -> bytes:
    return bytes(data).translate(bytes(byte ^ mask for byte in range(256)))


def _free_mask(buffer: bytearray) -> int:
    for mask in _MASKS:
        if buffer.find(bytes([mask]) * len(_ZERO_RUN), RECORD_HEADER_SIZE) < 0:
            return mask
    raise ValueError("payload has long runs of every byte: no mask frees it of zeroes")


def read_header(data: bytes, position: int, salt: int) -> RecordHeader | None:
    """The header at `position`, or None where its own checksum, magic or length says that it is none."""
    if len(data) - position < RECORD_HEADER_SIZE:
        return None
    magic, *fields = RECORD.unpack_from(data, position)
    if magic != RECORD_MAGIC:
        return None
    header = RecordHeader(*fields)
    if zlib.crc32(data[position : position + UNCHECKED_SIZE], salt) != header.check:
        return None
    return header if header.length <= MAX_PAYLOAD else None


def read_record(data: bytes, position: int, salt: int) -> Record | None:
    """The record at `position` if it is whole, checked but for its place in the chain; else None."""
    header = read_header(data, position, salt)
    if header is None:
        return None
    end = position + header.size
    if end > len(data):
        return None
    start = position + RECORD_HEADER_SIZE
    with memoryview(data) as view:
        if zlib.crc32(view[start:end]) != header.data_check:
            return None
    payload = data[start : start + header.length]
    mask = header.flags & MASK_BITS
    return Record(
        position,
        header.size,
        Offset(header.base),
        header.count,
        header.time,
        bool(header.flags & PLAIN_BIT),
        header.unsynced,
        header.chain,
        header.check,
        _masked(payload, mask) if mask else payload,
    )


class Place(NamedTuple):
    """Where the next record must be, and what it must say to follow the one before."""

    position: int
    next_offset: int
    chain: int

    def after(self, record: Record) -> Place:
        """The place behind `record`."""
        return Place(record.position + record.size, record.next_offset, record.check)


def follows(record: Record, place: Place) -> bool:
    """Whether `record` is the one that belongs at `place`."""
    return record.base == place.next_offset and record.chain == place.chain


class Clean(msgspec.Struct, frozen=True):
    """Nothing was written from here on."""

    position: int


class Torn(msgspec.Struct, frozen=True):
    """The last write was not finished: bytes `[position, end)` are its remains."""

    position: int
    end: int
    reason: str


class Rotten(msgspec.Struct, frozen=True):
    """What had been synced is damaged."""

    position: int
    reason: str


Ending: TypeAlias = Clean | Torn | Rotten


def records(data: bytes, place: Place, salt: int) -> Iterator[Record]:
    """The records from `place` on that are whole and follow one another."""
    while (record := read_record(data, place.position, salt)) is not None and follows(record, place):
        yield record
        place = place.after(record)


def classify(data: bytes, place: Place, salt: int) -> Ending:
    """What stands at `place`, where `records` found none, in the segment `data` that was last written to.

    The module text gives the rules and says why they hold.
    """
    position = place.position
    written_end = len(data.rstrip(b"\0"))
    if written_end <= position:
        return Clean(position)
    record = read_record(data, position, salt)
    if record is not None:
        return Rotten(position, "a whole record that does not follow the one before it")
    witness = _synced_witness(data, position, salt)
    if witness is not None:
        return Rotten(position, f"damaged, though synced before the record at byte {witness} was written")
    header = read_header(data, position, salt)
    if header is None:
        torn = _header_is_torn(data, position, written_end)
        reason = "record header"
    else:
        end = position + header.size
        torn = (
            end > len(data)
            or data[end - 2 : end] == b"\0\0"
            or _has_unwritten_sector(data, position, position + header.size)
        )
        reason = "payload"
    if torn:
        return Torn(position, written_end, f"{reason} of the last write is unfinished")
    return Rotten(position, f"{reason} damaged (checksum)")


def _header_is_torn(data: bytes, position: int, written_end: int) -> bool:
    """Whether the header at `position` has a part that never reached the disk.

    A whole record has padding behind its header: where all is zeroes behind it, the write stopped early.
    """
    end = position + RECORD_HEADER_SIZE
    return end > len(data) or written_end <= end or _has_unwritten_sector(data, position, end)


def _has_unwritten_sector(data: bytes, start: int, end: int) -> bool:
    """Whether one of the sectors that `[start, end)` touches is zeroes, from `start` to its own end."""
    while start < end:
        stop = (start // SECTOR + 1) * SECTOR
        if not data[start:stop].strip(b"\0"):
            return True
        start = stop
    return False


def _synced_witness(data: bytes, position: int, salt: int) -> int | None:
    """Where a header stands that was written after `position` had been synced, if there is one."""
    found = position
    while (found := data.find(RECORD_MAGIC, found + 1)) >= 0:
        if found % ALIGNMENT:
            continue
        header = read_header(data, found, salt)
        if header is not None and found - header.unsynced > position:
            return found
    return None
