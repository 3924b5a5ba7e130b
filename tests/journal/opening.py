"""Journals on simulated disks, for the tests of what survives."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from journal.disk import FileSystem
from journal.log import Journal, Options
from tests.journal.building import clock, folded, read_journal, values_in
from tests.journal.platter import Choose, keep_all, lose_all
from tests.journal.simdisk import SimDisk

DIRECTORY = "/data/journal"
SMALL = Options(segment_bytes=8192)


@asynccontextmanager
async def journal_on(
    disk: FileSystem, options: Options = SMALL, directory: str = DIRECTORY
) -> AsyncGenerator[Journal]:
    """A journal, closed at the end however the disk is by then."""
    journal = await Journal.open(directory, options=options, fs=disk, now=clock())
    try:
        yield journal
    finally:
        await journal.close()


async def reopened(disk: SimDisk, options: Options = SMALL) -> list[float]:
    """What a process that opens the journal on `disk` finds: every metric's value, the links and the state
    checked."""
    async with journal_on(disk, options) as journal:
        found = read_journal(disk, DIRECTORY)
        assert found[-1].next_offset == journal.next_offset
        assert folded(found) == journal.state
        return values_in(found)


async def after_power_cut(disk: SimDisk, choose: Choose) -> list[float]:
    """What is found when the power is back."""
    return await reopened(disk.crash(choose))


async def after_any_power_cut(disk: SimDisk) -> list[float]:
    """What is found when nothing that was not synced is left, and it is no different when everything is."""
    found = await after_power_cut(disk, lose_all)
    assert await after_power_cut(disk, keep_all) == found
    return found
