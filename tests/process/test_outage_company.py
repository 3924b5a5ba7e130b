"""Two Forebays write to one database at once, over PostgREST and natively, and one is killed all the time."""

from __future__ import annotations

import threading

import httpx
import pytest

from tests.process.forebay import eventually
from tests.process.outage_fixtures import (
    Launch,
    launch,
    local_databases,
    local_postgres,
    local_supabase,
    scene,
)
from tests.process.outages import Cell, Scene, assert_whole

__all__ = ["launch", "local_databases", "local_postgres", "local_supabase", "scene"]

KILLS = 6


class Load(threading.Thread):
    """Posts to a Forebay that nobody kills until told to end."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self._cell = cell

    def run(self) -> None:
        while not self.over.is_set():
            self._cell.ingest(100)


@pytest.mark.parametrize(
    ("kind", "steady", "killed"),
    [
        ("supabase", "supabase", "postgresql"),
        ("supabase", "postgresql", "supabase"),
    ],
)
def test_two_forebays_one_of_them_killed_over_and_over(
    scene: Scene, launch: Launch, steady: str, killed: str
) -> None:
    """Killed over and over amid its writes and started again: both end up whole, nothing is doubled, and the
    names that both have written are counted as often as there are rows."""
    one = launch("steady", on=scene.seen_as(steady))
    two = launch("killed", on=scene.seen_as(killed))
    load = Load(one)
    load.start()
    try:
        for _ in range(KILLS):
            before = scene.rows(two.source)
            two.ingest(500)
            eventually(lambda before=before: scene.rows(two.source) > before, "some of it is stored")
            two.forebay.kill()
            two.forebay.start()
    finally:
        load.over.set()
        load.join(30)
    for cell in (one, two):
        cell.forebay.drained(60)
    names = [counts(cell) for cell in (one, two)]
    written = [*one.accepted, *two.accepted]
    assert names == [{name: sum(each[1] == name for each in written) for name in names[0]}] * 2
    assert sum(names[0].values()) == len(written) == scene.rows()
    for cell in (one, two):
        assert_whole(cell)


def counts(cell: Cell) -> dict[str, int]:
    """How often each name was stored, as the process says once its store is open."""

    def asked() -> httpx.Response | None:
        answer = cell.forebay.get("/api/names")
        return answer if answer.status_code == 200 else None

    return {each["name"]: each["count"] for each in eventually(asked, "names are told").json()}
