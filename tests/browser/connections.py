"""How many WebSockets a Forebay has open, told by itself."""

from __future__ import annotations

import asyncio

from tests.process.forebay import Forebay, eventually


def subscribers(forebay: Forebay) -> float:
    """WebSockets that are open now."""
    lines = forebay.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("forebay_live_subscribers "))


async def connected(forebay: Forebay, number: int) -> None:
    """Return when `number` WebSockets are open."""
    what = f"{number} WebSockets are open"
    await asyncio.to_thread(eventually, lambda: subscribers(forebay) == number, what)
