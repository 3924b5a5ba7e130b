"""Whatever happens to the bytes and files of a journal: no line that was not written, no damage unseen."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings

from journal.inspect import Finding, Line, Selection, dump, worst
from journal.segment import first_offset_of
from tests.journal.damaging import BYTES, Damage, damages, inflict
from tests.journal.test_inspect_verify import findings_in, make_journal


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        asyncio.run(make_journal(path, segments=5))
        yield path


def lines_of(path: Path) -> tuple[list[Line], list[Finding]]:
    told: list[Finding] = []
    return [line for some in dump(str(path), Selection(), told.append) for line in some], told


def named_lost(findings: Sequence[Finding], end: int) -> set[int]:
    """The offsets that `findings` call unreadable, before `end`; those of a segment that is not what its name
    says are meant by that."""
    named: set[int] = set()
    for finding in findings:
        first, behind = finding.lost or (0, 0)
        named |= set(range(first, end if behind is None else behind))
        if finding.condition in ("foreign", "misnamed"):
            named |= set(range(first_offset_of(finding.segment) or 0, end))
    return named


def check(original: Path, happened: Sequence[Damage]) -> None:
    """After damages to sealed segments, a dump gives only lines that were written; each missing one lies in
    a loss that both dump and verify name, and verify calls it corrupt."""
    whole, _ = lines_of(original)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        shutil.copytree(original, path)
        for damage in happened:
            inflict(path, damage, sealed=True)
        lines, told = lines_of(path)
        verified = findings_in(path)
    by_offset = {line.offset: line for line in whole}
    assert all(by_offset.get(line.offset) == line for line in lines)
    missing = set(by_offset) - {line.offset for line in lines}
    assert missing <= named_lost(verified, len(whole))
    assert missing <= named_lost(told, len(whole))
    if missing:
        assert worst(verified) == "corrupt"


@settings(max_examples=120, deadline=None)
@given(happened=damages(BYTES))
def test_damaged_bytes(original: Path, happened: list[Damage]) -> None:
    """Whatever happens to the bytes of sealed segments, spliced ones included: no invention, no blindness."""
    check(original, happened)


@settings(max_examples=60, deadline=None)
@given(happened=damages((*BYTES, "rename", "swap", "copy", "remove", "empty", "exchange"), most=3))
def test_damaged_files(original: Path, happened: list[Damage]) -> None:
    """The same where segments are renamed, swapped, copied, removed, emptied or overwritten by others."""
    check(original, happened)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(happened=damages((*BYTES, "rename", "swap", "copy", "remove", "empty", "exchange")))
def test_damaged_for_longer(original: Path, happened: list[Damage]) -> None:
    """Both, for longer."""
    check(original, happened)
