"""The power goes in the middle of something in particular."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal.disk import FileSystem
from journal.events import SegmentsRetired
from journal.log import Journal, JournalFailedError, JournalFullError, Options
from journal.recovery import Recovered, recover
from journal.segment import segment_name
from tests.journal.building import SegmentBuilder, clock, folded, metrics, read_journal, values_in
from tests.journal.model import chooser
from tests.journal.opening import DIRECTORY, SMALL, journal_on, reopened
from tests.journal.simdisk import PowerCutError, SimDisk

pytestmark = pytest.mark.slow

SEEDS = range(6)
FILE_SIZE = 32 * 1024


def opened(disk: FileSystem) -> Recovered:
    return recover(disk, DIRECTORY, 99, FILE_SIZE)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from([0, 40, 300])), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from([0, 40, 300])), min_size=1, max_size=6),
    st.data(),
)
def test_any_subset_of_sectors_of_an_unsynced_tail(
    synced: list[tuple[int, int]], unsynced: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Several records written and not synced, as with durability interval, and any subset of their sectors
    lost: recovery keeps all that was synced and a prefix of the rest, each record whole, and never calls
    it damage."""
    built = SegmentBuilder()
    for count, text in synced:
        built.add([metrics(built.place.next_offset, count, text=text)])
    disk = SimDisk()
    disk.make_directory(DIRECTORY)
    path = f"{DIRECTORY}/{segment_name(0)}"
    disk.replace(path, built.in_file(FILE_SIZE))
    for directory in ("/", "/data", DIRECTORY):
        disk.sync_directory(directory)
    certain = len(built.places)
    start = len(built.data)
    file = disk.open(path)
    for count, text in unsynced:
        position = len(built.data)
        built.add([metrics(built.place.next_offset, count, text=text)], unsynced=position - start)
        file.write_at(position, built.data[position:])
    whole = read_journal(disk, DIRECTORY)
    after = disk.crash(lambda options: data.draw(st.integers(0, options - 1)))
    recovered = opened(after)
    kept = read_journal(after, DIRECTORY)
    assert len(kept) >= certain
    assert kept == whole[: len(kept)]
    assert (recovered.place, recovered.state) == (built.places[len(kept) - 1], folded(kept))


async def aged(disk: SimDisk, segments: int, options: Options = SMALL) -> Journal:
    """A journal with so many segments, a spare, and one value after the other from 0 on."""
    journal = await Journal.open(DIRECTORY, options=options, fs=disk, now=clock())
    value = 0
    while len(journal.segments) < segments:
        await journal.append([metrics(value, 1, text=1000)])
        value += 1
    return journal


@pytest.mark.parametrize("durability", ["fsync", "os"])
@pytest.mark.parametrize("with_spare", [False, True])
@pytest.mark.parametrize("retired", [1, 3])
async def test_power_loss_at_any_step_of_retirement(durability: str, with_spare: bool, retired: int) -> None:
    """Wherever the power goes while segments are retired, and then one is made a spare and rolled into, the
    journal opens: it begins where it began or where the retirement says, and has all from there on."""
    for step in range(40):
        disk = SimDisk()
        options = Options(segment_bytes=8192, durability=durability)  # type: ignore[arg-type]
        journal = await aged(disk, 5, options)
        if with_spare:
            await journal.prepare()
        await journal.sync()
        before = values_in(read_journal(disk, DIRECTORY))
        begins_at = journal.segments[retired].first_offset
        disk.cut_power_after(step)
        finished = False
        try:
            await journal.retire([segment.first_offset for segment in journal.segments[:retired]])
            await journal.prepare()
            for _ in range(9):
                await journal.append([metrics(777, 1, text=1000)])
            await journal.sync()
            finished = not disk.powerless
        except (OSError, JournalFailedError, JournalFullError):
            pass
        await journal.close()
        for seed in SEEDS:
            after = disk.crash(chooser(seed))
            found = await reopened(after, options)
            records = read_journal(after, DIRECTORY)
            assert records[0].base in (0, begins_at)
            if finished:
                assert records[0].base == begins_at
            old = [value for value in found if value != 777.0]
            assert old == before[len(before) - len(old) :]
            assert records[0].base != 0 or old == before
        if finished:
            return
    raise AssertionError("never got to the end: more steps are needed")


async def test_power_loss_at_any_step_of_the_first_opening() -> None:
    """Wherever the power goes while a journal is made, the next process finds none, or a whole one."""
    for step in range(60):
        disk = SimDisk()
        disk.cut_power_after(step)
        try:
            async with journal_on(disk) as journal:
                await journal.append([metrics(1, 1)])
        except (OSError, JournalFailedError):
            pass
        for seed in SEEDS:
            assert await reopened(disk.crash(chooser(seed))) in ([], [1.0])
        if not disk.powerless:
            return
    raise AssertionError("never got to the end: more steps are needed")


async def test_power_loss_at_any_step_of_recovery() -> None:
    """Recovery of a torn tail can itself be interrupted anywhere, again and again, and loses nothing; nor
    do the remains of the torn tail, which are in the evidence by the time they are gone from the journal."""
    built = SegmentBuilder()
    for value in range(10):
        built.add([metrics(value, 1, text=100)])
    whole = bytes(built.data)
    built.add([metrics(10, 9, text=100)])
    torn = bytearray(built.in_file(FILE_SIZE))
    torn[len(whole) + 600 // 512 * 512 : len(whole) + 1600] = bytes(1600 - 512)
    for step in range(30):
        disk = SimDisk()
        disk.make_directory(DIRECTORY)
        disk.replace(f"{DIRECTORY}/{segment_name(0)}", bytes(torn))
        for directory in ("/", "/data", DIRECTORY):
            disk.sync_directory(directory)
        disk.cut_power_after(step)
        try:
            opened(disk)
        except PowerCutError:
            finished = False
        else:
            finished = True
        for seed in SEEDS:
            after = disk.crash(chooser(seed))
            recovered = opened(after)
            assert recovered.place.position == len(whole)
            assert recovered.torn is None or recovered.evidence is not None
            kept = [after.content(f"{DIRECTORY}/{name}") for name in after.names(DIRECTORY) if "torn" in name]
            assert bytes(torn[len(whole) :]).rstrip(b"\0") in kept
        if finished:
            return
    raise AssertionError("never got to the end: more steps are needed")


async def test_a_retired_segment_that_is_zeroed_already_does_not_matter() -> None:
    """The power goes after a retired segment was zeroed to become a spare, its new name being lost."""
    disk = SimDisk()
    journal = await aged(disk, 4)
    begins_at = journal.segments[2].first_offset
    gone = [segment.first_offset for segment in journal.segments[:2]]
    await journal.append([SegmentsRetired(gone, begins_at, 0)])
    await journal.close()
    disk.replace(f"{DIRECTORY}/{segment_name(gone[0])}", bytes(8192))
    assert await reopened(disk)
    assert disk.names(DIRECTORY)[0] == segment_name(begins_at)


async def test_retiring_and_preparing_at_the_same_time() -> None:
    """However retirement and the making of a spare interleave, a spare is all zeroes and no segment that
    is in use is touched."""
    disk = SimDisk()
    journal = await aged(disk, 6)
    for _ in range(30):
        await asyncio.gather(
            journal.prepare(),
            journal.retire([journal.segments[0].first_offset])
            if len(journal.segments) > 3
            else journal.sync(),
            journal.prepare(),
        )
        await journal.prepare()
        spare = disk.content(f"{DIRECTORY}/spare.new")
        assert not spare.strip(b"\0")
        for _ in range(8):
            await journal.append([metrics(1, 1, text=1000)])
    await journal.close()
    assert await reopened(disk)


async def test_only_the_oldest_can_be_retired() -> None:
    """Segments in the middle, and the newest, are never retired; two retirements at once are one."""
    disk = SimDisk()
    journal = await aged(disk, 4)
    first, second, third, newest = (segment.first_offset for segment in journal.segments)
    assert await journal.retire([second]) == 0
    assert await journal.retire([newest]) == 0
    freed = await asyncio.gather(journal.retire([first]), journal.retire([first]))
    assert sorted(freed) == [0, 8192]
    assert await journal.retire([second, third, newest]) == 2 * 8192
    assert [segment.first_offset for segment in journal.segments] == [newest]
    assert journal.first_offset == newest
    await journal.close()
    assert disk.names(DIRECTORY)[0] == segment_name(newest)
