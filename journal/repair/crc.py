"""CRC-32 run backwards: what a checksum began from, and bytes that make it what it must be. Pure.

The register of a CRC is a bijection of what it was before each byte, and linear in the bits of that byte. So
it can be wound back over known bytes, and four free bytes reach any value: they are the difference between
the register before them and the one that must stand behind them, both taken to the same place
(Stigge et al., "Reversing CRC: Theory and Practice", HU Berlin, 2006). CRCs are those of zlib.
"""

from __future__ import annotations

from typing import Final

_POLYNOMIAL: Final = 0xEDB88320
_ONES: Final = 0xFFFFFFFF


def _entry(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ (_POLYNOMIAL if index & 1 else 0)
    return index


_TABLE: Final = tuple(map(_entry, range(256)))
# The first byte of an entry stands in no other.
_INDEX: Final = {entry >> 24: index for index, entry in enumerate(_TABLE)}


def began_from(check: int, data: bytes) -> int:
    """The value from which `zlib.crc32(data, value)` comes to `check`."""
    register = check ^ _ONES
    for byte in reversed(data):
        index = _INDEX[register >> 24]
        register = (register ^ _TABLE[index]) << 8 & _ONES | index ^ byte
    return register ^ _ONES


def solve(before: int, behind: bytes, check: int) -> bytes:
    """The four bytes with which `zlib.crc32(four + behind, before)` comes to `check`."""
    return (before ^ began_from(check, bytes(4) + behind)).to_bytes(4, "little")
