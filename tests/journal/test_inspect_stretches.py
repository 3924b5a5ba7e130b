"""The lean loop gives what the walk gives, of sound segments and of damaged ones."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from journal.events import MetricsAccepted
from journal.framing import Record, SegmentHeader
from journal.inspect.folder import SegmentFile
from journal.inspect.stretches import Step, Stretch, stretches
from journal.inspect.walk import walk
from journal.metric import Metric
from tests.journal.building import SegmentBuilder, metrics, varied_segment
from tests.journal.test_inspect_verify import make_journal, names_in

DAMAGES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["flip", "zero", "cut out", "double"]),
        st.integers(1, 3000),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, at: int, how: str, size: int) -> bytes:
    match how:
        case "flip":
            return data[:at] + bytes([data[at] ^ (size % 255 + 1)]) + data[at + 1 :]
        case "zero":
            return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]
        case "cut out":
            return data[:at] + data[at + size :]
        case _:
            return data[: at + size] + data[at:]


def steps_of(path: Path, *, newest: bool) -> tuple[list[Step | Record], list[Step | Record]]:
    """What the lean loop gives, its stretches taken apart, and what the walk gives."""
    with SegmentFile(str(path.parent), path.name) as file:
        header = file.header()
        assert isinstance(header, SegmentHeader)
        data = path.read_bytes()
        lean: list[Step | Record] = []
        for step in stretches(file, header, newest=newest):
            if isinstance(step, Stretch):
                for record in step.records:
                    assert step.raw(record) == data[record.position : record.position + record.size]
                lean += step.records
            else:
                lean.append(step)
        return lean, list(walk(file, header, newest=newest))


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        asyncio.run(make_journal(path, segments=3))
        yield path


@pytest.mark.parametrize("newest", [False, True])
def test_of_a_sound_segment(tmp_path: Path, newest: bool) -> None:
    """Small, large, masked, keyed and control records come as the walk has them, each with its bytes."""
    built = varied_segment(300)
    built.add([metrics(0, 2, text=900_000)])
    built.add([MetricsAccepted([Metric("zeroes", 1.0, attributes={"text": "\0" * 4000})])])
    built.add([replace(metrics(0, 4), key="k")])
    built.add([metrics(0, 3)])
    path = tmp_path / "00000000000000000000.segment"
    path.write_bytes(built.in_file(len(built.data) + 100_000))
    lean, walked = steps_of(path, newest=newest)
    assert lean == walked
    assert len(lean) == len(built.places) + 1


def test_a_record_out_of_its_place_is_told(tmp_path: Path) -> None:
    """A whole record that does not follow is a damage here as there, though no byte of it is wrong."""
    built = SegmentBuilder()
    for value in range(5):
        built.add([metrics(value, 1)])
    start, end = built.places[1].position, built.places[2].position
    path = tmp_path / "00000000000000000000.segment"
    path.write_bytes(bytes(built.data[:start] + built.data[end:]))
    lean, walked = steps_of(path, newest=False)
    assert lean == walked
    assert len(lean) == len(built.places) - 1 + 2


@settings(max_examples=60, deadline=None)
@given(damages=DAMAGES)
def test_of_a_damaged_segment(original: Path, damages: list[tuple[int, float, str, int]]) -> None:
    """Whatever happens to a segment's bytes, the records and damages are those of the walk."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        shutil.copytree(original, path)
        for segment, share, how, size in damages:
            file = path / names_in(path)[segment]
            data = file.read_bytes()
            at = 64 + int(share * (len(data) - 64))
            file.write_bytes(damaged(data, at, how, size))
        for name in names_in(path):
            lean, walked = steps_of(path / name, newest=False)
            assert lean == walked
