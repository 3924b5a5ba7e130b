"""A journal whose every record is known, and what must be true after its repair."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from journal.disk import OsFileSystem
from journal.events import ActorCrashed, CursorAdvanced, MetricsAccepted, OffsetsLost, Snapshot, width
from journal.framing import Record, SegmentHeader, decode_segment_header, records
from journal.inspect import Finding, verify, worst
from journal.log import Journal, Options
from journal.metric import Offset
from journal.reader import reading
from journal.repair import Report, dry_run, repair
from tests.journal.building import clock, metrics, read_journal, start_of, values_in
from tests.journal.test_inspect_verify import names_in

SMALL = Options(segment_bytes=16 * 1024)


@dataclass(frozen=True)
class Written:
    """A record as it was written, with its bytes."""

    record: Record
    data: bytes

    @property
    def offsets(self) -> range:
        return range(self.record.base, self.record.next_offset)

    @property
    def metrics(self) -> int:
        return sum(len(event.metrics) for event in self.record.events() if isinstance(event, MetricsAccepted))


async def make_journal(path: Path, *, segments: int = 5, records: int = 0) -> None:
    """A closed journal of so many segments in `path`, and `records` more in the newest: plain metrics, keyed
    ones and control events, each synced."""
    journal = await Journal.open(str(path), options=SMALL, now=clock())
    value = 0
    while len(journal.segments) < segments or records > 0:
        records -= len(journal.segments) == segments
        accepted = metrics(value, 3, text=value % 50)
        await journal.append([replace(accepted, key=f"k{value}") if value % 7 == 0 else accepted])
        value += 1
        if value % 5 == 0:
            await journal.append([CursorAdvanced("sqlite", journal.next_offset, value * 3)])
        if value % 11 == 0:
            await journal.append([ActorCrashed("/persistence", "boom")])
    await journal.close()


def truth_of(path: Path) -> list[Written]:
    """Every record of the sound journal in `path`."""
    found: list[Written] = []
    for name in names_in(path):
        data = (path / name).read_bytes()
        header = decode_segment_header(data)
        assert isinstance(header, SegmentHeader)
        found += [
            Written(record, data[record.position : record.position + record.size])
            for record in records(data, start_of(header), header.salt)
        ]
    return found


def left_of(path: Path, truth: Iterable[Written]) -> list[Written]:
    """Those records of which each byte is still in one of the files of `path`."""
    files = [(path / name).read_bytes() for name in names_in(path)]
    return [written for written in truth if any(written.data in data for data in files)]


def contents(path: Path) -> dict[str, bytes]:
    """Every file below `path`."""
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def lost_in(report: Report) -> set[int]:
    return {
        offset for work in report.work for loss in work.lost for offset in range(loss.first, loss.last + 1)
    }


def findings_in(path: Path) -> list[Finding]:
    return [step for step in verify(str(path)) if isinstance(step, Finding)]


async def check_repaired(path: Path, truth: list[Written], *, torn: Iterable[int] = ()) -> Report:
    """Repair `path` and hold the outcome against `truth`: nothing readable is given up, nothing is invented,
    what is lost is told exactly, and the journal goes on. `torn` offsets were never acknowledged."""
    kept = left_of(path, truth)
    gone = [written for written in truth if written not in kept]
    before = contents(path)
    planned = dry_run(str(path), now=1)
    assert contents(path) == before, "a dry run changed something"
    report = repair(str(path), now=1)
    assert replace(planned, applied=True) == report, "the dry run said something else"

    # A segment's snapshot is made anew, and so not lost, where the segment is.
    begun = {int(name[:20]) for name in names_in(path)}
    lost = {offset for each in gone for offset in each.offsets} - begun - set(torn)
    told = lost_in(report)
    leaps = any(loss.leap for work in report.work for loss in work.lost)
    assert (lost <= told) if leaps else (lost == told), (sorted(told - lost), sorted(lost - told))
    metrics_lost = sum(each.metrics for each in gone if each.offsets[0] not in torn)
    if report.exact:
        assert report.lost_metrics == metrics_lost
    else:
        assert report.lost_metrics >= metrics_lost

    check_kept(path, truth, kept)
    check_originals(path, before, report)
    assert worst(findings_in(path)) == "note", "\n".join(map(str, findings_in(path)))
    assert not dry_run(str(path)).work, "a second repair finds work"
    await check_goes_on(path, truth, kept)
    return report


def check_kept(path: Path, truth: list[Written], kept: list[Written]) -> None:
    """Each record of `kept` stands there byte for byte; what else does is a repair's."""
    found = read_journal(OsFileSystem(), str(path))
    data = b"".join((path / name).read_bytes() for name in names_in(path))
    for written in kept:
        assert written.data in data, f"the record of offset {written.record.base} was readable, and is gone"
    known = {(each.record.base, each.record.payload) for each in truth}
    for record in found:
        if (record.base, record.payload) not in known:
            (event,) = record.events()
            assert isinstance(event, Snapshot | OffsetsLost), f"offset {record.base} was never written"
            assert width(event) == record.count


def check_originals(path: Path, before: dict[str, bytes], report: Report) -> None:
    """Each file that is not what it was is in the quarantine as it was, beside the report."""
    after = contents(path)
    changed = {name for name, data in before.items() if after.get(name) != data}
    if report.quarantine is None:
        assert not changed
        return
    for name in changed:
        assert after[f"{report.quarantine}/{name}"] == before[name], name
    assert f"{report.quarantine}/report.json" in after
    assert not any(f"{os.sep}new{os.sep}" in name for name in after)


async def check_goes_on(path: Path, truth: list[Written], kept: list[Written]) -> None:
    """The journal opens, gives no offset twice, and reads from its beginning to its end."""
    journal = await Journal.open(str(path), options=SMALL, now=clock())
    appended = await journal.append([metrics(7777, 1)])
    begin = journal.first_offset
    assert appended.first_offset > max(written.offsets[-1] for written in kept)
    state = journal.state
    await journal.close()
    async with reading(str(path), Offset(begin)) as reader:
        found: list[Record] = []
        while some := await reader.read():
            found += some
    assert values_in(found) == [*values_in([each.record for each in kept]), 7777.0]
    assert state.accepted - state.lost_metrics == len(values_in(found))


def damaged(path: Path, name: str, change: Callable[[bytearray], None]) -> None:
    """Change the bytes of the segment `name`."""
    data = bytearray((path / name).read_bytes())
    change(data)
    (path / name).write_bytes(data)


def record_in(path: Path, name: str, which: int) -> Record:
    """A record of the segment `name`, which is sound."""
    data = (path / name).read_bytes()
    header = decode_segment_header(data)
    assert isinstance(header, SegmentHeader)
    return list(records(data, start_of(header), header.salt))[which]
