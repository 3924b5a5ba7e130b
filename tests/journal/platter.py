"""What may stand on the platter of a simulated disk: files and directories, synced or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

SECTOR = 512
_EMPTY = bytes(SECTOR)

Choose: TypeAlias = Callable[[int], int]
"""Given n, one of 0..n-1; 0 is what was on the platter first, n-1 what a sync would have left."""


def lose_all(_options: int) -> int:
    """Nothing that was not synced reached the platter."""
    return 0


def keep_all(options: int) -> int:
    """Everything reached the platter, synced or not."""
    return options - 1


@dataclass(eq=False)
class Inode:
    """A file: what reads see, and what may stand on the platter."""

    content: bytearray = field(default_factory=bytearray)
    sectors: dict[int, list[bytes]] = field(default_factory=dict)
    """Only sectors of which more is possible than what `synced` says."""
    synced: dict[int, bytes] = field(default_factory=dict)
    dirty: set[int] = field(default_factory=set)
    lengths: list[int] = field(default_factory=lambda: [0])
    length_dirty: bool = False

    def write(self, position: int, data: bytes) -> None:
        end = position + len(data)
        if end > len(self.content):
            self.content.extend(bytes(end - len(self.content)))
            self._note_length()
        self.content[position:end] = data
        self._note(position, end)

    def truncate(self, size: int) -> None:
        old = len(self.content)
        del self.content[size:]
        self.content.extend(bytes(size - len(self.content)))
        if old != size:
            self._note_length()
            self._note(min(old, size), max(old, size))

    def _note_length(self) -> None:
        self.lengths.append(len(self.content))
        self.length_dirty = True

    def _note(self, start: int, end: int) -> None:
        for sector in range(start // SECTOR, -(-end // SECTOR)):
            now = bytes(self.content[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")
            possible = self.sectors.setdefault(sector, [self.synced.get(sector, _EMPTY)])
            if possible[-1] != now:
                possible.append(now)
            self.dirty.add(sector)

    def sync(self) -> None:
        for sector in self.dirty:
            self.synced[sector] = self.sectors.pop(sector)[-1]
        self.dirty.clear()
        if self.length_dirty:
            self.lengths = [len(self.content)]
            self.length_dirty = False

    def fail_sync(self) -> None:
        # Pages are given up; the length is metadata, which the file system keeps in its own journal.
        self.dirty.clear()

    def after_crash(self, choose: Choose) -> Inode:
        length = self.lengths[_choice(choose, len(self.lengths))]
        platter = dict(self.synced)
        for sector, possible in sorted(self.sectors.items()):
            platter[sector] = possible[_choice(choose, len(possible))]
        content = bytearray(-(-length // SECTOR) * SECTOR)
        for sector, data in platter.items():
            if sector * SECTOR < length:
                content[sector * SECTOR : (sector + 1) * SECTOR] = data
        del content[length:]
        found = Inode(content, lengths=[length])
        found.synced = {
            index: bytes(content[index * SECTOR : (index + 1) * SECTOR]).ljust(SECTOR, b"\0")
            for index in range(-(-length // SECTOR))
        }
        return found

    def copy(self) -> Inode:
        return Inode(
            bytearray(self.content),
            {sector: list(possible) for sector, possible in self.sectors.items()},
            dict(self.synced),
            set(self.dirty),
            list(self.lengths),
            self.length_dirty,
        )


@dataclass(eq=False)
class Directory:
    """Names and what they stand for: as processes see it, as synced, and what happened in between."""

    entries: dict[str, Node] = field(default_factory=dict)
    synced: dict[str, Node] = field(default_factory=dict)
    pending: list[tuple[str | None, str | None, Node]] = field(default_factory=list)
    """(name taken away, name given, to what), in order."""

    def change(self, old: str | None, new: str | None, node: Node) -> None:
        _apply(self.entries, old, new, node)
        self.pending.append((old, new, node))

    def sync(self) -> None:
        self.synced = dict(self.entries)
        self.pending.clear()

    def after_crash(self, choose: Choose) -> Directory:
        entries = dict(self.synced)
        for old, new, node in self.pending:
            if _choice(choose, 2):
                _apply(entries, old, new, node)
        found = {name: node.after_crash(choose) for name, node in sorted(entries.items())}
        return Directory(found, dict(found))

    def copy(self) -> Directory:
        copies: dict[int, Node] = {}

        def copied(node: Node) -> Node:
            return copies.setdefault(id(node), node.copy())

        return Directory(
            {name: copied(node) for name, node in self.entries.items()},
            {name: copied(node) for name, node in self.synced.items()},
            [(old, new, copied(node)) for old, new, node in self.pending],
        )


Node: TypeAlias = Inode | Directory


def _choice(choose: Choose, options: int) -> int:
    return choose(options) if options > 1 else 0


def _apply(entries: dict[str, Node], old: str | None, new: str | None, node: Node) -> None:
    if old is not None and entries.get(old) is node:
        del entries[old]
    if new is not None:
        # There are no hard links: a node that turns up under a new name has left every other.
        for name in [name for name, other in entries.items() if other is node]:
            del entries[name]
        entries[new] = node
