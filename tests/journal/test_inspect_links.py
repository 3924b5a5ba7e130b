"""What is wrong between segments: missing, foreign, swapped, and snapshots that are not the fold."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from journal.events import SegmentsRetired
from journal.framing import SEGMENT_HEADER_SIZE, Place, SegmentHeader, decode_segment_header
from journal.inspect import Finding, SegmentReport, verify, verify_newest
from journal.log import Journal
from journal.metric import Offset
from journal.recovery import new_segment
from journal.state import State
from tests.journal.building import clock, start_of
from tests.journal.test_inspect_verify import SMALL, findings_in, make_journal, names_in, only, records_of


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    await make_journal(path)
    return path


async def test_a_missing_middle_segment(journal: Path) -> None:
    """The segment after the hole says which one is missing; all its offsets are lost."""
    names = names_in(journal)
    (journal / names[2]).unlink()
    finding = only(findings_in(journal))
    assert (finding.condition, finding.segment) == ("missing", names[3])
    assert names[2] in finding.what
    assert finding.lost == (int(names[2][:20]), int(names[3][:20]))
    assert only(verify_newest(str(journal))).condition == "missing"


async def test_a_missing_first_segment(journal: Path) -> None:
    """A first segment that no retirement explains is missed."""
    names = names_in(journal)
    (journal / names[0]).unlink()
    finding = only(findings_in(journal))
    assert (finding.condition, finding.segment) == ("missing", names[1])
    assert finding.lost == (0, int(names[1][:20]))


async def test_retired_segments_are_not_missed(tmp_path: Path) -> None:
    """After retention the journal begins later and is sound; so is a segment that outlived its retirement."""
    path = tmp_path / "journal"
    await make_journal(path)
    kept_aside = (path / names_in(path)[1]).read_bytes()
    outlived = names_in(path)[1]
    journal = await Journal.open(str(path), options=SMALL, now=clock())
    await journal.retire([segment.first_offset for segment in journal.segments[:3]])
    await journal.close()
    assert findings_in(path) == []
    (path / outlived).write_bytes(kept_aside)
    assert findings_in(path) == []


@pytest.mark.parametrize("where", [0, 2], ids=["first", "middle"])
async def test_a_segment_of_another_journal(journal: Path, tmp_path: Path, where: int) -> None:
    """A segment that took the place of one is told as foreign, and what was there as missing."""
    names = names_in(journal)
    other = tmp_path / "other"
    await make_journal(other, segments=2)
    shutil.copy(other / names_in(other)[0], journal / names[where])
    foreign, missing = findings_in(journal)
    assert (foreign.condition, foreign.segment) == ("foreign", names[where])
    assert missing.lost is not None
    assert missing.lost[1] == int(names[where + 1][:20])
    assert missing.condition == "missing"


async def test_swapped_segments(journal: Path) -> None:
    """Two segments under each other's names are both told."""
    names = names_in(journal)
    one, two = ((journal / names[i]).read_bytes() for i in (1, 2))
    (journal / names[1]).write_bytes(two)
    (journal / names[2]).write_bytes(one)
    found = [(each.condition, each.segment) for each in findings_in(journal)]
    assert found == [("misnamed", names[1]), ("misnamed", names[2]), ("missing", names[3])]


async def test_a_snapshot_that_is_not_the_fold(tmp_path: Path) -> None:
    """A snapshot that differs from the fold of what is before it is a warning that names what differs."""
    path = tmp_path / "journal"
    await make_journal(path, segments=2)
    last = names_in(path)[-1]
    found = records_of(path, last)[-1]
    header = decode_segment_header((path / last).read_bytes())
    assert isinstance(header, SegmentHeader)
    place = start_of(header).after(found)
    begun = new_segment(header.journal_id, place, header.first_offset, State(accepted=1), 9)
    (path / begun_name(begun.header)).write_bytes(begun.head)
    finding = only(findings_in(path))
    assert (finding.condition, finding.gravity) == ("fold", "warning")
    assert "accepted" in finding.what
    assert "cursors" in finding.what


def begun_name(header: SegmentHeader) -> str:
    return f"{header.first_offset:020d}.segment"


async def test_a_segment_that_follows_another_past(journal: Path) -> None:
    """A segment of the right journal, name and offset that continues other records is told by the chain."""
    first, second = names_in(journal)[:2]
    header = decode_segment_header((journal / second).read_bytes())
    assert isinstance(header, SegmentHeader)
    place = Place(0, header.first_offset, header.chain ^ 1)
    begun = new_segment(header.journal_id, place, header.previous_first, State(), 9)
    for name in names_in(journal)[1:]:
        (journal / name).unlink()
    (journal / second).write_bytes(begun.head)
    assert [(each.condition, each.segment) for each in findings_in(journal)] == [
        ("fold", second),
        ("chain", second),
    ]
    assert first == names_in(journal)[0]


async def test_a_segment_recycled_while_it_is_read(journal: Path) -> None:
    """A segment that retention takes and zeroes in the middle of a verification leaves no finding."""
    opened = await Journal.open(str(journal), options=SMALL, now=clock())
    doomed = names_in(journal)[:2]
    taken = [Offset(int(name[:20])) for name in doomed]
    await opened.append([SegmentsRetired(taken, Offset(int(names_in(journal)[2][:20])), 0)])
    await opened.close()

    def reading(name: str, byte: int) -> None:
        if name == doomed[1] and byte > SEGMENT_HEADER_SIZE and (journal / name).exists():
            (journal / doomed[0]).unlink()
            (journal / name).rename(journal / "spare.new.part")
            (journal / "spare.new.part").write_bytes(bytes(1000))

    steps = list(verify(str(journal), reading=reading))
    assert not (journal / doomed[1]).exists()
    assert [step for step in steps if isinstance(step, Finding)] == []
    assert doomed[1] not in [step.name for step in steps if isinstance(step, SegmentReport)]
