"""Sound journals have no findings; each damage has one, at its place and with its loss."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from journal.disk import exclusive_lock
from journal.events import ActorCrashed, CursorAdvanced, MetricsAccepted
from journal.framing import (
    RECORD_HEADER_SIZE,
    Record,
    Sealing,
    SegmentHeader,
    decode_segment_header,
    encode_record,
    records,
)
from journal.inspect import Finding, SegmentReport, verify, verify_newest
from journal.log import Journal, Options
from journal.segment import NoJournalError
from tests.journal.building import clock, metrics, start_of

pytestmark = pytest.mark.slow

SMALL = Options(segment_bytes=16 * 1024, durability="os")


async def make_journal(path: Path, *, segments: int = 5) -> list[str]:
    """A closed journal of so many segments in `path`, with plain, keyed and control records; their names."""
    journal = await Journal.open(str(path), options=SMALL, now=clock())
    value = 0
    while len(journal.segments) < segments or value % 10:
        events = [metrics(value, 3, text=value % 50)]
        if value % 7 == 0:
            events = [MetricsAccepted(events[0].metrics, key=f"k{value}")]
        await journal.append(events)
        value += 1
        if value % 5 == 0:
            await journal.append([CursorAdvanced("sqlite", journal.next_offset, value * 3)])
        if value % 11 == 0:
            await journal.append([ActorCrashed("/persistence", "boom")])
    await journal.close()
    return sorted(name for name in os.listdir(path) if name.endswith(".segment"))


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "journal"
    await make_journal(path)
    return path


def names_in(path: Path) -> list[str]:
    return sorted(name for name in os.listdir(path) if name.endswith(".segment"))


def records_of(path: Path, name: str) -> list[Record]:
    data = (path / name).read_bytes()
    header = decode_segment_header(data)
    assert isinstance(header, SegmentHeader)
    return list(records(data, start_of(header), header.salt))


def findings_in(path: Path, *, decode: bool = False) -> list[Finding]:
    return [step for step in verify(str(path), decode=decode) if isinstance(step, Finding)]


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, "\n".join(map(str, findings))
    return findings[0]


def flip(path: Path, name: str, byte: int) -> None:
    data = bytearray((path / name).read_bytes())
    data[byte] ^= 0x40
    (path / name).write_bytes(data)


@pytest.mark.parametrize("decode", [False, True])
async def test_a_sound_journal_has_no_findings_and_its_counts_are_right(journal: Path, decode: bool) -> None:
    """Reports of a sound journal equal what the framing reads record by record, with --decode or without."""
    steps = list(verify(str(journal), decode=decode))
    reports = [step for step in steps if isinstance(step, SegmentReport)]
    assert len(steps) == len(reports) == len(names_in(journal))
    for report in reports:
        found = records_of(journal, report.name)
        accepted = [e for r in found for e in r.events() if isinstance(e, MetricsAccepted)]
        assert report.first_offset == found[0].base
        assert report.last_offset == found[-1].next_offset - 1
        assert (report.first_time, report.last_time) == (found[0].time, found[-1].time)
        assert report.records == len(found)
        assert report.metrics == sum(len(event.metrics) for event in accepted)
        assert report.used == found[-1].position + found[-1].size
        assert report.size == (journal / report.name).stat().st_size
        assert report.health == "sound"
    assert [report.state for report in reports] == ["sealed"] * (len(reports) - 1) + ["active"]
    assert verify_newest(str(journal)) == []


@pytest.mark.parametrize("where", [0, 2, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("part", ["header", "payload", "padding"])
@pytest.mark.parametrize("which", [0, 5, 9], ids=["snapshot", "sixth", "tenth"])
async def test_a_flipped_byte_of_a_record(journal: Path, where: int, part: str, which: int) -> None:
    """A damaged record is one finding: its segment, its byte, its offset, and exactly its offsets as lost."""
    name = names_in(journal)[where]
    record = records_of(journal, name)[which]
    within = {"header": 9, "payload": RECORD_HEADER_SIZE + 3, "padding": record.size - 1}[part]
    flip(journal, name, record.position + within)
    finding = only(findings_in(journal))
    assert (finding.condition, finding.gravity) == ("record", "corrupt")
    assert (finding.segment, finding.byte, finding.offset) == (name, record.position, record.base)
    assert finding.lost == (record.base, record.next_offset)
    assert "forebay journal repair" in str(finding)


@pytest.mark.parametrize("where", [0, 2], ids=["first", "middle"])
async def test_the_last_record_of_a_sealed_segment(journal: Path, where: int) -> None:
    """Damage to a segment's last record is found though nothing stands behind it: the next segment tells."""
    name = names_in(journal)[where]
    record = records_of(journal, name)[-1]
    flip(journal, name, record.position + 50)
    finding = only(findings_in(journal))
    assert (finding.condition, finding.segment, finding.byte) == ("record", name, record.position)
    assert finding.lost == (record.base, record.next_offset)


async def test_the_last_record_of_all(journal: Path) -> None:
    """Damage to the record written last, all its sectors there, is corruption and no torn tail."""
    name = names_in(journal)[-1]
    record = records_of(journal, name)[-1]
    flip(journal, name, record.position + 50)
    finding = only(findings_in(journal))
    assert (finding.gravity, finding.segment, finding.byte) == ("corrupt", name, record.position)
    assert finding.lost == (record.base, None)
    assert only(verify_newest(str(journal))) == finding


@pytest.mark.parametrize("where", [0, 2, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("byte", [0, 9, 13, 35, 61])
async def test_a_flipped_byte_of_a_segment_header(journal: Path, where: int, byte: int) -> None:
    """A damaged segment header is one finding at byte 0 that counts the whole segment as lost."""
    names = names_in(journal)
    flip(journal, names[where], byte)
    finding = only(findings_in(journal))
    assert (finding.condition, finding.segment, finding.byte) == ("header", names[where], 0)
    first = int(names[where][:20])
    assert finding.lost == (first, None if where == -1 else int(names[where + 1][:20]))
    assert only(verify_newest(str(journal))) == finding


async def test_every_byte_of_a_sealed_segment(tmp_path: Path) -> None:
    """Whatever used byte of a sealed segment is flipped, it is told as corrupt, and nothing else is."""
    path = tmp_path / "journal"
    journal = await Journal.open(str(path), options=Options(segment_bytes=1024, durability="os"), now=clock())
    while len(journal.segments) < 2:
        await journal.append([metrics(journal.next_offset, 1)])
    await journal.close()
    name = names_in(path)[0]
    whole = (path / name).read_bytes()
    for byte in range(len(whole.rstrip(b"\0"))):
        flip(path, name, byte)
        findings = findings_in(path)
        assert [(each.gravity, each.segment) for each in findings] == [("corrupt", name)], byte
        (path / name).write_bytes(whole)


async def test_zeroed_pages(journal: Path) -> None:
    """Zeroes over several records in the middle of a segment are one finding that names all their offsets."""
    name = names_in(journal)[2]
    found = records_of(journal, name)
    data = bytearray((journal / name).read_bytes())
    begin, end = found[4].position, found[9].position + found[9].size
    data[begin:end] = bytes(end - begin)
    (journal / name).write_bytes(data)
    finding = only(findings_in(journal))
    assert (finding.condition, finding.byte, finding.lost) == (
        "record",
        begin,
        (found[4].base, found[10].base),
    )


async def test_zeroes_up_to_the_end_of_a_sealed_segment(journal: Path) -> None:
    """Where the end of a sealed segment is zeroes, the next one shows that something is missing."""
    name = names_in(journal)[1]
    found = records_of(journal, name)
    (journal / name).write_bytes((journal / name).read_bytes()[: found[6].position].ljust(16384, b"\0"))
    finding = only(findings_in(journal))
    assert (finding.condition, finding.segment, finding.byte) == ("short", name, found[6].position)
    assert finding.lost == (found[6].base, found[-1].next_offset)


async def test_a_record_cut_out_and_one_put_in_twice(journal: Path) -> None:
    """Whole records that do not follow one another are found by the chain and the offsets."""
    name = names_in(journal)[1]
    found = records_of(journal, name)
    whole = (journal / name).read_bytes()
    gone, twice = found[3], found[7]
    (journal / name).write_bytes(whole[: gone.position] + whole[gone.position + gone.size :])
    finding = only(findings_in(journal))
    assert (finding.condition, finding.byte, finding.lost) == (
        "order",
        gone.position,
        (gone.base, gone.next_offset),
    )
    end = twice.position + twice.size
    (journal / name).write_bytes(whole[:end] + whole[twice.position : end] + whole[end:])
    findings = findings_in(journal)
    assert {each.condition for each in findings} == {"order"}
    assert findings[0].byte == end


async def test_a_torn_tail_and_its_evidence(journal: Path) -> None:
    """A torn tail is a warning where nobody writes, none where a process does; its evidence is a note."""
    name = names_in(journal)[-1]
    record = records_of(journal, name)[-1]
    with (journal / name).open("r+b") as file:
        file.seek(record.position + 20)
        file.write(bytes(16384 - record.position - 20))
    finding = only(findings_in(journal))
    assert (finding.condition, finding.gravity, finding.segment) == ("torn", "warning", name)
    assert (finding.byte, finding.offset, finding.lost) == (record.position, record.base, None)
    with exclusive_lock(str(journal.parent)):
        assert findings_in(journal) == []
    opened = await Journal.open(str(journal), options=SMALL, now=clock())
    await opened.close()
    finding = only(findings_in(journal))
    assert (finding.condition, finding.gravity, finding.offset) == ("evidence", "note", int(name[:20]))


async def test_strays_and_what_belongs(journal: Path) -> None:
    """A file that is no part of a journal is a warning; spares of both kinds are no finding."""
    (journal / "spare.new").write_bytes(bytes(100))
    (journal / "spare.new.part").write_bytes(bytes(100))
    assert findings_in(journal) == []
    (journal / "notes.txt").write_text("mine")
    (journal / "1.segment").write_bytes(b"")
    assert [(each.condition, each.segment) for each in findings_in(journal)] == [
        ("stray", "1.segment"),
        ("stray", "notes.txt"),
    ]


async def test_bytes_behind_a_sealed_segments_end(journal: Path) -> None:
    """Something behind the last record loses nothing: a warning."""
    name = names_in(journal)[1]
    record = records_of(journal, name)[-1]
    with (journal / name).open("r+b") as file:
        file.seek(record.position + record.size + 24)
        file.write(b"?")
    finding = only(findings_in(journal))
    assert (finding.condition, finding.gravity) == ("debris", "warning")


@pytest.mark.parametrize("where", [0, 2, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("size", [0, 40])
async def test_an_empty_file_and_a_truncated_header(journal: Path, where: int, size: int) -> None:
    """A segment without a whole header is corrupt, whatever was in it lost."""
    name = names_in(journal)[where]
    (journal / name).write_bytes((journal / name).read_bytes()[:size])
    finding = only(findings_in(journal))
    assert (finding.condition, finding.segment, finding.gravity) == ("header", name, "corrupt")
    assert finding.what == ("empty file" if size == 0 else "segment header cut short")


def with_record(path: Path, name: str, payload: bytes, count: int, *, plain: bool) -> int:
    """Put a record of right checksums behind the last of the newest segment; returns its byte."""
    data = (path / name).read_bytes()
    header = decode_segment_header(data)
    assert isinstance(header, SegmentHeader)
    last = records_of(path, name)[-1]
    sealing = Sealing(last.next_offset, count, last.time, plain, 0, last.check)
    position = last.position + last.size
    with (path / name).open("r+b") as file:
        file.seek(position)
        file.write(encode_record(payload, sealing, header.salt))
    return position


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    "payload",
    [
        b"\x91\x82\xa4type\xa9metrics/2\xa7metrics\x90",
        b"\x91\x81\xa4type\xa7spoon/1",
        b"\xc1 no MessagePack",
        b"\x90",
    ],
)
async def test_events_that_this_version_cannot_read(journal: Path, payload: bytes, plain: bool) -> None:
    """A record of right checksums whose events are unknown, broken or fewer than said is told as corrupt,
    even where it claims to be plain metrics."""
    name = names_in(journal)[-1]
    position = with_record(journal, name, payload, 1, plain=plain)
    finding = only(findings_in(journal))
    assert (finding.condition, finding.gravity, finding.byte) == ("event", "corrupt", position)


async def test_decode_finds_a_metric_that_checksums_hide(journal: Path) -> None:
    """A plain record with right checksums and a metric that breaks its bounds is found by --decode."""
    payload = b"\x91\x82\xa4type\xa9metrics/1\xa7metrics\x91\x82\xa4name\xa0\xa5value\xcb" + bytes(8)
    position = with_record(journal, names_in(journal)[-1], payload, 1, plain=True)
    assert findings_in(journal) == []
    assert only(findings_in(journal, decode=True)).byte == position


async def test_no_journal(tmp_path: Path) -> None:
    """A directory without segments is an error that names it, not a sound journal."""
    with pytest.raises(NoJournalError, match="no journal here"):
        list(verify(str(tmp_path)))


@pytest.mark.slow
async def test_a_writer_that_appends_rolls_and_retires_gives_no_finding(tmp_path: Path) -> None:
    """Verification beside a writer, again and again while 60 segments come and go, finds nothing."""
    path = tmp_path / "journal"
    options = Options(segment_bytes=256 * 1024, durability="os")
    journal = await Journal.open(str(path), options=options)
    enough = asyncio.Event()

    async def write() -> None:
        rolled = 0
        while rolled < 60:
            before = len(journal.segments)
            await asyncio.gather(*(journal.append([metrics(i, 40)]) for i in range(20)))
            if len(journal.segments) > before:
                rolled += 1
                await journal.prepare()
            if len(journal.segments) > 6:
                await journal.retire([segment.first_offset for segment in journal.segments[:3]])
        enough.set()

    writing = asyncio.ensure_future(write())
    looked = 0
    while not enough.is_set():
        assert await asyncio.to_thread(findings_in, path) == []
        assert await asyncio.to_thread(verify_newest, str(path)) == []
        looked += 1
    await writing
    await journal.close()
    assert looked > 5
    assert findings_in(path) == []
