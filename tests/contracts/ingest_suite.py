"""What every Ingest must do. Subclass IngestContract and give it an `ingest` fixture.

Subclasses whose ingest can be made to refuse (a full mailbox, a stop) give `refusing` too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from journal.metric import Metric
from web.ports import Accepted, Ingest, Receipt, Refused


class Caller:
    """Offers, and keeps what it is told: one list of receipts an offer, which must end with one in it."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self.heard: list[list[Receipt]] = []

    def offer(self, count: int = 1, key: str = "") -> list[Receipt]:
        heard: list[Receipt] = []
        self.heard.append(heard)
        metrics = [Metric(f"m{len(self.heard)}", float(number)) for number in range(count)]
        self._ingest.offer(metrics, key, heard.append)
        return heard

    async def receipts(self, seconds: float = 10.0) -> list[Receipt]:
        """One receipt for each offer, in the order of the offers, when all have come."""
        async with asyncio.timeout(seconds):
            while not all(self.heard):  # noqa: ASYNC110 - receipts come by plain callbacks
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)  # a second receipt for the same offer would come now
        assert [len(heard) for heard in self.heard] == [1] * len(self.heard)
        return [heard[0] for heard in self.heard]

    async def accepted(self) -> list[Accepted]:
        """The receipts, which must all be of acceptance."""
        receipts = await self.receipts()
        accepted = [receipt for receipt in receipts if isinstance(receipt, Accepted)]
        assert len(accepted) == len(receipts), receipts
        return accepted


def ranges(receipts: Sequence[Accepted]) -> list[range]:
    return [range(receipt.first_offset, receipt.last_offset + 1) for receipt in receipts]


class IngestContract:
    @pytest.fixture
    async def ingest(self) -> Ingest:
        raise NotImplementedError("an ingest's tests say how it is made, running and empty")

    @pytest.fixture
    async def refusing(self) -> Ingest:
        """An ingest that refuses whatever it is offered."""
        pytest.skip("this ingest is not made to refuse")

    async def test_one_metric_is_accepted(self, ingest: Ingest) -> None:
        """The receipt counts it and says which offset it has."""
        caller = Caller(ingest)
        caller.offer()
        [receipt] = await caller.accepted()
        assert receipt.accepted == 1
        assert receipt.first_offset == receipt.last_offset >= 0
        assert receipt.durability in ("fsync", "interval", "os")

    async def test_receive_is_called_exactly_once_an_offer(self, ingest: Ingest) -> None:
        """For hundreds of offers in one turn of the loop: `Caller.receipts` counts them."""
        caller = Caller(ingest)
        for _ in range(300):
            caller.offer(3)
        assert len(await caller.receipts()) == 300

    async def test_offsets_of_a_request_are_contiguous(self, ingest: Ingest) -> None:
        """As many offsets as metrics, whatever the size of the request."""
        caller = Caller(ingest)
        for count in (1, 2, 100, 1, 5000, 3):
            caller.offer(count)
        receipts = await caller.accepted()
        assert [receipt.accepted for receipt in receipts] == [1, 2, 100, 1, 5000, 3]
        assert [len(offsets) for offsets in ranges(receipts)] == [1, 2, 100, 1, 5000, 3]

    async def test_offsets_are_handed_out_once_and_in_order(self, ingest: Ingest) -> None:
        """Each request of a caller begins behind the one before it, over many group commits."""
        caller = Caller(ingest)
        for number in range(200):
            caller.offer(1 + number % 7)
            if number % 20 == 0:
                await asyncio.sleep(0.002)
        receipts = await caller.accepted()
        for before, after in pairwise(receipts):
            assert after.first_offset > before.last_offset

    async def test_callers_do_not_share_offsets(self, ingest: Ingest) -> None:
        """However the offers of several callers interleave."""

        async def run(pause: int) -> list[Accepted]:
            caller = Caller(ingest)
            for number in range(50):
                caller.offer(2)
                if number % pause == 0:
                    await asyncio.sleep(0)
            return await caller.accepted()

        everything = await asyncio.gather(*(run(pause) for pause in (1, 2, 3, 50)))
        offsets = [offset for receipts in everything for run_ in ranges(receipts) for offset in run_]
        assert len(offsets) == len(set(offsets)) == 400
        for receipts in everything:
            assert [r.first_offset for r in receipts] == sorted(r.first_offset for r in receipts)

    async def test_a_repeat_with_the_same_key_gets_the_first_receipt(self, ingest: Ingest) -> None:
        """Later, when the first is long done: same offsets, and nothing is stored again."""
        caller = Caller(ingest)
        caller.offer(5, key="k")
        await caller.accepted()
        caller.offer(5, key="k")
        caller.offer(1)
        first, repeat, other = await caller.accepted()
        assert repeat == first
        assert other.first_offset > first.last_offset

    async def test_a_repeat_while_the_first_is_under_way_gets_the_same_receipt(self, ingest: Ingest) -> None:
        """Clients repeat because they are impatient: both answers name the same offsets."""
        caller = Caller(ingest)
        for _ in range(10):
            caller.offer(3, key="impatient")
        receipts = await caller.accepted()
        assert receipts == [receipts[0]] * 10

    async def test_other_keys_and_no_key_are_stored_each_time(self, ingest: Ingest) -> None:
        """Only a repeat of the same key is a repeat; "" is no key."""
        caller = Caller(ingest)
        for key in ("a", "b", "", "", "A", "a "):
            caller.offer(1, key=key)
        receipts = await caller.accepted()
        assert len({receipt.first_offset for receipt in receipts}) == 6

    async def test_offer_never_waits(self, ingest: Ingest) -> None:
        """It is no coroutine, and whatever it is offered in one turn, each offer gets one receipt."""
        caller = Caller(ingest)
        for _ in range(20_000):
            caller.offer()
        receipts = await caller.receipts(30)
        refused = [receipt for receipt in receipts if isinstance(receipt, Refused)]
        assert all(receipt.reason == "busy" for receipt in refused)
        accepted = [receipt for receipt in receipts if isinstance(receipt, Accepted)]
        assert accepted
        offsets = [offset for run in ranges(accepted) for offset in run]
        assert len(offsets) == len(set(offsets)) == len(accepted)

    async def test_a_refusal_says_why_and_comes_once(self, refusing: Ingest) -> None:
        """With a reason a person can read; whatever came with it has no offset."""
        caller = Caller(refusing)
        caller.offer(3, key="k")
        caller.offer(1)
        for receipt in await caller.receipts():
            assert isinstance(receipt, Refused)
            assert receipt.detail
            assert receipt.retry_after is None or receipt.retry_after > 0
