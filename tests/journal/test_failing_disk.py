"""What the journal promises of a disk that says no.

An append that was refused counts for nothing: it is wiped before anything else is written. Only where the
power goes, or the process dies, before that was possible may it be found whole; never in part, never twice.
"""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from journal.events import CursorAdvanced
from journal.log import Journal, JournalClosedError, JournalFailedError, Options
from journal.metric import Offset
from journal.writer import SyncedDataLostError
from tests.journal.building import clock, metrics, read_journal
from tests.journal.opening import DIRECTORY, SMALL, after_any_power_cut, after_power_cut, journal_on, reopened
from tests.journal.platter import keep_all, lose_all
from tests.journal.simdisk import SimDisk

INTERVAL = Options(segment_bytes=8192, durability="interval")


async def test_a_failed_sync_is_made_good_on_a_new_descriptor() -> None:
    """One failed fdatasync: the data is written again through a new descriptor and synced there, so the
    append is acknowledged and really durable. The old descriptor is not synced again."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1)])
        disk.fail("sync")
        await journal.append([metrics(2, 1)])
        assert await after_any_power_cut(disk) == [1.0, 2.0]
        await journal.append([metrics(3, 1)])
        assert await after_any_power_cut(disk) == [1.0, 2.0, 3.0]
        assert journal.condition == "writable"
    assert disk.failed_descriptors_synced_again == 0


async def test_an_append_that_cannot_be_synced_is_refused_and_wiped() -> None:
    """Two failed syncs: the append is refused. With the next one that succeeds it is gone for good."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1)])
        disk.fail("sync", 1)
        disk.fail("sync", 2)
        with pytest.raises(JournalFailedError, match="look at the disk"):
            await journal.append([metrics(2, 40)])
        assert journal.condition == "failed"
        assert await after_power_cut(disk, lose_all) == [1.0]
        await journal.append([metrics(3, 1)])
        assert journal.condition == "writable"
        assert await after_any_power_cut(disk) == [1.0, 3.0]
    assert disk.failed_descriptors_synced_again == 0


@pytest.mark.parametrize("failures", range(1, 9))
async def test_syncs_failing_in_a_row(failures: int) -> None:
    """However many syncs in a row fail, what was acknowledged is there after a power cut, what was refused
    is not, and the journal goes on once the disk does."""
    disk = SimDisk()
    acknowledged = [1.0]
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1)])
        for nth in range(1, failures + 1):
            disk.fail("sync", nth)
        for value in range(2, 12):
            try:
                await journal.append([metrics(value, 1)])
            except JournalFailedError:
                continue
            acknowledged.append(float(value))
            assert await after_any_power_cut(disk) == acknowledged
        assert len(acknowledged) > 1 + 10 - failures
    assert disk.failed_descriptors_synced_again == 0


async def test_a_refused_append_found_by_the_next_process_is_made_durable() -> None:
    """A process dies with a refused append still in the page cache, where it was marked clean. The next
    process finds it whole, so it counts: then it must be on the disk too, or what is written behind it
    would stand behind a hole."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1)])
        disk.fail("sync", 1)
        disk.fail("sync", 2)
        with pytest.raises(JournalFailedError):
            await journal.append([metrics(2, 40)])
        survivor = disk.killed()
    async with journal_on(survivor) as journal:
        await journal.append([metrics(100, 1)])
        expected = [1.0, *map(float, range(2, 42)), 100.0]
        assert await after_any_power_cut(survivor) == expected


@pytest.mark.parametrize("seed", range(12))
async def test_what_could_not_be_wiped_is_wiped_by_the_next_process(seed: int) -> None:
    """A refused append's sectors may be on the platter while the page cache shows the zeroes that were to
    wipe them. The next process sees the zeroes; it makes them so before it writes, or else the remains,
    in the sectors of a write that a power cut has torn, would look like damage."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1)])
        for nth in (1, 2, 3):
            disk.fail("sync", nth)
        for value in (2, 100):
            with pytest.raises(JournalFailedError):
                await journal.append([metrics(value, 40)])
        survivor = disk.killed()
    async with journal_on(survivor) as journal:
        await journal.append([metrics(200, 1)])
        survivor.cut_power_after(1)
        with pytest.raises(JournalFailedError):
            await journal.append([metrics(300, 30)])
    found = await after_power_cut(survivor, random.Random(seed).randrange)
    assert found in ([1.0, 200.0], [1.0, 200.0, *map(float, range(300, 330))])


async def test_recovery_writes_the_tail_again_where_its_sync_fails() -> None:
    """A failed sync in recovery is made good on a new descriptor, or the journal does not open."""
    disk = SimDisk()
    async with journal_on(disk, INTERVAL) as journal:
        for value in range(5):
            await journal.append([metrics(value, 1)])
        survivor = disk.killed()
        stubborn = disk.killed()
    survivor.fail("sync")
    assert await reopened(survivor, INTERVAL) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert await after_power_cut(survivor, lose_all) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert survivor.failed_descriptors_synced_again == 0
    stubborn.fail("sync", 1)
    stubborn.fail("sync", 2)
    with pytest.raises(OSError, match="Input/output"):
        await reopened(stubborn, INTERVAL)


async def test_interval_syncs_that_fail_lose_nothing_once_one_succeeds() -> None:
    """With durability interval, whatever a `sync` that returns covers is durable, the syncs before it
    having failed how often ever: none is asked of a descriptor that failed."""
    for failures in range(1, 6):
        disk = SimDisk()
        async with journal_on(disk, INTERVAL) as journal:
            await journal.append([metrics(1, 1)])
            await journal.sync()
            for nth in range(1, failures + 1):
                disk.fail("sync", nth)
            await journal.append([metrics(2, 1)])
            for value in range(3, 13):
                try:
                    await journal.sync()
                    break
                except JournalFailedError:
                    await journal.append([metrics(value, 1)])
            everything = await after_power_cut(disk, keep_all)
            assert everything[:2] == [1.0, 2.0]
            assert await after_power_cut(disk, lose_all) == everything
        assert disk.failed_descriptors_synced_again == 0


async def test_a_failed_wipe_does_not_lose_what_was_not_synced_yet() -> None:
    """With durability interval, a write fails and so does the sync of the wipe after it: what had been
    appended before is written again before a sync says that it is durable."""
    disk = SimDisk()
    async with journal_on(disk, INTERVAL) as journal:
        await journal.append([metrics(1, 1)])
        disk.fail("write")
        disk.fail("sync")
        with pytest.raises(JournalFailedError):
            await journal.append([metrics(2, 1)])
        await journal.append([metrics(3, 1)])
        await journal.sync()
        assert await after_any_power_cut(disk) == [1.0, 3.0]


@pytest.mark.parametrize("operation", ["write", "sync"])
async def test_a_segment_begun_for_an_append_that_then_failed_is_gone_on_with(operation: str) -> None:
    """The roll succeeds, the append that asked for it does not: the next one, though it would have fitted
    into the old segment, goes into the new one."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1, text=6000)])
        name = f"{journal.next_offset:020d}"
        for nth in (2, 3) if operation == "sync" else (2,):  # the first is the new segment's head
            disk.fail(operation, nth)
        with pytest.raises(JournalFailedError):
            await journal.append([metrics(2, 1, text=3000)])
        assert [each for each in disk.names(DIRECTORY) if each.startswith(name)], "it rolled"
        appended = await journal.append([metrics(3, 1)])
        assert await after_any_power_cut(disk) == [1.0, 3.0]
        assert read_journal(disk, DIRECTORY)[-1].base == appended.first_offset
        assert [segment.name for segment in journal.segments] == disk.names(DIRECTORY)


@pytest.mark.parametrize("operation", ["open", "write", "sync", "rename", "sync_directory"])
async def test_a_roll_that_fails_is_done_again(operation: str) -> None:
    """Whichever step of a roll fails, the append is refused, and the next one rolls and is durable."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1, text=6000)])
        disk.fail(operation)
        with pytest.raises(JournalFailedError):
            await journal.append([metrics(2, 1, text=3000)])
        assert await after_any_power_cut(disk) == [1.0]
        await journal.append([metrics(3, 1, text=100)])
        await journal.append([metrics(4, 1, text=3000)])
        assert await after_any_power_cut(disk) == [1.0, 3.0, 4.0]
        assert len(journal.segments) == 2


async def test_a_process_killed_in_the_middle_of_a_roll() -> None:
    """The new segment has its name, but perhaps not on the disk: the next process, which finds it, makes
    the name durable before it acknowledges anything in there."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1, text=6000)])
        disk.fail("sync_directory")
        with pytest.raises(JournalFailedError):
            await journal.append([metrics(2, 1, text=3000)])
        survivor = disk.killed()
    async with journal_on(survivor) as journal:
        assert len(journal.segments) == 2
        await journal.append([metrics(3, 1)])
        assert await after_any_power_cut(survivor) == [1.0, 3.0]


async def test_a_descriptor_that_cannot_be_had_anew() -> None:
    """The sync fails, and then no file can be opened: the append is refused, nothing is written through a
    descriptor that was given back, and the journal goes on once files can be opened."""

    class NoDescriptors(SimDisk):
        refusing = False

        def open(self, path: str, *, create: bool = False, write: bool = True):
            if self.refusing and write:
                raise OSError(24, "Too many open files", path)
            return super().open(path, create=create, write=write)

    disk = NoDescriptors()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1)])
        disk.fail("sync")
        disk.refusing = True
        for value in (2, 3):
            with pytest.raises(JournalFailedError, match="Too many open files"):
                await journal.append([metrics(value, 1)])
        disk.refusing = False
        await journal.append([metrics(4, 1)])
        assert await after_any_power_cut(disk) == [1.0, 4.0]
    assert disk.uses_after_close == 0


async def test_what_was_synced_is_looked_at_before_going_on() -> None:
    """If, after a failed sync, the record synced last cannot be read back, nothing is written behind it."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1)])
        path = f"{DIRECTORY}/{journal.segments[0].name}"
        data = bytearray(disk.content(path))
        data[len(data.rstrip(b"\0")) - 20] ^= 0xFF
        disk.replace(path, bytes(data))
        disk.fail("sync")
        with pytest.raises(JournalFailedError, match="cannot be read back") as refused:
            await journal.append([metrics(2, 1)])
        assert "byte" in str(SyncedDataLostError("x", 1))
        assert journal.condition == "failed"
        assert refused.value.args


async def test_an_open_that_fails_leaves_no_thread() -> None:
    """A journal that cannot write down that it was opened is closed again."""
    disk = SimDisk()
    async with journal_on(disk):
        pass
    for nth in range(2, 8):
        disk.fail("sync", nth)
    with pytest.raises(JournalFailedError):
        await Journal.open(DIRECTORY, options=SMALL, fs=disk, now=clock())
    assert not [thread for thread in threading.enumerate() if thread.name == "journal"]
    disk.mend()
    assert await reopened(disk) == []


async def test_appends_gather_and_are_all_acknowledged() -> None:
    """Appends that wait together share a record, keep their order, and have each its own offset."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        waiting = [journal.append([metrics(i, 2)]) for i in range(0, 40, 2)]
        control = journal.append([CursorAdvanced("sqlite", Offset(1), 1)])
        done = await asyncio.gather(*waiting)
        assert (await control).first_offset == done[-1].first_offset + 2
        assert len({each.first_offset for each in done}) == 20
        syncs = disk.syncs
        assert syncs < 20
        assert await after_any_power_cut(disk) == [float(i) for i in range(40)]
    with pytest.raises(JournalClosedError):
        journal.append([metrics(1, 1)])
