"""A repair that ends in the middle: killed at each step, without room, refused by the disk."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.disk import File, exclusive_lock
from journal.repair import JournalInUseError, NoRoomError, RepairFileSystem, dry_run, repair
from journal.repair.apply import quarantine_name
from tests.journal.repair.scene import (
    Written,
    check_goes_on,
    check_kept,
    contents,
    damaged,
    findings_in,
    left_of,
    lost_in,
    record_in,
)
from tests.journal.test_inspect_verify import names_in


class KilledError(Exception):
    """The process is dead."""


class Stopping(RepairFileSystem):
    """Does so many changes, and raises at the one after."""

    def __init__(self, steps: int, error: Callable[[], Exception] = KilledError) -> None:
        self.steps = steps
        self._error = error

    def _step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise self._error()

    def open(self, path: str, *, create: bool = False, write: bool = True) -> File:
        file = super().open(path, create=create, write=write)
        return _StoppingFile(file, self._step)

    def make_directory(self, path: str) -> None:
        self._step()
        super().make_directory(path)

    def rename(self, old: str, new: str) -> None:
        self._step()
        super().rename(old, new)

    def remove(self, path: str) -> None:
        self._step()
        super().remove(path)

    def link(self, old: str, new: str) -> None:
        self._step()
        super().link(old, new)

    def sync_directory(self, path: str) -> None:
        self._step()
        super().sync_directory(path)

    def remove_tree(self, path: str) -> None:
        self._step()
        super().remove_tree(path)


class _StoppingFile:
    """A file whose writes count."""

    def __init__(self, file: File, step: Callable[[], None]) -> None:
        self._file = file
        self._step = step

    def write_at(self, position: int, data: bytes) -> None:
        self._file.write_at(position, data[: len(data) // 2])
        self._step()
        self._file.write_at(position, data)

    def sync(self) -> None:
        self._step()
        self._file.sync()

    def close(self) -> None:
        self._file.close()


def much(path: Path) -> None:
    """Damage of all kinds at once: two segments swapped, one missing, one rotten, the end rotten, a copy."""
    names = names_in(path)
    damaged(path, names[1], lambda data: data.__setitem__(record_in(path, names[1], 9).position + 60, 0xFF))
    one, two = (path / names[0]).read_bytes(), (path / names[1]).read_bytes()
    (path / names[0]).write_bytes(two)
    (path / names[1]).write_bytes(one)
    shutil.copy(path / names[3], path / "00000000000000000003.segment")
    (path / names[2]).unlink()
    damaged(path, names[4], lambda data: data.__setitem__(record_in(path, names[4], -1).position + 9, 0xFF))


def originals(path: Path) -> list[bytes]:
    return [data for name, data in contents(path).items() if name.endswith(".segment")]


@pytest.mark.slow
async def test_killed_at_every_step(journal: Path, truth: list[Written], tmp_path: Path) -> None:
    """Wherever a repair is cut off, no original is lost, no name is empty or half a segment, and the next
    repair comes to what this one would have come to."""
    much(journal)
    kept, before = left_of(journal, truth), originals(journal)
    lost = lost_in(dry_run(str(journal)))
    step = 0
    while True:
        path = tmp_path / str(step) / "journal"
        shutil.copytree(journal, path)
        try:
            repair(str(path), now=1, fs=Stopping(step))
        except KilledError:
            pass
        else:
            break
        there = originals(path)
        assert all(original in there for original in before), f"an original is gone after {step} steps"
        assert set(names_in(journal)) - {"00000000000000000003.segment"} <= set(names_in(path))
        repair(str(path), now=2)
        check_kept(path, truth, kept)
        there = originals(path)
        assert all(original in there for original in before)
        assert {each.gravity for each in findings_in(path)} <= {"note"}
        assert named_lost(path) == lost
        assert not dry_run(str(path)).work
        assert not list(path.glob("quarantine/*/new/*"))
        await check_goes_on(path, truth, kept)
        shutil.rmtree(path.parent)
        step += 1
    assert step > 30


def named_lost(path: Path) -> set[int]:
    """The offsets that the journal names as lost."""
    named: set[int] = set()
    for finding in findings_in(path):
        if finding.lost is not None:
            first, end = finding.lost
            assert end is not None
            named |= set(range(first, end))
    return named


@pytest.mark.parametrize("step", range(0, 14, 2))
async def test_no_room(journal: Path, step: int) -> None:
    """A disk that runs full leaves the journal as it was, without a quarantine, and says what to do."""
    much(journal)
    before = contents(journal)
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(NoRoomError, match="make room"):
        repair(str(journal), now=1, fs=_Full(step, error))
    assert contents(journal) == before
    assert not (journal / quarantine_name(1)).exists()


class _Full(Stopping):
    def __init__(self, steps: int, error: OSError) -> None:
        super().__init__(steps, lambda: error)

    def remove_tree(self, path: str) -> None:
        RepairFileSystem.remove_tree(self, path)


async def test_a_process_that_runs(journal: Path) -> None:
    """While a process holds the lock, a repair is refused with its pid, and a dry run is not."""
    much(journal)
    before = contents(journal)
    with exclusive_lock(str(journal.parent)):
        with pytest.raises(JournalInUseError, match=str(os.getpid())):
            repair(str(journal))
        assert dry_run(str(journal), alone=False).work
    assert contents(journal) == before


async def test_a_disk_without_links(journal: Path, truth: list[Written]) -> None:
    """Where the disk knows no links, originals are copied into the quarantine."""
    much(journal)
    kept, before = left_of(journal, truth), originals(journal)
    real = os.link

    def refusing(old: str, new: str) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), old)

    os.link = refusing  # type: ignore[assignment]
    try:
        repair(str(journal))
    finally:
        os.link = real
    there = originals(journal)
    assert all(original in there for original in before)
    check_kept(journal, truth, kept)
