"""One process a data directory."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.disk import DirectoryInUseError, exclusive_lock, lock_holder

HOLDER = """
import sys
from journal.disk import exclusive_lock
with exclusive_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of tmp_path."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_by_pid(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """While one process holds the directory another is refused at once, and told which pid to look for."""
    said = f"in use by process {holder.pid}"
    with pytest.raises(DirectoryInUseError, match=said) as refused, exclusive_lock(str(tmp_path)):
        pass
    assert refused.value.pid == holder.pid
    assert lock_holder(str(tmp_path)) == holder.pid


def test_a_refusal_leaves_the_lock_alone(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """Being refused once does not free the lock, nor overwrite the pid in it."""
    for _ in range(3):
        with pytest.raises(DirectoryInUseError, match=str(holder.pid)), exclusive_lock(str(tmp_path)):
            pass


def test_free_after_a_kill(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """A process killed with SIGKILL leaves a lock file, and no lock."""
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "lock").exists()
    with exclusive_lock(str(tmp_path)):
        assert lock_holder(str(tmp_path)) == os.getpid()


def test_one_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    """A second lock in the same process is refused as well."""
    with (
        exclusive_lock(str(tmp_path)),
        pytest.raises(DirectoryInUseError, match=str(os.getpid())),
        exclusive_lock(str(tmp_path)),
    ):
        pass


def test_free_after_the_block(tmp_path: Path) -> None:
    """The lock ends with the block, also where that raises."""
    with pytest.raises(ZeroDivisionError), exclusive_lock(str(tmp_path)):
        raise ZeroDivisionError
    with exclusive_lock(str(tmp_path)):
        pass


@pytest.mark.parametrize("content", [b"", b"not a pid", b"\xff\xfe"])
def test_a_holder_that_does_not_say(tmp_path: Path, content: bytes) -> None:
    """A lock file without a pid names nobody."""
    (tmp_path / "lock").write_bytes(content)
    assert lock_holder(str(tmp_path)) is None


def test_no_lock_file(tmp_path: Path) -> None:
    """Where there is no lock file there is no holder."""
    assert lock_holder(str(tmp_path)) is None


def test_a_full_disk_does_not_keep_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pid in it is for people; the journal has room of its own, and says what it lacks."""

    def full(fd: int, data: bytes, position: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with exclusive_lock(str(tmp_path)):
        with pytest.raises(DirectoryInUseError), exclusive_lock(str(tmp_path)):
            pass
        assert lock_holder(str(tmp_path)) is None
