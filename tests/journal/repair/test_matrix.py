"""Every damage × first, middle, last segment × header, record head, payload: found, refused, repaired."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.disk import OsFileSystem
from journal.inspect import worst
from journal.recovery import recover
from journal.segment import JournalCorruptError
from tests.journal.repair.scene import (
    Written,
    check_repaired,
    damaged,
    findings_in,
    left_of,
    lost_in,
    make_journal,
    record_in,
)
from tests.journal.test_inspect_verify import names_in

pytestmark = pytest.mark.slow

WHERE = pytest.mark.parametrize("where", [0, 2, -1], ids=["first", "middle", "last"])
Change = Callable[[bytearray, int], None]


def flip(data: bytearray, at: int) -> None:
    data[at] ^= 0x40


def zero_sector(data: bytearray, at: int) -> None:
    begin = at // 512 * 512
    data[begin : begin + 512] = bytes(512)


def zero_page(data: bytearray, at: int) -> None:
    begin = at // 4096 * 4096
    data[begin : begin + 4096] = bytes(4096)


def noise(data: bytearray, at: int) -> None:
    data[at : at + 300] = bytes(i * 197 % 251 for i in range(300))


def cut_out(data: bytearray, at: int) -> None:
    del data[at : at + 77]


def doubled(data: bytearray, at: int) -> None:
    data[at:at] = data[at : at + 1111]


CHANGES = {
    "flip": flip,
    "sector": zero_sector,
    "page": zero_page,
    "noise": noise,
    "cut out": cut_out,
    "doubled": doubled,
}
PARTS = {
    "header": lambda path, name: 20,
    "snapshot head": lambda path, name: 64 + 9,
    "snapshot": lambda path, name: 64 + 60,
    "head": lambda path, name: record_in(path, name, 7).position + 9,
    "payload": lambda path, name: record_in(path, name, 7).position + 60,
    "late head": lambda path, name: record_in(path, name, -3).position + 9,
    "late payload": lambda path, name: record_in(path, name, -3).position + 60,
}


def refuses(path: Path) -> bool:
    """Whether a start does; nothing is changed by asking where it does."""
    try:
        recover(OsFileSystem(), str(path), 1, 16 * 1024)
    except JournalCorruptError:
        return True
    return False


@WHERE
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("change", CHANGES)
async def test_damaged_bytes(journal: Path, truth: list[Written], where: int, part: str, change: str) -> None:
    """Bytes that were flipped, zeroed, overwritten, lost or doubled, anywhere."""
    name = names_in(journal)[where]
    at = PARTS[part](journal, name)
    damaged(journal, name, lambda data: CHANGES[change](data, at))
    findings = findings_in(journal)
    left = left_of(journal, truth)
    gone = [each for each in truth if each not in left]
    if where == -1 and worst(findings) != "corrupt":
        # What is damaged looks like what was never written, and what is behind it was not synced for certain.
        at_end = gone == truth[-len(gone) :]
        await check_repaired(
            journal, truth, torn={offset for each in gone for offset in each.offsets if at_end}
        )
        return
    assert worst(findings) == "corrupt"
    # A start reads the newest segment, and of the others the header, which a doubling begins with.
    if where == -1 or (part == "header" and change != "doubled"):
        assert refuses(journal)
    await check_repaired(journal, truth)


@WHERE
@pytest.mark.parametrize("part", ["head", "payload"])
async def test_the_last_record(journal: Path, truth: list[Written], where: int, part: str) -> None:
    """A flipped byte in a segment's last record. In the newest, whose end nothing tells any more, no offset
    that can have been given is given again."""
    name = names_in(journal)[where]
    record = record_in(journal, name, -1)
    damaged(journal, name, lambda data: flip(data, record.position + {"head": 9, "payload": 60}[part]))
    assert worst(findings_in(journal)) == "corrupt"
    report = await check_repaired(journal, truth)
    if where != -1 or part == "payload":
        assert lost_in(report) == set(range(record.base, record.next_offset))
    else:
        assert len(lost_in(report)) >= (16384 - record.position) // 23


@WHERE
@pytest.mark.parametrize("size", [0, 1, 63, 64, 100, "in a record", "between records"])
async def test_a_truncated_segment(journal: Path, truth: list[Written], where: int, size: int | str) -> None:
    """A file that ends too early, down to none of it. The newest may end in the middle of its last write."""
    name = names_in(journal)[where]
    record = record_in(journal, name, 7)
    match size:
        case "in a record":
            end = record.position + 60
        case "between records":
            end = record.position
        case _:
            end = int(size)
    damaged(journal, name, lambda data: data.__delitem__(slice(end, None)))
    if where == -1 and isinstance(size, str):
        # What stands behind cannot have been known of: a start takes it for the end.
        first = record.base
        await check_repaired(journal, truth, torn=range(first, truth[-1].record.next_offset))
        return
    assert worst(findings_in(journal)) == "corrupt"
    assert refuses(journal) == (where == -1 or end < 64)
    await check_repaired(journal, truth)


@pytest.mark.parametrize(
    "missing", [[0], [1], [2], [3], [0, 1], [1, 2], [1, 3], [0, 1, 2, 3], [1, 2, 3]], ids=str
)
async def test_missing_segments(journal: Path, truth: list[Written], missing: list[int]) -> None:
    """Any segments but the newest, whose absence nothing tells, are made anew as what is lost."""
    names = names_in(journal)
    for each in missing:
        (journal / names[each]).unlink()
    assert worst(findings_in(journal)) == "corrupt"
    assert refuses(journal)
    report = await check_repaired(journal, truth)
    made = [work for work in report.work if work.deed == "made anew"]
    assert 1 <= len(made) <= len(missing)


async def test_a_torn_tail(journal: Path, truth: list[Written]) -> None:
    """A last write that was not finished is a warning, stops no start, and nothing of it is called lost."""
    name = names_in(journal)[-1]
    record = record_in(journal, name, -1)
    damaged(journal, name, lambda data: data.__setitem__(slice(record.position + 20, None), bytes(16384)))
    assert worst(findings_in(journal)) == "warning"
    report = await check_repaired(journal, truth, torn=range(record.base, record.next_offset))
    assert (report.gravity, report.lost_offsets) == ("warning", 0)


@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (0, -1), (-2, -1)], ids=str)
async def test_swapped_segments(journal: Path, truth: list[Written], pair: tuple[int, int]) -> None:
    """Two segments under each other's names get their own; nothing is lost."""
    one, two = (journal / names_in(journal)[each] for each in pair)
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    assert worst(findings_in(journal)) == "corrupt"
    assert refuses(journal)
    report = await check_repaired(journal, truth)
    assert [work.deed for work in report.work] == ["renamed", "renamed"]


@WHERE
@pytest.mark.parametrize("damage", [False, True])
async def test_a_renamed_segment(journal: Path, truth: list[Written], where: int, damage: bool) -> None:
    """A segment under a name of no segment's, whole or damaged, goes back to its place."""
    name = names_in(journal)[where]
    if damage:
        damaged(journal, name, lambda data: flip(data, record_in(journal, name, 5).position + 60))
    (journal / name).rename(journal / "00000000000000000003.segment")
    assert refuses(journal)
    await check_repaired(journal, truth)


@WHERE
@pytest.mark.parametrize("name", ["00000000000000000003.segment", "00000000000000999999.segment"])
@pytest.mark.parametrize("damage", [False, True])
async def test_a_copy_of_a_segment(
    journal: Path, truth: list[Written], where: int, name: str, damage: bool
) -> None:
    """A copy is put aside; where the segment itself is damaged, the copy takes its place."""
    segment = names_in(journal)[where]
    shutil.copy(journal / segment, journal / name)
    if damage:
        damaged(journal, segment, lambda data: flip(data, record_in(journal, segment, 5).position + 60))
    assert worst(findings_in(journal)) == "corrupt"
    assert refuses(journal)
    report = await check_repaired(journal, truth)
    assert report.lost_offsets == 0


@WHERE
@pytest.mark.parametrize("own", [False, True])
async def test_another_segment_in_the_place_of_one(
    journal: Path, truth: list[Written], tmp_path: Path, where: int, own: bool
) -> None:
    """A segment of another journal, or a copy of an own one, in the place of one is put aside, and what it
    replaced is lost. In the newest's place its name still says that there was one: no number of that is given
    again."""
    other = tmp_path / "other" / "journal"
    await make_journal(other, segments=2)
    name = names_in(journal)[where]
    shutil.copy(journal / names_in(journal)[1] if own else other / names_in(other)[0], journal / name)
    assert worst(findings_in(journal)) == "corrupt"
    assert refuses(journal)
    report = await check_repaired(journal, truth)
    assert report.lost_offsets > 0
    assert report.next_offset > truth[-1].offsets[-1]


async def test_a_segment_of_another_journal_beside(
    journal: Path, truth: list[Written], tmp_path: Path
) -> None:
    """A foreign segment under a name of its own is put aside, and nothing is lost."""
    other = tmp_path / "other" / "journal"
    await make_journal(other, segments=2)
    shutil.copy(other / names_in(other)[0], journal / "00000000000000999999.segment")
    assert refuses(journal)
    report = await check_repaired(journal, truth)
    assert [work.deed for work in report.work] == ["taken out"]


async def test_bytes_behind_a_sealed_segments_end(journal: Path, truth: list[Written]) -> None:
    """What stands behind the last record goes, and nothing is lost."""
    name = names_in(journal)[1]
    damaged(journal, name, lambda data: data.extend(bytes(24) + b"?"))
    report = await check_repaired(journal, truth)
    assert (report.gravity, report.lost_offsets) == ("warning", 0)


async def test_records_in_another_order(journal: Path, truth: list[Written]) -> None:
    """Whole records that stand in each other's place are put in order, and none is lost."""
    name = names_in(journal)[1]
    one, two = record_in(journal, name, 4), record_in(journal, name, 8)

    def swap(data: bytearray) -> None:
        first, second = (
            data[one.position : one.position + one.size],
            data[two.position : two.position + two.size],
        )
        data[two.position : two.position + two.size] = first
        data[one.position : one.position + one.size] = second

    damaged(journal, name, swap)
    assert worst(findings_in(journal)) == "corrupt"
    report = await check_repaired(journal, truth)
    assert report.lost_offsets == 0


async def test_a_sound_journal(journal: Path, truth: list[Written]) -> None:
    """Nothing to do is said, and nothing done: no quarantine is made."""
    report = await check_repaired(journal, truth)
    assert (report.work, report.quarantine, report.gravity) == ((), None, "note")
    assert not (journal / "quarantine").exists()
