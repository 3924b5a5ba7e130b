"""Whatever happens to a journal: what can be read is kept, nothing is invented, and it goes on.

`FOREBAY_FUZZ_EXAMPLES=1000` tries more.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journal.framing import Record, SegmentHeader, decode_segment_header
from journal.inspect.folder import SegmentFile
from journal.inspect.walk import walk
from journal.repair import JournalIdLostError, dry_run, repair
from journal.segment import NoJournalError
from tests.journal.repair.scene import (
    Written,
    check_goes_on,
    check_kept,
    check_originals,
    contents,
    findings_in,
    lost_in,
)
from tests.journal.test_inspect_verify import names_in

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("FOREBAY_FUZZ_EXAMPLES", "20"))

damages = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["flip", "zero", "noise", "cut out", "double"]),
            st.integers(0, 4),
            st.floats(0, 1, exclude_max=True),
            st.sampled_from([1, 2, 60, 512, 4096]),
        ),
        st.tuples(st.just("header"), st.integers(0, 4), st.floats(0, 1, exclude_max=True), st.integers(1, 3)),
        st.tuples(st.just("truncate"), st.integers(0, 4), st.floats(0, 1, exclude_max=True), st.just(0)),
        st.tuples(st.just("remove"), st.integers(0, 3), st.just(0.0), st.just(0)),
        st.tuples(st.just("swap"), st.integers(0, 4), st.floats(0, 1, exclude_max=True), st.just(0)),
        st.tuples(st.just("copy"), st.integers(0, 4), st.floats(0, 1, exclude_max=True), st.just(0)),
    ),
    min_size=1,
    max_size=5,
)


def damaged(data: bytes, at: int, how: str, size: int) -> bytes:
    touched = data[at : at + size]
    match how:
        case "flip":
            return data[:at] + bytes([data[at] ^ (size % 255 + 1)]) + data[at + 1 :]
        case "zero":
            return data[:at] + bytes(len(touched)) + data[at + size :]
        case "noise":
            return data[:at] + bytes(i * 197 % 251 for i in range(len(touched))) + data[at + size :]
        case "cut out":
            return data[:at] + data[at + size :]
        case _:
            return data[: at + size] + data[at:]


def suffer(path: Path, how: str, which: int, share: float, size: int) -> None:
    if not (names := names_in(path)):
        return
    segment = path / names[which % len(names)]
    data = segment.read_bytes()
    at = int(share * len(data.rstrip(b"\0")))
    match how:
        case "remove":
            segment.unlink()
        case "swap":
            other = path / names[int(share * len(names))]
            segment.write_bytes(other.read_bytes())
            other.write_bytes(data)
        case "copy":
            (path / f"{int(share * 900):020d}.segment").write_bytes(data)
        case "truncate":
            segment.write_bytes(data[:at])
        case "header" if len(data) >= 64:
            segment.write_bytes(damaged(data, int(share * 60), "flip" if size == 1 else "zero", size))
        case _ if at < len(data):
            segment.write_bytes(damaged(data, at, how if how != "header" else "flip", size))
        case _:
            pass


def readable(path: Path, truth: list[Written]) -> set[int]:
    """The offsets of the records that a walk can read in a segment of its own name and header."""
    known = {(written.record.base, written.record.payload) for written in truth}
    found: set[int] = set()
    for name in names_in(path):
        header = decode_segment_header((path / name).read_bytes())
        if isinstance(header, SegmentHeader):
            with SegmentFile(str(path), name) as file:
                for step in walk(file, header, newest=False):
                    if isinstance(step, Record) and (step.base, step.payload) in known:
                        found.add(step.base)
    return found


def test_any_damage(original: Path, truth: list[Written]) -> None:
    """After any damages, a repair keeps each record that can be read, invents none, keeps the originals, and
    leaves a journal that is sound, goes on behind all that was there, and needs no second repair; where no
    segment is left, it is refused."""

    @settings(max_examples=EXAMPLES, deadline=None)
    @example(damages=[("remove", 0, 0.0, 0)] * 4)
    @example(damages=[("remove", 3, 0.0, 0), ("double", 3, 0.0, 1)])
    @given(damages=damages)
    def check(damages: list[tuple[str, int, float, int]]) -> None:
        repaired(original, truth, damages)

    check()


def refused(path: Path) -> None:
    """Where every segment is gone there is no journal, and nothing is made up or written."""
    for act in (dry_run, repair):
        with pytest.raises(NoJournalError, match="no journal here"):
            act(str(path))
    assert not list(path.iterdir())


def repaired(original: Path, truth: list[Written], damages: list[tuple[str, int, float, int]]) -> None:
    """Damage a copy, repair it, and hold it against the truth."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "data" / "journal"
        shutil.copytree(original, path)
        for how, which, share, size in damages:
            suffer(path, how, which, share, size)
        wanted = readable(path, truth)
        before = contents(path)
        if not names_in(path):
            refused(path)
            return
        try:
            told = lost_in(dry_run(str(path)))
        except JournalIdLostError:
            return
        report = repair(str(path))
        kept = [written for written in truth if written.record.base in readable(path, truth)]
        assert wanted <= {written.record.base for written in kept}
        check_kept(path, truth, [written for written in kept if written.record.base in wanted])
        check_originals(path, before, report)
        assert {each.gravity for each in findings_in(path)} <= {"note"}, findings_in(path)
        assert lost_in(report) == told
        assert not {offset for written in kept for offset in written.offsets} & told
        assert not dry_run(str(path)).work
        asyncio.run(check_goes_on(path, truth, kept))
