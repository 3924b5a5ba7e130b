"""States of Forebay that a page should be seen in."""

from __future__ import annotations

import contextlib
import sqlite3

from tests.process.forebay import LIMIT, Forebay, eventually
from tests.process.poison import FORBIDDEN, NEGATIVE, SQLITE_RULES


def bury(forebay: Forebay, count: int = 12) -> None:
    """Let `count` more metrics be dead letters of `forebay`, which keeps what it has in SQLite: its store now
    refuses values below zero (every other one is such) and the unit `forbidden`. Blocks until they are."""
    forebay.post([{"name": "queue.depth", "value": 1.0, "source": "sound"}]).raise_for_status()
    forebay.drained()  # and so there are tables
    with contextlib.closing(sqlite3.connect(forebay.data / "forebay.db", timeout=LIMIT)) as database:
        if not database.execute("select 1 from sqlite_master where type = 'trigger'").fetchall():
            database.executescript(SQLITE_RULES)
    before = forebay.status()["dead_letters"]["pending"]
    kinds = (NEGATIVE, FORBIDDEN)
    forebay.post(
        [
            {
                "name": f"queue.depth.{number % 3}",
                "value": float(number),
                "source": "broken",
                "session": f"shift-{number % 2}",
                "attributes": {"host": f"gpu-{number}", "spot": True},
                **kinds[number % 2].fields,
            }
            for number in range(count)
        ]
    ).raise_for_status()
    eventually(
        lambda: forebay.status()["dead_letters"]["pending"] >= before + count, f"{count} dead letters more"
    )
