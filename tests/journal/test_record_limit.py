"""What is too large for a record is refused before it is written: nobody could read it back."""

from __future__ import annotations

import asyncio

import pytest

from journal import committer, framing
from journal.committer import RecordTooLargeError
from journal.events import encode
from journal.framing import Sealing, encode_record
from tests.journal.building import metrics
from tests.journal.opening import journal_on, reopened
from tests.journal.simdisk import SimDisk

LIMIT = 4_000


@pytest.fixture(autouse=True)
def _small_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer, "MAX_PAYLOAD", LIMIT)
    monkeypatch.setattr(framing, "MAX_PAYLOAD", LIMIT)


async def test_what_nobody_could_read_back_is_refused() -> None:
    """The append raises, and leaves no trace; what comes before and behind it is there after a restart."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        await journal.append([metrics(1, 1)])
        with pytest.raises(RecordTooLargeError, match="append less at a time"):
            await journal.append([metrics(2, 1, text=LIMIT)])
        await journal.append([metrics(3, 1)])
    assert await reopened(disk) == [1.0, 3.0]


async def test_what_is_too_large_together_goes_in_turn() -> None:
    """Ten appends that gather, of which a record holds two: each is taken, in order; the one that is too
    large by itself is refused alone."""
    disk = SimDisk()
    async with journal_on(disk) as journal:
        texts = [LIMIT if value == 5 else LIMIT // 3 for value in range(10)]
        waiting = [journal.append([metrics(value, 1, text=text)]) for value, text in enumerate(texts)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        refused = [value for value, outcome in enumerate(outcomes) if isinstance(outcome, Exception)]
        assert refused == [5]
    assert await reopened(disk) == [float(value) for value in range(10) if value != 5]


def test_no_record_is_made_that_is_not_read() -> None:
    """Sealing refuses what reading refuses."""
    with pytest.raises(ValueError, match="could not be read back"):
        encode_record(encode([metrics(1, 1, text=LIMIT)]), Sealing(0, 1, 7, True, 0, 0), 1)
