"""Records and headers that take the place of what is lost. Pure.

A record names, as its `chain`, the `check` of the one before. So that what follows a damage can stay as it
is, byte for byte, what is put in the place of the damage must have the very `check` that was lost. The low
half of its `time` is chosen so: the record is dated up to nine seconds early, and nothing else of it moves.
"""

from __future__ import annotations

import zlib
from typing import Final

from msgspec.structs import replace

from journal.events import Event, encode, width
from journal.framing import CHECKSUM, UNCHECKED_SIZE, Sealing, encode_record
from journal.metric import MIN_INT64, Nanoseconds
from journal.repair.crc import solve

MAX_COUNT: Final = 1 << 31
"""Offsets that one record stands for at most; its `count` has 32 bits."""

_TIME: Final = 24
_HALF: Final = 1 << 32


def check_of(record: bytes) -> int:
    """The `check` of the record that begins `record`."""
    return int(CHECKSUM.unpack_from(record, UNCHECKED_SIZE)[0])


def record_of(
    event: Event, base: int, time: Nanoseconds, chain: int, salt: int, check: int | None = None
) -> bytes:
    """A record of `event` alone that follows `chain`; its own check is `check`, where that is given."""
    return sealed(encode([event]), Sealing(base, width(event), time, False, 0, chain), salt, check)


def sealed(payload: bytes, sealing: Sealing, salt: int, check: int | None = None) -> bytes:
    """A record of `payload`; its own check is `check`, where that is given."""
    if check is None:
        return encode_record(payload, sealing, salt)
    early = replace(sealing, time=max(sealing.time - _HALF, MIN_INT64))
    record = bytearray(encode_record(payload, early, salt))
    before = zlib.crc32(record[:_TIME], salt)
    record[_TIME : _TIME + 4] = solve(before, bytes(record[_TIME + 4 : UNCHECKED_SIZE]), check)
    CHECKSUM.pack_into(record, UNCHECKED_SIZE, check)
    return bytes(record)
