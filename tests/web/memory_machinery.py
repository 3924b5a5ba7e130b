"""The port of the machinery, in memory."""

from __future__ import annotations

from typing import Literal

from journal.metric import Offset
from web.machinery import (
    BreakerNow,
    BreakerOff,
    CrashAnswer,
    LastCrash,
    MoveAnswer,
    NoCrash,
    NoSuchPart,
    SegmentSeen,
    Sender,
    SendersReport,
)


class MemoryMachinery:
    """Two segments, two actors, two senders, and three stores, one of which has no breaker."""

    def __init__(self) -> None:
        self.breakers: dict[str, BreakerNow | BreakerOff] = {
            "sqlite": BreakerNow("sqlite", "closed", "", 0),
            "postgres host/db": BreakerNow("postgres host/db", "closed", "", 0),
            "off": BreakerOff("circuit breakers are switched off"),
        }

    def segments(self) -> list[SegmentSeen]:
        """As web.machinery.Machinery says."""
        return [
            SegmentSeen("a", Offset(0), Offset(9), 1, 100, 100, "sealed"),
            SegmentSeen("b", Offset(10), Offset(41), 2, 50, 100, "active"),
        ]

    def crash(self, path: str) -> CrashAnswer:
        """As web.machinery.Machinery says."""
        match path:
            case "stores/sqlite":
                return LastCrash(path, "boom", "Traceback <b>", 5, 2, 1, 1)
            case "ingest":
                return NoCrash()
            case _:
                return NoSuchPart(["ingest", "stores/sqlite"])

    def senders(self, most: int) -> SendersReport:
        """As web.machinery.Machinery says."""
        known = [Sender(source, "s", 1, 2, 3, 0.5, 0.1, False) for source in ("new", "old")]
        return SendersReport(1, 2, 10_000, 0, known[:most])

    async def move_breaker(self, store: str, position: Literal["open", "closed"]) -> MoveAnswer:
        """As web.machinery.Machinery says."""
        known = self.breakers.get(store)
        if known is None:
            return NoSuchPart(list(self.breakers))
        if isinstance(known, BreakerNow):
            known = BreakerNow(store, position, "hand" if position == "open" else "", 7)
            self.breakers[store] = known
        return known
