"""The simulated disk is a disk, and forgets exactly what it may."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.disk import OsFileSystem
from tests.contracts.filesystem_suite import FileSystemContract
from tests.journal.faults import FailingSync, FullDisk, SlowSync
from tests.journal.platter import SECTOR, keep_all, lose_all
from tests.journal.simdisk import PowerCutError, SimDisk


class TestOsFileSystem(FileSystemContract):
    @pytest.fixture
    def fs(self) -> OsFileSystem:
        return OsFileSystem()

    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return str(tmp_path)


class TestSimDisk(FileSystemContract):
    @pytest.fixture
    def fs(self) -> SimDisk:
        disk = SimDisk()
        disk.make_directory("/data")
        return disk

    @pytest.fixture
    def root(self) -> str:
        return "/data"


class TestWrapped(FileSystemContract):
    """The wrappers of faults.py, none of them failing."""

    @pytest.fixture
    def fs(self) -> FullDisk:
        return FullDisk(FailingSync(SlowSync(OsFileSystem(), 0.0)))

    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return str(tmp_path)


def disk_with(content: bytes) -> SimDisk:
    """A disk whose file /a holds `content`, synced."""
    disk = SimDisk()
    file = disk.open("/a", create=True)
    file.write_at(0, content)
    file.sync()
    disk.sync_directory("/")
    return disk


def test_synced_data_survives_and_unsynced_may_not() -> None:
    """After a crash a file holds what was synced; what was written since, only if the disk pleased."""
    disk = disk_with(b"old" * 400)
    disk.open("/a").write_at(0, b"new" * 400)
    assert disk.crash(lose_all).content("/a") == b"old" * 400
    assert disk.crash(keep_all).content("/a") == b"new" * 400
    assert disk.content("/a") == b"new" * 400


@given(st.data())
def test_sectors_are_lost_one_by_one(data: st.DataObject) -> None:
    """Each sector is one of the contents that it has had since its sync, whatever the others are."""
    disk = disk_with(b"0" * 3 * SECTOR)
    file = disk.open("/a")
    file.write_at(100, b"1" * 2 * SECTOR)
    file.write_at(SECTOR + 10, b"2" * SECTOR)
    chosen: list[int] = []

    def choose(options: int) -> int:
        chosen.append(data.draw(st.integers(0, options - 1)))
        return chosen[-1]

    found = disk.crash(choose).content("/a")
    versions = [
        [b"0" * 512, b"0" * 100 + b"1" * 412],
        [b"0" * 512, b"1" * 512, b"1" * 10 + b"2" * 502],
        [b"0" * 512, b"1" * 100 + b"0" * 412, b"2" * 10 + b"1" * 90 + b"0" * 412],
    ]
    assert len(chosen) == 3
    assert found == b"".join(sector[choice] for sector, choice in zip(versions, chosen, strict=True))


def test_growth_may_be_kept_without_its_data() -> None:
    """A file may have grown while none of its new sectors was written: they read as zeroes."""
    disk = disk_with(b"x" * 10)
    disk.open("/a").write_at(10, b"y" * 2000)
    answers = iter([1, 0, 0, 0, 0])
    assert disk.crash(lambda _options: next(answers)).content("/a") == b"x" * 10 + bytes(2000)
    assert disk.crash(lose_all).content("/a") == b"x" * 10


def test_directory_entries_are_lost_unless_synced() -> None:
    """A file whose name was not synced may be gone, synced though its data was; and any subset of
    unsynced renames and removals may have happened."""
    disk = disk_with(b"a")
    file = disk.open("/b", create=True)
    file.write_at(0, b"b")
    file.sync()
    disk.rename("/a", "/c")
    disk.remove("/b")
    seen = set()
    for bits in range(8):
        answers = iter([bits & 1, bits >> 1 & 1, bits >> 2 & 1])
        seen.add(tuple(disk.crash(lambda _options, answers=answers: next(answers)).names("/")))
    assert seen == {("a",), ("a", "b"), ("c",), ("b", "c")}
    disk.sync_directory("/")
    assert disk.crash(lose_all).names("/") == ["c"]


def test_a_new_directory_is_lost_with_all_in_it() -> None:
    """Syncing a directory says nothing of its own entry in its parent."""
    disk = SimDisk()
    disk.make_directory("/d")
    disk.open("/d/a", create=True).sync()
    disk.sync_directory("/d")
    assert disk.crash(lose_all).names("/") == []
    disk.sync_directory("/")
    assert disk.crash(lose_all).names("/d") == ["a"]


def test_after_a_failed_sync_only_writing_again_helps() -> None:
    """The pages are clean after a failed sync: the next sync says yes and saves nothing, until a new
    descriptor writes them again. Meanwhile they can be read."""
    disk = disk_with(b"old")
    file = disk.open("/a")
    file.write_at(0, b"new")
    disk.fail("sync")
    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    file.sync()
    assert disk.failed_descriptors_synced_again == 1
    assert disk.content("/a") == b"new"
    assert disk.crash(lose_all).content("/a") == b"old"
    again = disk.open("/a")
    again.write_at(0, b"new")
    again.sync()
    assert disk.crash(lose_all).content("/a") == b"new"


def test_a_full_disk_takes_what_fits() -> None:
    """A write that does not fit is done in part, then ENOSPC; removing and truncating give room."""
    disk = SimDisk(capacity=1000)
    file = disk.open("/a", create=True)
    file.write_at(0, bytes(900))
    other = disk.open("/b", create=True)
    with pytest.raises(OSError, match="No space") as full:
        other.write_at(0, b"x" * 200)
    assert full.value.errno == errno.ENOSPC
    assert other.read_at(0, 1000) == b"x" * 100
    file.write_at(0, b"in place" * 100)
    assert disk.free_bytes("/") == 0
    file.truncate(400)
    assert disk.free_bytes("/") == 500
    disk.remove("/a")
    other.write_at(0, b"x" * 1000)


def test_power_cut_after_some_steps() -> None:
    """Once the power is off nothing happens any more; what had happened is what `crash` chooses from."""
    disk = disk_with(b"a")
    disk.cut_power_after(2)
    file = disk.open("/a")
    file.write_at(0, b"b")
    disk.rename("/a", "/c")
    assert not disk.powerless
    with pytest.raises(PowerCutError):
        file.sync()
    assert disk.powerless
    with pytest.raises(PowerCutError):
        disk.remove("/c")
    assert disk.crash(lose_all).names("/") == ["a"]
    assert disk.crash(keep_all).content("/c") == b"b"


def test_a_killed_process_leaves_everything_unsynced() -> None:
    """After a kill all that was written is there, and can still be lost by a power cut."""
    disk = disk_with(b"a")
    disk.open("/a").write_at(0, b"b")
    next_process = disk.killed()
    assert next_process.content("/a") == b"b"
    assert next_process.crash(lose_all).content("/a") == b"a"
    next_process.open("/a").sync()
    assert next_process.crash(lose_all).content("/a") == b"b"
    assert disk.crash(lose_all).content("/a") == b"a"
