"""Journals of every format that there ever was are read as they were on the day when they were written.

A failure here means that somebody's journal reads differently after an upgrade, or that a script which reads
`dump --json` breaks. Mend the code; the goldens stay as they are (tests/journal/golden/make.py says why).
"""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from journal.events import TAGS
from journal.framing import FORMAT_VERSION
from journal.inspect import Finding, verify, worst
from journal.log import Journal, Options
from tests.journal.building import clock, metrics
from tests.journal.golden import make
from tests.journal.golden.observing import dumped, folded, recovered, verified

FORMATS = sorted(make.HERE.glob("format-*"))
GOLDENS = [
    pytest.param(case, id=f"{case.parent.name}-{case.name}") for case in sorted(make.HERE.glob("*-*/*"))
]
golden = pytest.mark.parametrize("case", GOLDENS)


@pytest.fixture
def journal(case: Path, tmp_path: Path) -> Path:
    """A copy, as the goldens themselves are read by no test that could write."""
    return Path(shutil.copytree(case / "journal", tmp_path / "journal"))


def expected(case: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((case / "expected.json").read_bytes())
    return found


def assert_holds(found: Any, wanted: Any, where: str = "") -> None:
    """Whatever is in `wanted` is in `found`, types included; more fields may have come since."""
    assert type(found) is type(wanted), where
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            assert_holds(found.get(name), value, f"{where}.{name}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for i, value in enumerate(wanted):
            assert_holds(found[i], value, f"{where}[{i}]")
    else:
        assert found == wanted, where


@golden
def test_dump(case: Path, journal: Path) -> None:
    """`dump --json` prints every line of the golden, byte by byte."""
    assert dumped(journal).splitlines() == (case / "dump.ndjson").read_bytes().splitlines()


@golden
def test_verify(case: Path, journal: Path) -> None:
    """`verify` reports each segment and finds each damage at its place, with its loss, and nothing else."""
    assert_holds(verified(journal), expected(case)["verify"])


@golden
async def test_fold(case: Path, journal: Path) -> None:
    """The state before each offset is what it was, and reading ends where it did."""
    assert_holds(await folded(journal), expected(case)["fold"])


@golden
def test_recover(case: Path, journal: Path) -> None:
    """A start goes on at the same byte, offset, chain and state, and puts the same torn tail aside."""
    assert_holds(recovered(journal), expected(case)["recover"])


@golden
async def test_appending_goes_on(case: Path, journal: Path) -> None:
    """A golden that starts can be appended to, and is then no worse than before."""
    before = worst(
        step for step in verify(str(journal)) if isinstance(step, Finding) and step.condition != "torn"
    )
    opened = await Journal.open(str(journal), options=Options(segment_bytes=4096), now=clock())
    for i in range(40):
        await opened.append([metrics(i, 3)])
    await opened.close()
    after = [step for step in verify(str(journal)) if isinstance(step, Finding)]
    assert worst(after) == before, "\n".join(map(str, after))


class Raw(NamedTuple):
    """A record as the text of journal/framing.py says that it stands in the file."""

    base: int
    count: int
    time: int
    plain: bool
    check: int
    events: list[dict[str, Any]]
    end: int


def raw_header(data: bytes) -> tuple[int, int, UUID, int, int, int]:
    """Version, salt, journal id, first offset, that of the segment before, chain."""
    assert data[0:8] == b"FOREBAYJ"
    (version,) = struct.unpack_from("<I", data, 8)
    (salt,) = struct.unpack_from("<I", data, 12)
    first, _created, previous = struct.unpack_from("<QqQ", data, 32)
    chain, check = struct.unpack_from("<II", data, 56)
    assert check == zlib.crc32(data[:60])
    return version, salt, UUID(bytes=data[16:32]), first, previous, chain


def raw_record(data: bytes, at: int, salt: int, chain: int) -> Raw:
    assert at % 8 == 0
    assert data[at : at + 4] == b"FBr1"
    (length,) = struct.unpack_from("<I", data, at + 4)
    (base,) = struct.unpack_from("<Q", data, at + 8)
    count, flags = struct.unpack_from("<II", data, at + 16)
    (time,) = struct.unpack_from("<q", data, at + 24)
    unsynced, before, of_data, check = struct.unpack_from("<IIII", data, at + 32)
    assert before == chain
    assert check == zlib.crc32(data[at : at + 44], salt)
    assert unsynced <= at
    end = at + 48 + length
    padded = next(end + n for n in range(4, 12) if (end + n) % 8 == 0)
    assert data[end:padded] == b"\xf7" * (padded - end)
    assert of_data == zlib.crc32(data[at + 48 : padded])
    mask = flags & 0xFF
    payload = bytes(byte ^ mask for byte in data[at + 48 : end])
    return Raw(base, count, time, bool(flags >> 8 & 1), check, msgspec.msgpack.decode(payload), padded)


def raw_records(path: Path) -> Iterator[Raw]:
    """Every record of the journal in `path`, up to where nothing is written."""
    due: tuple[int, int] | None = None
    before = -1
    for file in sorted(path.glob("*.segment")):
        data = file.read_bytes()
        version, salt, _, first, previous, chain = raw_header(data)
        assert version == 1
        assert file.name == f"{first:020}.segment"
        assert previous in (before, first) or before < 0
        assert due in (None, (first, chain))
        at, before = 64, first
        while data[at : at + 48].strip(b"\0"):
            record = raw_record(data, at, salt, chain)
            yield record
            at, chain = record.end, record.check
        assert not data[at:].strip(b"\0")
        due = (record.base + record.count, record.check)


def metrics_of(event: dict[str, Any]) -> list[dict[str, Any]] | None:
    match event["type"]:
        case "metrics/1":
            return list(event["metrics"])
        case "metrics-json/1":
            body = json.loads(event["json"])
            return [body] if isinstance(body, dict) else list(body)
        case _:
            return None


def by_hand(path: Path) -> Iterator[dict[str, Any]]:
    """What `dump --json` prints, made of nothing but the text of the format."""
    for record in raw_records(path):
        at = record.base
        assert record.plain == all("metrics" in e["type"] and not e.get("key") for e in record.events)
        for event in record.events:
            tag = event.pop("type").partition("/")[0]
            found = metrics_of({**event, "type": f"{tag}/1"})
            if found is None:
                event.pop("filler", None)  # is not read any more
                yield {"offset": at, "time": record.time, "kind": tag, "event": event}
                at += event["count"] if tag == "offsets-lost" else 1
                continue
            for metric in found:
                time = metric.pop("time", record.time)
                accepted = {"accepted_at": record.time, "kind": "gauge"}
                yield {"offset": at, "time": time, **accepted, **metric}
                at += 1
        assert at == record.base + record.count


def sound(folder: Path) -> list[Path]:
    """The cases in which nothing is wrong."""
    return [
        case
        for case in sorted(folder.glob("*"))
        if all(finding["gravity"] == "note" for finding in expected(case)["verify"]["findings"])
    ]


@pytest.mark.parametrize("path", [pytest.param(case, id=case.name) for case in sound(make.HERE / "format-1")])
def test_the_text_of_the_format_is_the_format(path: Path) -> None:
    """A reader written from journal/framing.py's text alone, with struct and zlib, finds the same lines."""
    lines = [json.loads(line) for line in (path / "dump.ndjson").read_bytes().splitlines()]
    found = json.loads(msgspec.json.encode(list(by_hand(path / "journal"))))
    assert found == lines


def test_a_torn_write_is_as_the_text_says() -> None:
    """In the torn golden, whole sectors of the last record are zeroes, and no record stands behind them."""
    path = make.HERE / "format-1" / "torn" / "journal"
    with pytest.raises(AssertionError):
        list(raw_records(path))
    recovered = expected(path.parent)["recover"]
    at, end = recovered["torn"]["position"], recovered["torn"]["end"]
    data = (path / recovered["segments"][-1]).read_bytes()
    assert data[at : at + 4] == b"FBr1"
    (length,) = struct.unpack_from("<I", data, at + 4)
    assert end < at + 48 + length
    sectors = [data[i : i + 512] for i in range((at // 512 + 1) * 512, at + 48 + length, 512)]
    assert len(sectors) > 1
    assert not any(map(any, sectors))


def test_every_event_is_in_a_golden() -> None:
    """Whatever kind of event this version can write has a golden: a new one needs a new case."""
    seen = {
        event["type"]
        for folder in FORMATS
        for case in sound(folder)
        for record in raw_records(case / "journal")
        for event in record.events
    }
    assert seen >= TAGS


def test_there_is_a_golden_of_the_current_format() -> None:
    """A new format version comes with goldens of its own, and the old ones stay."""
    assert [folder.name for folder in FORMATS] == [f"format-{i + 1}" for i in range(FORMAT_VERSION)]


def test_a_golden_is_never_made_again(tmp_path: Path) -> None:
    """The generator makes the same bytes each time, and leaves whatever exists as it is."""
    for folder in ("once", "twice"):
        assert make.make(tmp_path / folder) == []
    files = {
        file.relative_to(tmp_path / "once"): file.read_bytes() for file in (tmp_path / "once").rglob("*.*")
    }
    assert all((tmp_path / "twice" / name).read_bytes() == data for name, data in files.items())
    assert len(files) > 20
    changed = next(iter(files))
    (tmp_path / "once" / changed).write_bytes(b"as it was")
    assert sorted(make.make(tmp_path / "once")) == sorted(make.CASES)
    assert (tmp_path / "once" / changed).read_bytes() == b"as it was"
