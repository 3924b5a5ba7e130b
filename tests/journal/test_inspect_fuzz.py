"""Whatever happens to the bytes of a journal: no crash, no line that was not written, no damage unseen."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.inspect import Finding, Line, Selection, dump, worst
from journal.segment import first_offset_of
from tests.journal.test_inspect_verify import findings_in, make_journal, names_in

DAMAGES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["flip", "zero", "noise", "cut out", "double"]),
        st.integers(1, 3000),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        asyncio.run(make_journal(path, segments=4))
        yield path


def lines_of(path: Path) -> tuple[list[Line], list[Finding]]:
    told: list[Finding] = []
    return [line for some in dump(str(path), Selection(), told.append) for line in some], told


def damaged(data: bytes, at: int, how: str, size: int) -> bytes:
    match how:
        case "flip":
            return data[:at] + bytes([data[at] ^ (size % 255 + 1)]) + data[at + 1 :]
        case "zero":
            return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]
        case "noise":
            noise = bytes(i * 197 % 251 for i in range(len(data[at : at + size])))
            return data[:at] + noise + data[at + size :]
        case "cut out":
            return data[:at] + data[at + size :]
        case _:
            return data[: at + size] + data[at:]


@settings(max_examples=200, deadline=None)
@given(damages=DAMAGES)
def test_no_crash_no_invention_no_blindness(
    original: Path, damages: list[tuple[int, float, str, int]]
) -> None:
    """After any damage to sealed segments, a dump gives only lines that were written; each line that
    is missing lies in a loss that both dump and verify name."""
    whole, _ = lines_of(original)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        shutil.copytree(original, path)
        for which, share, how, size in damages:
            name = names_in(path)[which]
            data = (path / name).read_bytes()
            used = len(data.rstrip(b"\0"))
            if used:
                (path / name).write_bytes(damaged(data, int(share * used), how, size))
        lines, told = lines_of(path)
        verified = findings_in(path)
    by_offset = {line.offset: line for line in whole}
    assert all(by_offset.get(line.offset) == line for line in lines)
    missing = set(by_offset) - {line.offset for line in lines}
    for findings in (told, verified):
        named: set[int] = set()
        for finding in findings:
            first, end = finding.lost or (0, 0)
            named |= set(range(first, len(whole) if end is None else end))
            if finding.condition in ("foreign", "misnamed"):
                named |= set(range(first_offset_of(finding.segment) or 0, len(whole)))
        assert missing <= named
    if missing:
        assert worst(verified) == "corrupt"
