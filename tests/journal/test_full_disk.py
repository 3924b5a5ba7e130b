"""No room: metrics are refused, control events still fit, and the journal goes on by itself.

`prepare` is called every second in the running system; here the tests call it.
"""

from __future__ import annotations

import asyncio
import errno
import subprocess
import sys
from pathlib import Path

import pytest

from journal.disk import OsFileSystem, is_full
from journal.events import CursorAdvanced
from journal.log import Journal, JournalFullError, Options
from journal.metric import Offset
from tests.journal.building import metrics, read_journal, values_in
from tests.journal.opening import DIRECTORY, after_any_power_cut, journal_on, reopened
from tests.journal.simdisk import SimDisk


async def fill(journal: Journal, *, prepare: bool = True, text: int = 200) -> list[float]:
    """Append until the journal is full; returns the values acknowledged."""
    acknowledged: list[float] = []
    for value in range(10_000):
        if prepare:
            await journal.prepare()
        try:
            await journal.append([metrics(value, 1, text=text)])
        except JournalFullError:
            return acknowledged
        acknowledged.append(float(value))
    raise AssertionError("never full")


async def test_full_and_room_again() -> None:
    """At the end of the disk metrics are refused, and again and again; what was acknowledged is safe;
    with room, `prepare` notices and appending goes on."""
    disk = SimDisk(capacity=40_000)
    async with journal_on(disk) as journal:
        acknowledged = await fill(journal)
        assert journal.condition == "full"
        assert len(acknowledged) > 60
        for _ in range(3):
            await journal.prepare()
            with pytest.raises(JournalFullError, match="make room"):
                await journal.append([metrics(-1, 1, text=200)])
        assert await after_any_power_cut(disk) == acknowledged
        disk.capacity = 80_000
        await journal.prepare()
        assert journal.condition == "writable"
        for value in range(20_000, 20_050):
            await journal.append([metrics(value, 1, text=200)])
        expected = acknowledged + [float(value) for value in range(20_000, 20_050)]
        assert await after_any_power_cut(disk) == expected


async def test_control_events_fit_the_reserve() -> None:
    """A full journal takes control events still, for as long as the reserve lasts: durable like any."""
    disk = SimDisk(capacity=40_000)
    async with journal_on(disk) as journal:
        acknowledged = await fill(journal)
        for cursor in range(10):
            await journal.append([CursorAdvanced("sqlite", Offset(cursor), cursor)])
        assert journal.condition == "full"
        assert await after_any_power_cut(disk) == acknowledged
        assert journal.state.cursors["sqlite"].offset == 9
    # Closing and opening a full journal is possible, and loses nothing.
    assert await reopened(disk) == acknowledged


async def test_retention_makes_room() -> None:
    """A full journal can retire: the first retired segment becomes the spare to go on in."""
    disk = SimDisk(capacity=40_000)
    async with journal_on(disk) as journal:
        await fill(journal)
        assert await journal.retire([journal.segments[0].first_offset]) == 8192
        await journal.prepare()
        assert journal.condition == "writable"
        await journal.append([metrics(9999, 1, text=200)])
        assert (await after_any_power_cut(disk))[-1] == 9999.0


async def test_full_while_no_spare_was_ever_made() -> None:
    """Without `prepare`, segments grow with their records. A write that fails in the middle is wiped; and
    once a retired segment has become a spare, the journal leaves the segment that cannot grow for it."""
    disk = SimDisk(capacity=30_000)
    async with journal_on(disk) as journal:
        acknowledged = await fill(journal, prepare=False, text=330)
        assert journal.condition == "full"
        assert await after_any_power_cut(disk) == acknowledged
        tail = journal.segments[-1]
        # Somebody else takes what little is left.
        disk.capacity = disk.used() + 1
        await journal.prepare()
        assert journal.condition == "full"
        await journal.retire([journal.segments[0].first_offset])
        await journal.prepare()
        assert journal.condition == "writable"
        await journal.append([metrics(9999, 1, text=330)])
        assert journal.segments[-1] != tail
        assert (await after_any_power_cut(disk))[-1] == 9999.0


async def test_a_record_larger_than_a_segment() -> None:
    """A record that no segment is large enough for gets a segment of its own, which grows with it."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1, text=30_000)])
        await journal.append([metrics(2, 1, text=30_000)])
        await journal.append([metrics(3, 1)])
        assert await after_any_power_cut(disk) == [1.0, 2.0, 3.0]
        assert len(journal.segments) == 4


async def test_a_record_too_large_for_the_disk_wastes_no_segments() -> None:
    """Tried again and again, a record that does not fit on the disk leaves one new segment, not many."""
    disk = SimDisk(capacity=40_000)
    async with journal_on(disk) as journal:
        for _ in range(5):
            await journal.prepare()
            with pytest.raises(JournalFullError):
                await journal.append([metrics(1, 1, text=50_000)])
        assert len([name for name in disk.names(DIRECTORY) if name.endswith(".segment")]) == 2
        await journal.prepare()
        await journal.append([metrics(2, 1)])
        assert await after_any_power_cut(disk) == [2.0]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_what_counts_as_full(code: int) -> None:
    """A disk full, a quota reached and a file-size limit are one condition to the journal."""
    assert is_full(OSError(code, "full"))
    assert not is_full(OSError(errno.EIO, "broken"))


LIMITED = """
import asyncio, resource, signal, sys
from journal.log import Journal, JournalFullError, Options
from tests.journal.building import metrics

async def main(directory):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = await Journal.open(directory, options=Options(segment_bytes=65536))
    await journal.append([metrics(0, 10)])
    if sys.argv[2] == "spare":
        await journal.prepare()
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
    value = 10
    try:
        while True:
            await journal.append([metrics(value, 10)])
            value += 10
    except JournalFullError:
        for _ in range(3):
            await journal.prepare()
        print("full", value, journal.condition, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await journal.prepare()
    await journal.append([metrics(value, 10)])
    print("again", value + 10, journal.condition, flush=True)

asyncio.run(main(sys.argv[1]))
import os
os._exit(9)
"""


@pytest.mark.parametrize("ahead", ["spare", "none"])
async def test_a_real_file_size_limit(tmp_path: Path, ahead: str) -> None:
    """On a real disk, at a file-size limit: full is reported, and stays so however often room is looked for,
    also with a segment made ahead that would take no more. Once the limit is gone the journal goes on; a
    process that ends without closing it has lost nothing that was acknowledged."""
    directory = str(tmp_path / "journal")
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", LIMITED, directory, ahead],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 9, run.stderr
    full, again = (line.split() for line in run.stdout.splitlines())
    assert (full[0], full[2], again[0], again[2]) == ("full", "full", "again", "writable")
    assert int(again[1]) == int(full[1]) + 10 > 100
    fs = OsFileSystem()
    async with journal_on(fs, Options(segment_bytes=65536), directory):
        found = values_in(read_journal(fs, directory))
    assert found == [float(value) for value in range(int(again[1]))]
