"""Undoes `Content-Encoding`: gzip (RFC 1952) and zstd (RFC 8878), never making more than it is allowed to.

A bomb is refused when its output passes the limit, whatever it claims; memory stays near the limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeAlias

import zstandard

from web.receivers.errors import ReceiverError

Decompressor: TypeAlias = Callable[[bytes, int], bytes]
"""(compressed, limit) -> at most `limit` bytes. Raises ReceiverError."""

MAX_PARTS = 1_000
"""gzip members or zstd frames in one body: each costs a set-up, and a body could be nothing else."""
MIN_ZSTD_WINDOW = 8 * 1024 * 1024
"""What every frame may ask for (RFC 8878, 3.1.1.1.2); more only where the limit on the output is higher."""
_SLICE = 64 * 1024


def gunzip(data: bytes, limit: int) -> bytes:
    """The content of the gzip members that `data` is made of, to the last byte."""
    parts: list[bytes] = []
    room = limit + 1
    position = members = 0
    while position < len(data) or not members:
        members += 1
        if members > MAX_PARTS:
            raise ReceiverError(f"the body has more than {MAX_PARTS} gzip members")
        member = zlib.decompressobj(wbits=31)
        # zlib copies what lies behind a member, so it is fed slices: time stays linear.
        while not member.eof:
            piece = data[position : position + _SLICE]
            if not piece:
                raise ReceiverError("the gzip body is cut short: its last member has no end")
            try:
                parts.append(part := member.decompress(piece, room))
            except zlib.error as error:
                raise ReceiverError(f"the body is not valid gzip ({error})") from error
            room -= len(part)
            if not room:
                raise _too_large(limit)
            position += len(piece) - len(member.unused_data) - len(member.unconsumed_tail)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unzstd(data: bytes, limit: int) -> bytes:
    """The content of the zstd frames that `data` is made of, to the last byte."""
    _check_whole_frames(data)
    decompressor = zstandard.ZstdDecompressor(max_window_size=max(MIN_ZSTD_WINDOW, 1 << limit.bit_length()))
    try:
        with decompressor.stream_reader(data, read_across_frames=True) as reader:
            content = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise ReceiverError(f"the body is not valid zstd ({error})") from error
    if len(content) > limit:
        raise _too_large(limit)
    return content


def _too_large(limit: int) -> ReceiverError:
    return ReceiverError(
        f"the body is over {limit} bytes when decompressed; send it in smaller parts", status=413
    )


def _check_whole_frames(data: bytes) -> None:
    """Walk the frames and their blocks (RFC 8878, 3.1.1), since the library is content with part of one."""
    position = frames = 0
    while position < len(data) or not frames:
        frames += 1
        if frames > MAX_PARTS:
            raise ReceiverError(f"the body has more than {MAX_PARTS} zstd frames")
        position = _end_of_frame(data, position)
        if position > len(data):
            raise ReceiverError("the zstd body is cut short: its last frame has no end")


def _end_of_frame(data: bytes, start: int) -> int:
    """Where the frame at `start` ends; beyond `data` if it is cut short."""
    magic = int.from_bytes(data[start : start + 4], "little")
    if magic & 0xFFFFFFF0 == 0x184D2A50:
        return start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")
    if magic != 0xFD2FB528:
        raise ReceiverError(f"the body is no zstd: no frame begins at byte {start}")
    beyond = len(data) + 1
    if start + 5 > len(data):
        return beyond
    descriptor = data[start + 4]
    single_segment = descriptor >> 5 & 1
    window = 1 - single_segment
    dictionary_id = (0, 1, 2, 4)[descriptor & 3]
    content_size = (single_segment, 2, 4, 8)[descriptor >> 6]
    position = start + 5 + window + dictionary_id + content_size
    last = False
    while not last:
        if position + 3 > len(data):
            return beyond
        header = int.from_bytes(data[position : position + 3], "little")
        last = bool(header & 1)
        is_repeated_byte = header >> 1 & 3 == 1
        position += 3 + (1 if is_repeated_byte else header >> 3)
    return position + 4 * (descriptor >> 2 & 1)
