"""What every FileSystem must do; the journal relies on each line of it."""

from __future__ import annotations

import pytest

from journal.disk import FileSystem


class FileSystemContract:
    """Subclass with fixtures `fs` and `root`, a directory of it that is empty."""

    @pytest.fixture
    def fs(self) -> FileSystem:
        raise NotImplementedError

    @pytest.fixture
    def root(self) -> str:
        raise NotImplementedError

    def test_a_file_holds_what_was_written(self, fs: FileSystem, root: str) -> None:
        """What was written can be read, at once and by another descriptor, up to the end and no further."""
        file = fs.open(f"{root}/a", create=True)
        file.write_at(0, b"hello")
        file.write_at(3, bytearray(b"p!"))
        other = fs.open(f"{root}/a", write=False)
        assert other.read_at(0, 100) == b"help!"
        assert other.read_at(4, 1) == b"!"
        assert other.read_at(5, 1) == b""
        assert file.size() == 5
        file.sync()
        file.close()
        other.close()

    def test_a_gap_reads_as_zeroes(self, fs: FileSystem, root: str) -> None:
        """Writing behind the end makes zeroes of what is in between."""
        file = fs.open(f"{root}/a", create=True)
        file.write_at(1000, b"x")
        assert file.read_at(0, 2000) == bytes(1000) + b"x"
        file.close()

    def test_truncate_cuts_and_extends_with_zeroes(self, fs: FileSystem, root: str) -> None:
        """What was cut off does not come back when the file grows again."""
        file = fs.open(f"{root}/a", create=True)
        file.write_at(0, b"secret")
        file.truncate(2)
        file.truncate(6)
        assert file.read_at(0, 10) == b"se" + bytes(4)
        file.close()

    def test_opening_what_is_not_there(self, fs: FileSystem, root: str) -> None:
        """Without `create`, an absent file is FileNotFoundError, and is not made."""
        with pytest.raises(FileNotFoundError):
            fs.open(f"{root}/a")
        assert fs.names(root) == []

    def test_create_keeps_what_is_there(self, fs: FileSystem, root: str) -> None:
        """`create` of a file that exists opens it as it is."""
        self._write(fs, f"{root}/a", b"kept")
        assert self._read(fs, f"{root}/a", create=True) == b"kept"

    def test_names_are_sorted(self, fs: FileSystem, root: str) -> None:
        """`names` lists files and directories, sorted."""
        for name in ("b", "c", "a"):
            self._write(fs, f"{root}/{name}", b"")
        fs.make_directory(f"{root}/d/e")
        assert fs.names(root) == ["a", "b", "c", "d"]
        assert fs.names(f"{root}/d") == ["e"]

    def test_make_directory_twice(self, fs: FileSystem, root: str) -> None:
        """Making a directory that is there is fine, and empties nothing."""
        fs.make_directory(f"{root}/d")
        self._write(fs, f"{root}/d/a", b"1")
        fs.make_directory(f"{root}/d")
        assert fs.names(f"{root}/d") == ["a"]

    def test_rename_replaces(self, fs: FileSystem, root: str) -> None:
        """A rename takes the old name away and replaces what had the new one."""
        self._write(fs, f"{root}/a", b"new")
        self._write(fs, f"{root}/b", b"old")
        fs.rename(f"{root}/a", f"{root}/b")
        fs.sync_directory(root)
        assert fs.names(root) == ["b"]
        assert self._read(fs, f"{root}/b") == b"new"

    def test_an_open_file_outlives_its_name(self, fs: FileSystem, root: str) -> None:
        """A descriptor goes on working after its file was renamed, and after it was removed."""
        self._write(fs, f"{root}/a", b"1234")
        file = fs.open(f"{root}/a")
        fs.rename(f"{root}/a", f"{root}/b")
        file.write_at(0, b"5")
        assert self._read(fs, f"{root}/b") == b"5234"
        fs.remove(f"{root}/b")
        file.write_at(0, b"6")
        assert file.read_at(0, 4) == b"6234"
        file.close()

    def test_remove_and_rename_of_what_is_not_there(self, fs: FileSystem, root: str) -> None:
        """Both are FileNotFoundError."""
        with pytest.raises(FileNotFoundError):
            fs.remove(f"{root}/a")
        with pytest.raises(FileNotFoundError):
            fs.rename(f"{root}/a", f"{root}/b")

    def test_a_closed_file_refuses(self, fs: FileSystem, root: str) -> None:
        """A closed descriptor writes nowhere."""
        file = fs.open(f"{root}/a", create=True)
        file.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            file.write_at(0, b"x")

    def test_read_only_refuses_to_write(self, fs: FileSystem, root: str) -> None:
        """`write=False` gives a descriptor that cannot write."""
        self._write(fs, f"{root}/a", b"x")
        file = fs.open(f"{root}/a", write=False)
        with pytest.raises(OSError, match="Bad file descriptor"):
            file.write_at(0, b"y")
        file.close()

    def test_there_is_room(self, fs: FileSystem, root: str) -> None:
        """`free_bytes` tells of room where there is some."""
        assert fs.free_bytes(root) > 0

    @staticmethod
    def _write(fs: FileSystem, path: str, data: bytes) -> None:
        file = fs.open(path, create=True)
        file.write_at(0, data)
        file.close()

    @staticmethod
    def _read(fs: FileSystem, path: str, *, create: bool = False) -> bytes:
        file = fs.open(path, create=create)
        try:
            return file.read_at(0, file.size())
        finally:
            file.close()
