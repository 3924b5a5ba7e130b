"""Records whose checksums are right and whose contents are not: what a bug, or somebody, may have written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from hypothesis import strategies as st

from journal.events import MetricsAsSent, encode
from journal.framing import (
    SEGMENT_HEADER_SIZE,
    Place,
    Sealing,
    SegmentHeader,
    decode_segment_header,
    encode_record,
    records,
)
from tests.journal.test_events import everything

TIMES: Final = (-(2**63), 2**63 - 1, -(10**18), 0)
"""When hostile records say that they were written; the honest ones never say so."""


def _event(tag: str, **fields: Any) -> bytes:
    return msgspec.msgpack.encode([{"type": tag, **fields}])


def _as_sent(body: bytes, count: int = 1) -> bytes:
    return encode([MetricsAsSent(body, count)])


_ONE = {"name": "x", "value": 1.0}

PAYLOADS: Final = {
    "nothing": b"",
    "no events": b"\x90",
    "no MessagePack": b"\xc1",
    "deep": b"\x91\x82\xa4type\xa9metrics/1\xa1x" + b"\x91" * 50_000 + b"\xc0",
    "deep maps": b"\x91\x82\xa4type\xa9metrics/9\xa1x" + b"\x81\xa1x" * 50_000 + b"\xc0",
    "huge array": b"\xdd\xff\xff\xff\xff",
    "huge metrics": b"\x91\x82\xa4type\xa9metrics/1\xa7metrics\xdd\xff\xff\xff\xff",
    "huge map": b"\x91\xdf\xff\xff\xff\xff",
    "huge text": b"\x91\x82\xa4type\xdb\xff\xff\xff\xff",
    "no UTF-8": b"\x91\x83\xa4type\xafactor-crashed/1\xa4path\xa2\xff\xfe\xa5error\xa1x",
    "a tag that is a list": b"\x91\x81\xa4type\x91\x01",
    "a tag that is a map": b"\x91\x81\xa4type\x80",
    "a tag without end": _event("x" * 100_000),
    "a key that is a number": b"\x91\x81\x01\x01",
    "an extension": b"\x91\x82\xa4type\xa9metrics/1\xa7metrics\xd4\x05\x00",
    "a timestamp": b"\x91\x82\xa4type\xa9metrics/1\xa7metrics\xd6\xff\xff\xff\xff\xff",
    "later metrics": _event("metrics/2", metrics=[_ONE]),
    "NaN": _event("metrics/1", metrics=[{"name": "x", "value": float("nan")}]),
    "infinity": _event("metrics/1", metrics=[{"name": "x", "value": float("inf")}]),
    "no name": _event("metrics/1", metrics=[{"name": "", "value": 1.0}]),
    "no metrics": _event("metrics/1", metrics=[]),
    "a large text": _event("actor-crashed/1", path="p" * 300_000, error="\x1b[2J" * 1000),
    "cursors out of bounds": _event("cursor-advanced/1", store="s", offset=2**64 - 1, persisted=-(2**63)),
    "a negative loss": _event("offsets-lost/1", count=-5, metrics=-7),
    "a loss without end": _event("offsets-lost/1", count=2**64 - 1, metrics=2**64 - 1),
    "more metrics lost than offsets": _event("offsets-lost/1", count=1, metrics=50),
    "retired for ever": _event(
        "segments-retired/1", first_offsets=[2**64 - 1], begins_at=2**64 - 1, bytes=-1
    ),
    "letters that nobody sent": _event("dead-letters-redriven/1", store="s", ids=[2**64 - 1, -1]),
    "a snapshot in the middle": _event("snapshot/1", state={"accepted": 2**64 - 1, "events": -(2**63)}),
    "a snapshot of anything": _event(
        "snapshot/1",
        state={
            "cursors": {"\x1b[2J": {"offset": -1, "persisted": 2**64 - 1}},
            "lost": [{"first": 9, "end": 1, "metrics": -3}, {"first": 0, "end": 2**64 - 1, "metrics": 1}],
            "opened_at": -(2**63),
            "retired_before": 2**64 - 1,
            "breakers": {"": {"position": "open", "since": 2**64 - 1, "probe_at": -1}},
        },
    ),
    "as sent: nothing": _as_sent(b""),
    "as sent: deep": _as_sent(b'{"name":"x","value":1,"y":' + b"[" * 50_000),
    "as sent: NaN": _as_sent(b'{"name":"x","value":NaN}'),
    "as sent: too large": _as_sent(b'{"name":"x","value":1e999}'),
    "as sent: digits": _as_sent(b'{"name":"x","value":' + b"9" * 50_000 + b"}"),
    "as sent: no UTF-8": _as_sent(b'{"name":"\xff","value":1}'),
    "as sent: half a surrogate": _as_sent(b'{"name":"\\ud800","value":1}'),
    "as sent: fewer": _as_sent(b"[]", 3),
    "as sent: fewer than none": _as_sent(b"[]", -1),
    "as sent: more": _as_sent(b'[{"name":"x","value":1},{"name":"y","value":1}]', 1),
}


class Hostile(NamedTuple):
    """A record to be put behind the last of a segment; `skipped` offsets further than it should be."""

    which: int
    payload: bytes
    count: int
    plain: bool
    time: int
    skipped: int
    unsynced: int
    chained: bool


_honest = st.lists(everything, min_size=1, max_size=2).map(encode)
_shares = st.floats(0, 1, exclude_max=True)
_payloads = st.one_of(
    st.sampled_from(list(PAYLOADS.values())),
    _honest,
    st.binary(max_size=40),
    st.builds(lambda payload, at, by: _bent(payload, at, by), _honest, _shares, st.integers(1, 255)),
)
hostile = st.builds(
    Hostile,
    st.integers(0, 7),
    _payloads,
    st.sampled_from((1, 1, 1, 0, 2, 50, 2**32 - 1)),
    st.booleans(),
    st.sampled_from(TIMES),
    st.sampled_from((0, 0, 0, 1, -1, 2**63)),
    st.sampled_from((0, 0, 64, 2**32 - 1)),
    st.sampled_from((True, True, False)),
)


def _bent(payload: bytes, share: float, by: int) -> bytes:
    at = int(share * len(payload))
    return payload[:at] + bytes([payload[at] ^ by]) + payload[at + 1 :]


def plant(path: Path, record: Hostile) -> None:
    """Put `record` behind the last readable one of a segment in `path`, where there is one."""
    names = sorted(name for name in os.listdir(path) if name.endswith(".segment") and (path / name).is_file())
    if not names:
        return
    file = path / names[record.which % len(names)]
    data = file.read_bytes()
    header = decode_segment_header(data)
    if not isinstance(header, SegmentHeader):
        return
    place = Place(SEGMENT_HEADER_SIZE, header.first_offset, header.chain)
    for each in records(data, place, header.salt):
        place = place.after(each)
    base = min(max(place.next_offset + record.skipped, 0), 2**64 - 1)
    chain = place.chain if record.chained else 0xDEADBEEF
    sealing = Sealing(base, record.count, record.time, record.plain, record.unsynced, chain)
    planted = encode_record(record.payload, sealing, header.salt)
    file.write_bytes(data[: place.position] + planted + data[place.position + len(planted) :])
