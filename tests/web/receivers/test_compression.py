from __future__ import annotations

import gzip
import resource
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from web.receivers.compression import Decompressor, gunzip, unzstd
from web.receivers.errors import ReceiverError

LIMIT = 1 << 20


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def zstd_stream(data: bytes) -> bytes:
    """A frame that does not say how long its content is, with a checksum."""
    compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return compressor.compress(data) + compressor.flush()


BOTH = pytest.mark.parametrize(
    ("decompress", "compress"),
    [(gunzip, gzip.compress), (unzstd, zstd), (unzstd, zstd_stream)],
    ids=["gzip", "zstd", "zstd-stream"],
)


def refused(decompress: Decompressor, data: bytes, limit: int = LIMIT) -> ReceiverError:
    with pytest.raises(ReceiverError) as caught:
        decompress(data, limit)
    return caught.value


@BOTH
@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_any_number_of_parts_is_one_body(
    decompress: Decompressor, compress: Callable[[bytes], bytes], parts: list[bytes]
) -> None:
    """Members or frames one after the other are their contents one after the other."""
    assert decompress(b"".join(map(compress, parts)), LIMIT) == b"".join(parts)


@BOTH
def test_every_cut_is_noticed(decompress: Decompressor, compress: Callable[[bytes], bytes]) -> None:
    """A body cut short at any byte is refused, never taken in part."""
    whole = compress(b"metrics " * 40) + compress(b"more of them")
    first = len(compress(b"metrics " * 40))
    for end in range(len(whole)):
        if end != first:
            assert refused(decompress, whole[:end]).status == 400


@BOTH
@pytest.mark.parametrize("garbage", [b"x", b"\0", b"\0" * 100, b"garbage behind the end"])
def test_garbage_behind_the_end_is_refused(
    decompress: Decompressor, compress: Callable[[bytes], bytes], garbage: bytes
) -> None:
    """What is not part of the compressed body is not passed over."""
    assert refused(decompress, compress(b"metrics") + garbage).status == 400


@BOTH
@pytest.mark.parametrize("data", [b"", b"plain text", b'{"name":"a","value":1}'])
def test_what_is_not_compressed_is_refused(
    decompress: Decompressor, compress: Callable[[bytes], bytes], data: bytes
) -> None:
    """A wrong Content-Encoding is the client's mistake, and said so."""
    assert refused(decompress, data).status == 400


@BOTH
def test_the_limit_is_exact(decompress: Decompressor, compress: Callable[[bytes], bytes]) -> None:
    """As many bytes as allowed are, one more is not."""
    assert len(decompress(compress(b"a" * 1000), 1000)) == 1000
    assert refused(decompress, compress(b"a" * 1001), 1000).status == 413


@BOTH
def test_a_bomb_does_not_go_off(decompress: Decompressor, compress: Callable[[bytes], bytes]) -> None:
    """Half a gigabyte from a small body: refused, in a few megabytes of memory."""
    bomb = compress(b"\0" * (256 << 20)) * 2
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(decompress, bomb).status in (400, 413)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


@BOTH
def test_a_body_of_nothing_but_parts_is_refused(
    decompress: Decompressor, compress: Callable[[bytes], bytes]
) -> None:
    """A hundred thousand empty members would cost seconds, and are refused at once."""
    assert "more than" in refused(decompress, compress(b"") * 100_000).detail


def test_a_zstd_window_is_bounded() -> None:
    """A frame that asks for 128 MiB to be decoded is refused, however short it is."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = compressor.compress(b"a" * 100) + compressor.flush()
    assert "memory" in refused(unzstd, frame).detail


def test_a_damaged_zstd_frame_is_refused() -> None:
    """The checksum of the content is checked."""
    frame = zstd_stream(b"metrics " * 100)
    assert "checksum" in refused(unzstd, frame[:-1] + bytes([frame[-1] ^ 1])).detail
