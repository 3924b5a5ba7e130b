"""Metrics that can never be stored, scattered among many that can.

`FOREBAY_POISON_TOTAL=100000` makes all runs long ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.audit import Audit, audit
from actors.config import Settings
from actors.stores.base import BatchRange
from journal.committer import Options
from journal.events import pack_metrics
from journal.log import Journal
from journal.metric import Offset
from journal.state import DeadLetter
from tests.process.composed import composed, until
from tests.process.conftest import Launch
from tests.process.forebay import Forebay, eventually, say
from tests.process.poison import Counting, Kind, as_metrics, scattered, searched
from tests.process.poison_scene import InPostgres, InSqlite, InSupabase, Place
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.stack import LocalSupabase

__all__ = ["local_databases", "local_postgres", "local_supabase", "supabase"]

WHOLE = 100_000
TOTAL = int(os.environ.get("FOREBAY_POISON_TOTAL", "20000"))
"""Among how many metrics the bad ones are, in all runs but one, which has 500 among `WHOLE`."""
PER_REQUEST = 1_000
DRAIN_WITHIN = 120.0
"""Seconds; a search that asks for each row alone would take longer."""


PLACES = {"supabase": InSupabase, "postgres": InPostgres, "sqlite": InSqlite}


@pytest.fixture
def place(request: pytest.FixtureRequest, supabase: LocalSupabase, tmp_path: Path) -> Place:
    return PLACES[request.param](supabase, tmp_path / "data")


def sizes(full: str, total: int, *others: str) -> list[tuple[str, int, int]]:
    """A place, how many bad, one of 200, and among how many: `total` in the place `full`, a tenth of the
    whole in `others`."""
    return [(full, total // 200, total), *((other, 50, WHOLE // 10) for other in others)]


async def journaled(home: Path, metrics: Sequence[Mapping[str, Any]]) -> list[Offset]:
    """The offsets of `metrics`, which are in the journal in `home` now."""
    some, offsets = as_metrics(metrics), list[Offset]()
    journal = await Journal.open(str(home / "journal"), options=Options())
    for at in range(0, len(some), PER_REQUEST):
        await journal.prepare()
        appended = await journal.append([pack_metrics(some[at : at + PER_REQUEST])])
        offsets += (Offset(appended.first_offset + n) for n in range(len(some[at : at + PER_REQUEST])))
    await journal.close()
    return offsets


def batches(rows: int, sizes: BatchRange) -> int:
    """Writes that `rows` good ones take: the size doubles from the first to the most."""
    count, size = 0, sizes.first
    while rows > 0:
        rows, size, count = rows - size, min(size * 2, sizes.most), count + 1
    return count


@pytest.mark.parametrize(
    ("place", "guilty", "total"),
    [
        *((place, guilty, TOTAL) for place in PLACES for guilty in (1, 7)),
        *sizes("postgres", WHOLE, "supabase", "sqlite"),
    ],
    indirect=["place"],
)
async def test_exactly_the_bad_are_dead_letters(
    tmp_path: Path, place: Place, guilty: int, total: int
) -> None:
    """Of up to 100,000 metrics every good one is stored once, every bad one is a dead letter with its own
    cause and an error that names the rule, here and in the store's table; and few writes are needed to
    find them."""
    home = tmp_path / "data"
    metrics, bad = scattered(total, guilty, place.kinds)
    offsets = await journaled(home, metrics)
    await place.prepare()
    await place.add_rules()
    store = Counting(place.store())
    began = time.monotonic()
    async with composed(home, [store], settings=Settings(data=str(home))) as running:
        forebay = running.forebay
        await until(lambda: not forebay.status.report().pending, "all is settled", DRAIN_WITHIN)
        took = time.monotonic() - began
        assert forebay.dead_letters is not None
        letters = {letter.offset: letter for letter in forebay.dead_letters.state.dead_letters.values()}
        await until(lambda: len(store.mirrored) == guilty, "all are mirrored")
    expected = {offsets[at]: kind for at, kind in bad.items()}
    explained(letters, expected)
    stored = await place.select('select "offset" from metrics order by "offset"')
    assert [offset for (offset,) in stored] == [each for each in offsets if each not in expected]
    mirrored = await place.select('select "offset", cause, error, status from dead_letters order by "offset"')
    assert mirrored == [
        (offset, letters[offset].cause, shown.error, "pending")
        for offset, shown in sorted(store.mirrored.items())
    ]
    assert [offset for offset, *_ in mirrored] == sorted(expected)
    found = await audited(home, place)
    assert (found.stores[0].persisted, found.stores[0].dead_lettered) == (total - guilty, guilty)
    usual = batches(total, store.batch) + 2
    alone = sum(not kind.named for kind in expected.values())
    bound = 3 * (guilty - alone) + searched(total, alone) + usual
    say(f"{store.name}: {guilty} bad in {took:.1f} s, {store.writes} writes of {bound:.0f} at most")
    assert store.writes <= bound <= searched(total, guilty) + usual


async def audited(home: Path, place: Place) -> Audit:
    """The account of the journal and the queue in `home` with the store, which balances."""
    async with contextlib.AsyncExitStack() as stack:
        store = place.store()
        stack.push_async_callback(store.close)
        found = await audit(str(home / "journal"), str(home / "dead-letters"), [store])
    assert found.balances
    return found


def explained(letters: Mapping[Offset, DeadLetter], expected: Mapping[Offset, Kind]) -> None:
    """Each of `expected` is among `letters` with its cause, and nothing else is."""
    assert sorted(letters) == sorted(expected)
    for offset, kind in expected.items():
        assert letters[offset].cause == kind.cause
        assert kind.error in letters[offset].error


def posted(forebay: Forebay, metrics: Sequence[Mapping[str, Any]]) -> list[Offset]:
    """The offsets of `metrics`, which have been accepted over HTTP."""
    offsets: list[Offset] = []
    for at in range(0, len(metrics), PER_REQUEST):
        answer = forebay.post(metrics[at : at + PER_REQUEST]).raise_for_status().json()
        offsets += range(answer["first_offset"], answer["last_offset"] + 1)
    return offsets


def listed(forebay: Forebay) -> list[dict[str, Any]]:
    """Every dead letter that waits, page by page over HTTP."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = forebay.get(f"/api/dead-letters?limit=1000{cursor}").raise_for_status().json()
        found += page["letters"]
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"


def settled(forebay: Forebay) -> dict[str, Any] | None:
    """The status, once nothing waits for the store or is on its way back to it."""
    status = forebay.status()
    return status if not status["pending"] and not status["dead_letters"].get("redriving") else None


@pytest.mark.parametrize(
    ("place", "guilty", "total"), sizes("supabase", TOTAL, "postgres"), indirect=["place"]
)
async def test_over_http_into_the_real_process_and_back(
    launch: Launch, place: Place, guilty: int, total: int
) -> None:
    """One bad one in 200 of thousands that came over HTTP (half as many where the store asks the database
    directly): they are dead letters, told with their causes over HTTP; once the owner has dropped the
    rules all that can be stored is redriven, here and in the mirror."""
    metrics, bad = scattered(total, guilty, place.kinds)
    env = {**place.environment(), "RESILIENCE_METRICS_PERSISTER_ENABLED": "false"}
    forebay = launch(env=env).start()
    offsets = posted(forebay, metrics)
    assert forebay.terminate() == 0
    await place.add_rules()
    forebay.env["RESILIENCE_METRICS_PERSISTER_ENABLED"] = "true"
    place.supabase.faults.forget()
    forebay.start()
    began = time.monotonic()
    status = await asyncio.to_thread(eventually, lambda: settled(forebay), "all is settled", DRAIN_WITHIN)
    calls = place.supabase.faults.count("POST", "/rest/v1/metrics")
    say(f"{guilty} among {total:,}: {time.monotonic() - began:.1f} s, {calls} requests")
    assert calls <= searched(total, guilty) + batches(total, BatchRange(1_000, 5_000)) + 2
    assert (status["persisted"], status["dead_lettered"]) == (total - guilty, guilty)
    expected = {offsets[at]: kind for at, kind in bad.items()}
    letters = {letter["offset"]: letter for letter in listed(forebay)}
    assert {offset: letter["cause"] for offset, letter in letters.items()} == {
        offset: kind.cause for offset, kind in expected.items()
    }
    assert all(kind.error in letters[offset]["error"] for offset, kind in expected.items())
    await place.execute(place.no_rules)
    await asked(forebay, "/api/dead-letters/redrive", {"all": True})
    hopeless = sorted(offset for offset, kind in expected.items() if not kind.mendable)
    await until_listed(forebay, hopeless)
    assert all(letter["attempts"] == 2 for letter in listed(forebay))
    mirrored = 'select "offset" from dead_letters where status = \'{}\' order by "offset"'
    mended = sorted(expected.keys() - set(hopeless))
    await until_selected(place, mirrored.format("redriven"), mended)
    assert await place.select(mirrored.format("pending")) == [(offset,) for offset in hopeless]
    stored = await place.select('select "offset" from metrics order by "offset"')
    assert [offset for (offset,) in stored] == [each for each in offsets if each not in hopeless]
    assert forebay.terminate() == 0
    assert forebay.audit().returncode == 0


async def asked(forebay: Forebay, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What `forebay` answers to a POST of `body`."""
    async with httpx.AsyncClient(base_url=forebay.url, timeout=30, trust_env=False) as client:
        return (await client.post(path, json=body)).raise_for_status().json()


async def until_listed(forebay: Forebay, offsets: list[Offset]) -> None:
    """Wait until exactly the metrics at `offsets` are dead letters."""
    await asyncio.to_thread(
        eventually,
        lambda: sorted(letter["offset"] for letter in listed(forebay)) == offsets,
        "only these are dead letters",
        DRAIN_WITHIN,
    )


async def until_selected(place: Place, sql: str, offsets: list[Offset]) -> None:
    """Wait until `sql` selects `offsets`."""
    async with asyncio.timeout(DRAIN_WITHIN):
        while [offset for (offset,) in await place.select(sql)] != offsets:  # noqa: ASYNC110 a table tells nobody
            await asyncio.sleep(0.1)
