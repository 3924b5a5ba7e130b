"""How dead letters are brought to the queue."""

from __future__ import annotations

from actors.persistence.burial import BURY_AT_ONCE, BURY_BYTES, handfuls
from journal.events import MetricDeadLettered, encoder
from journal.metric import Metric, Offset


def letter(at: int, size: int) -> MetricDeadLettered:
    metric = Metric("bad", 1.0, attributes={"dump": "x" * size})
    return MetricDeadLettered("sqlite", Offset(at), 1, metric, "check", "breaks a check")


def test_they_are_cut_by_bytes_and_by_count() -> None:
    """No event of the queue grows beyond what can be read back; the order stays, and nothing is left out."""
    sizes = [10] * (2 * BURY_AT_ONCE) + [BURY_BYTES // 3] * 7 + [2 * BURY_BYTES] * 2 + [10]
    letters = [letter(at, size) for at, size in enumerate(sizes)]
    cut = list(handfuls(letters))
    assert [each for some in cut for each in some] == letters
    for some in cut:
        total = sum(len(encoder.encode(each)) for each in some)
        assert len(some) <= BURY_AT_ONCE
        assert total <= BURY_BYTES or len(some) == 1
    assert len(cut) == 9
