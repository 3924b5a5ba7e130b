"""Journals that do not begin at offset 0, queues of dead letters, and what another version wrote."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from journal.disk import OsFileSystem
from journal.events import MetricDeadLettered, encode
from journal.framing import Sealing, decode_segment_header, encode_record
from journal.inspect import worst
from journal.log import Journal, Options
from journal.metric import Metric, Offset
from journal.recovery import recover
from journal.repair import dry_run, repair
from journal.segment import JournalCorruptError
from journal.state import LostRange, State
from tests.journal.building import clock, metrics, read_journal
from tests.journal.repair.scene import (
    SMALL,
    Written,
    check_kept,
    damaged,
    findings_in,
    left_of,
    lost_in,
    record_in,
    truth_of,
)
from tests.journal.test_inspect_verify import names_in


@pytest.fixture
async def retired(journal: Path) -> Path:
    """The journal, its first two segments retired."""
    opened = await Journal.open(str(journal), options=SMALL, now=clock())
    await opened.append([metrics(5000, 20)])
    await opened.retire([segment.first_offset for segment in opened.segments[:2]])
    await opened.close()
    for name in ("spare.new", "spare.new.part"):
        (journal / name).unlink(missing_ok=True)
    return journal


async def state_of(path: Path) -> State:
    opened = await Journal.open(str(path), options=SMALL, now=clock())
    await opened.close()
    return opened.state


async def test_a_first_segment_that_is_missing_after_retention(retired: Path) -> None:
    """What retention took is not missed, the segment behind it is: a start refuses, and a repair makes it
    anew; the accounts are those of before, the missing metrics lost."""
    before = await state_of(retired)
    truth = truth_of(retired)
    name = names_in(retired)[0]
    gone = [written for written in truth if written.record.base < int(names_in(retired)[1][:20])]
    (retired / name).unlink()
    with pytest.raises(JournalCorruptError, match="nothing before this segment is there"):
        recover(OsFileSystem(), str(retired), 1, 16 * 1024)
    report = repair(str(retired))
    begin = int(name[:20])
    assert lost_in(report) == {offset for each in gone for offset in each.offsets} - {begin}
    assert report.lost_metrics >= sum(written.metrics for written in gone)
    assert worst(findings_in(retired)) == "note"
    after = await state_of(retired)
    assert (after.accepted, after.cursors, after.retired_before) == (before.accepted, before.cursors, begin)
    assert not dry_run(str(retired)).work


async def test_a_first_snapshot_that_is_lost_after_retention(retired: Path) -> None:
    """Nothing before it is there to fold: it is made from what follows, and marked as lost."""
    before = await state_of(retired)
    truth = truth_of(retired)
    name = names_in(retired)[0]
    damaged(retired, name, lambda data: data.__setitem__(64 + 60, 0xFF))
    kept = left_of(retired, truth)
    report = repair(str(retired))
    assert report.lost_offsets == 0
    check_kept(retired, truth, kept)
    assert worst(findings_in(retired)) == "note"
    after = await state_of(retired)
    assert (after.accepted, after.cursors) == (before.accepted, before.cursors)
    begin = int(name[:20])
    assert after.lost == (LostRange(Offset(begin), Offset(begin + 1), 0),)
    assert not dry_run(str(retired)).work


def letter(number: int) -> MetricDeadLettered:
    return MetricDeadLettered(
        "sqlite", Offset(number), 5, Metric(f"m{number}", 1.0, attributes={"text": "x" * 80}), "range", "no"
    )


async def test_a_queue_of_dead_letters(tmp_path: Path) -> None:
    """A queue that loses a letter's event, and a snapshot, keeps all others: those that wait are those whose
    events are there, and those of whom a later snapshot knows."""
    path = tmp_path / "data" / "dead-letters"
    journal = await Journal.open(str(path), options=SMALL, now=clock())
    number = 0
    while len(journal.segments) < 3:
        await journal.append([letter(number)])
        number += 1
    for _ in range(5):
        await journal.append([letter(number)])
        number += 1
    await journal.close()
    before, truth = journal.state, truth_of(path)
    newest = names_in(path)[-1]
    lost = record_in(path, newest, 3)
    known = record_in(path, names_in(path)[0], 9)
    damaged(path, newest, lambda data: data.__setitem__(64 + 60, data[124] ^ 1))
    damaged(path, newest, lambda data: data.__setitem__(lost.position + 60, 0xFF))
    damaged(path, names_in(path)[0], lambda data: data.__setitem__(known.position + 60, 0xFF))
    kept = left_of(path, truth)
    report = repair(str(path))
    assert lost_in(report) == {known.base, lost.base}
    check_kept(path, truth, kept)
    assert worst(findings_in(path)) == "note"
    after = await state_of(path)
    assert set(before.dead_letters) - set(after.dead_letters) == {lost.base}
    assert not dry_run(str(path)).work


async def test_what_another_version_wrote(journal: Path, truth: list[Written]) -> None:
    """Whole records that this version cannot read stay as they are, and are told."""
    name = names_in(journal)[-1]
    data = (journal / name).read_bytes()
    header = decode_segment_header(data)
    assert not isinstance(header, str)
    last = record_in(journal, name, -1)
    sealing = Sealing(last.next_offset, 1, last.time, False, 0, last.check)
    strange = encode_record(b"\x91\x81\xa4type\xa7spoon/1", sealing, header.salt)
    at = last.position + last.size
    damaged(journal, name, lambda data: data.__setitem__(slice(at, at + len(strange)), strange))
    report = dry_run(str(journal))
    assert (report.work, report.strange) == ((), 1)
    first = record_in(journal, name, 4)
    damaged(journal, name, lambda data: data.__setitem__(first.position + 60, 0xFF))
    report = repair(str(journal))
    assert report.strange == 1
    assert strange in (journal / name).read_bytes()
    assert lost_in(report) == set(range(first.base, first.next_offset))
    joined = b"".join((journal / each).read_bytes() for each in names_in(journal))
    assert all(each.data in joined for each in truth if each.record.base != first.base)


async def test_a_segment_that_vanished_is_found_in_the_quarantine(
    journal: Path, truth: list[Written]
) -> None:
    """A segment that an interrupted repair had put aside, and whose place is empty, is brought back."""
    name = names_in(journal)[1]
    (journal / "quarantine" / "20261123T000000.000000000Z").mkdir(parents=True)
    shutil.move(journal / name, journal / "quarantine" / "20261123T000000.000000000Z" / name)
    report = repair(str(journal))
    assert [work.deed for work in report.work] == ["brought back"]
    check_kept(journal, truth, truth)


async def test_records_that_were_not_synced_and_have_moved(tmp_path: Path) -> None:
    """A record says how many bytes before it were not synced: after a repair there may be fewer than that."""
    path = tmp_path / "data" / "journal"
    path.mkdir(parents=True)
    opened = await Journal.open(str(path), options=SMALL, now=clock())
    for value in range(4):
        await opened.append([metrics(value, 1, text=2000)])
    await opened.close()
    name = names_in(path)[0]
    header = decode_segment_header((path / name).read_bytes())
    assert not isinstance(header, str)
    last = record_in(path, name, -1)
    sealing = Sealing(last.next_offset, 1, last.time, True, last.position - 100, last.check)
    made = encode_record(encode([metrics(9, 1)]), sealing, header.salt)
    at = last.position + last.size
    damaged(path, name, lambda data: data.__setitem__(slice(at, at + len(made)), made))
    record = record_in(path, name, 2)
    damaged(path, name, lambda data: data.__setitem__(record.position + 60, 0xFF))
    repair(str(path))
    assert record_in(path, name, -1).unsynced > record_in(path, name, -1).position
    opened = await Journal.open(str(path), options=SMALL, now=clock())
    await opened.close()
    assert read_journal(OsFileSystem(), str(path))


@pytest.mark.slow
async def test_a_dry_run_beside_a_writer(tmp_path: Path) -> None:
    """Beside a process that appends, rolls and retires, a dry run again and again finds nothing to do."""
    path = tmp_path / "data" / "journal"
    journal = await Journal.open(str(path), options=Options(segment_bytes=256 * 1024, durability="os"))
    enough = asyncio.Event()

    async def write() -> None:
        rolled = 0
        while rolled < 40:
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
        assert (await asyncio.to_thread(dry_run, str(path), alone=False)).work == ()
        looked += 1
    await writing
    await journal.close()
    assert looked > 5
