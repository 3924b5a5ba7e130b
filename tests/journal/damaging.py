"""What can happen to the files of a journal, as Hypothesis draws it."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from journal.framing import RECORD_MAGIC, SECTOR, SEGMENT_HEADER_SIZE
from journal.segment import segment_name

BYTES = (
    "flip",
    "noise",
    "zero",
    "zero sectors",
    "truncate",
    "grow",
    "cut out",
    "double",
    "splice over",
    "splice in",
    "splice record",
)
FILES = ("rename", "swap", "copy", "remove", "empty", "exchange", "header")
STRAYS = ("stray",)

STRAY_NAMES = (
    "notes.txt",
    "1.segment",
    "99999999999999999999.segment",
    "00000000000000000001.segment",
    "00000000000000000000.torn-64-1",
    "00000000000000000000.torn-" + "9" * 60 + "-1",
    "spare.new",
    "spare.new.part",
    ".hidden",
    "line\nbreak \x1b[2J",
    "no utf-8 \udcff",
    "FBr1",
    "lock",
)
"""Names of files that may lie beside segments, a few of which look like one."""


class Damage(NamedTuple):
    """One thing that happens: to which file, where (as a share of what is written), how much, from where."""

    how: str
    which: int
    share: float
    size: int
    other: int
    there: float


def damages(how: Sequence[str], *, most: int = 4) -> st.SearchStrategy[list[Damage]]:
    """Lists of damages of the kinds `how`."""
    shares = st.floats(0, 1, exclude_max=True)
    sizes = st.integers(1, 40) | st.integers(1, 3000)
    one = st.builds(Damage, st.sampled_from(how), st.integers(0, 7), shares, sizes, st.integers(0, 7), shares)
    return st.lists(one, min_size=1, max_size=most)


def noise(size: int, seed: int = 0) -> bytes:
    """`size` bytes that mean nothing."""
    return bytes((i + seed) * 197 % 251 for i in range(size))


def inflict(path: Path, damage: Damage, foreign: Path | None = None, *, sealed: bool = False) -> None:
    """Do `damage` to the journal in `path`; what is spliced in may come from the journal `foreign`.

    With `sealed`, only to segments behind the first and before the last, so that their loss can be seen.
    """
    names = sorted(name for name in os.listdir(path) if name.endswith(".segment") and (path / name).is_file())
    chosen = names[1:-1] if sealed else names
    if not chosen:
        return
    if sealed:
        # What is renamed or copied stays before the newest, which would be a sealed one otherwise.
        damage = damage._replace(size=damage.size % int(names[-1][:20]))
    target = path / chosen[damage.which % len(chosen)]
    sources = [path / name for name in chosen]
    if foreign is not None:
        sources += sorted(foreign.glob("*.segment"))
    source = sources[damage.other % len(sources)]
    if damage.how in BYTES:
        data = target.read_bytes()
        target.write_bytes(_changed(data, damage, source.read_bytes()))
        return
    _move(path, target, source, damage)


def _changed(data: bytes, damage: Damage, source: bytes) -> bytes:
    used = len(data.rstrip(b"\0"))
    if not used:
        return data
    at, size = int(damage.share * used), damage.size
    piece = source[int(damage.there * len(source.rstrip(b"\0"))) :][:size]
    match damage.how:
        case "flip":
            return data[:at] + bytes([data[at] ^ (size % 255 + 1)]) + data[at + 1 :]
        case "noise":
            return data[:at] + noise(len(data[at : at + size]), size) + data[at + size :]
        case "zero":
            return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]
        case "zero sectors":
            at -= at % SECTOR
            size = SECTOR * (size % 8 + 1)
            return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]
        case "truncate":
            return data[:at]
        case "grow":
            return data + (noise(size) if size % 2 else bytes(size))
        case "cut out":
            return data[:at] + data[at + size :]
        case "double":
            return data[: at + size] + data[at:]
        case "splice over":
            return data[:at] + piece + data[at + len(piece) :]
        case "splice in":
            return data[:at] + piece + data[at:]
        case _:
            return _with_record(data, at, source, damage.there)


def _with_record(data: bytes, at: int, source: bytes, there: float) -> bytes:
    """`data` with bytes from one record's magic on, up to another's, put where a record begins."""
    begin = source.find(RECORD_MAGIC, int(there * len(source)))
    place = data.find(RECORD_MAGIC, at)
    if begin < 0 or place < 0:
        return data
    end = source.find(RECORD_MAGIC, begin + 1)
    piece = source[begin : end if end > 0 else begin + 64]
    return data[:place] + piece + data[place + len(piece) * (at % 2) :]


def _move(path: Path, target: Path, source: Path, damage: Damage) -> None:
    match damage.how:
        case "rename":
            os.replace(target, path / segment_name(damage.size))
        case "swap":
            ours, theirs = target.read_bytes(), source.read_bytes()
            target.write_bytes(theirs)
            if source.parent == path:
                source.write_bytes(ours)
        case "copy":
            (path / segment_name(damage.size)).write_bytes(target.read_bytes())
        case "remove":
            target.unlink()
        case "empty":
            target.write_bytes(b"")
        case "exchange":
            target.write_bytes(source.read_bytes())
        case "header":
            data = bytearray(target.read_bytes())
            # Any field but magic and version, its checksum right: the fields have to be doubted one by one.
            at = 12 + int(damage.share * 48)
            if len(data) >= SEGMENT_HEADER_SIZE:
                data[at : min(at + damage.size % 8 + 1, 60)] = b"\xff" * (
                    min(at + damage.size % 8 + 1, 60) - at
                )
                data[60:64] = zlib.crc32(data[:60]).to_bytes(4, "little")
            target.write_bytes(data)
        case _:
            stray = path / STRAY_NAMES[damage.size % len(STRAY_NAMES)]
            if os.path.lexists(stray):
                return
            match damage.other % 5:
                case 0:
                    stray.mkdir()
                case 1:
                    stray.symlink_to("nowhere")
                case 2:
                    os.mkfifo(stray)
                case 3:
                    stray.write_bytes(target.read_bytes())
                case _:
                    stray.write_bytes(noise(damage.size))
