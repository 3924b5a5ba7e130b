"""A segment whose name says offsets that no journal has come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal.framing import SegmentHeader
from journal.log import Journal
from journal.metric import Offset
from journal.repair import GapTooWideError, dry_run
from journal.segment import segment_name


async def test_a_gap_that_no_journal_can_have_is_refused(tmp_path: Path) -> None:
    """A file named like a segment of the far end of all offsets is named, and nothing is filled up to it."""
    journal = await Journal.open(str(tmp_path / "journal"))
    await journal.close()
    far = SegmentHeader(journal.id, Offset(10**18), 1, 1, Offset(0), 7)
    (tmp_path / "journal" / segment_name(far.first_offset)).write_bytes(far.encode())
    with pytest.raises(GapTooWideError, match="move away the segment that does not belong there"):
        dry_run(str(tmp_path / "journal"))
