"""More poison than the dead-letter queue may keep, and many hands on the queue at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.process.conftest import Launch
from tests.process.forebay import Forebay, eventually, say
from tests.process.poison import NUL, scattered
from tests.process.poison_scene import InPostgres
from tests.process.test_poison import listed, posted
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.stack import LocalSupabase

__all__ = ["local_databases", "local_postgres", "local_supabase", "supabase"]

MIB = 1024 * 1024


def level(forebay: Forebay, seconds: float = 120.0) -> None:
    """Wait until every metric is settled."""
    eventually(lambda: forebay.status()["pending"] == 0, "all is settled", seconds)


async def test_a_flood_of_poison_pushes_the_oldest_out(
    launch: Launch, supabase: LocalSupabase, tmp_path: Path
) -> None:
    """20,000 bad ones among 40,000, where 1,000 may wait: the newest do, the others expire by event, with a
    warning; memory stays as it was, the account balances, and it is a matter of seconds."""
    most = 1_000
    place = InPostgres(supabase, tmp_path)
    env = {**place.environment(), "FOREBAY_DLQ_MAX_ITEMS": str(most)}
    forebay = launch(env=env).start()
    metrics, bad = scattered(4_000, 2_000, [NUL], seed=2)
    posted(forebay, metrics)
    level(forebay)
    before, began = forebay.resident(), time.monotonic()
    metrics, bad = scattered(40_000, 20_000, [NUL])
    offsets = posted(forebay, metrics)
    level(forebay)
    took, growth = time.monotonic() - began, forebay.resident() - before
    say(f"20,000 dead letters in {took:.1f} s, {growth / MIB:+.1f} MiB")
    assert growth < 30 * MIB
    assert took < 120
    newest = sorted(offsets[at] for at in bad)[-most:]
    assert [letter["offset"] for letter in listed(forebay)] == newest
    assert forebay.logged("nearly full")
    shown = "select status, count(*) from dead_letters group by status order by status"
    expected = [("expired", 22_000 - most), ("pending", most)]
    await until_equal(place, shown, expected)
    assert forebay.terminate() == 0
    audit = forebay.audit()
    assert audit.returncode == 0
    assert "22,000" in audit.stdout


async def until_equal(place: InPostgres, sql: str, expected: list[tuple[object, ...]]) -> None:
    """Wait until `sql` selects `expected`."""
    end = time.monotonic() + 60
    while (found := await place.select(sql)) != expected:
        assert time.monotonic() < end, found


async def test_many_hands_on_the_queue_at_once(
    launch: Launch, supabase: LocalSupabase, tmp_path: Path
) -> None:
    """While poison goes on coming, letters are listed, redriven and discarded by eight clients at once: no
    answer is a server's error, each letter leaves once, and in the end everything is accounted for."""
    place = InPostgres(supabase, tmp_path)
    forebay = launch(env=place.environment()).start()
    kinds = [kind for kind in place.kinds if kind.mendable]
    await place.add_rules()
    offsets = posted(forebay, scattered(10_000, 500, kinds)[0])
    level(forebay)
    # From here on each may be redriven: what is buried already waits for somebody to do that.
    await place.execute(place.no_rules)
    hopeless = scattered(10_000, 500, [NUL], seed=3)[0]
    over, wrong, discarded = threading.Event(), list[str](), list[int]()
    hands = [redrive, discard, look, redrive, discard, look, redrive, discard]
    threads = [
        threading.Thread(target=hand, args=(forebay.url, seed, over, wrong, discarded))
        for seed, hand in enumerate(hands)
    ]
    for thread in threads:
        thread.start()
    try:
        offsets += posted(forebay, hopeless)
        level(forebay)
        eventually(lambda: len(discarded) > 100, "many are discarded")
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    assert not wrong
    assert len(set(discarded)) == len(discarded)
    eventually(lambda: not forebay.status()["dead_letters"]["redriving"], "none is on its way")
    waiting = {letter["offset"] for letter in listed(forebay)}
    stored = {offset for (offset,) in await place.select('select "offset" from metrics')}
    assert not waiting & stored
    assert len(stored) + len(waiting) + len(discarded) == len(offsets)
    assert forebay.terminate() == 0
    assert forebay.audit().returncode == 0


Hand = Callable[[str, int, threading.Event, list[str], list[int]], None]


def some_letters(client: httpx.Client, chance: random.Random, wrong: list[str]) -> list[int]:
    """The ids of a few of the letters that wait, at random."""
    answer = client.get("/api/dead-letters", params={"limit": 100})
    if answer.status_code != 200:
        wrong.append(f"{answer.status_code} {answer.text}")
        return []
    ids = [letter["id"] for letter in answer.json()["letters"]]
    return chance.sample(ids, min(3, len(ids)))


def look(url: str, seed: int, over: threading.Event, wrong: list[str], discarded: list[int]) -> None:
    """Look at letters, one by one."""
    with httpx.Client(base_url=url, timeout=90, trust_env=False) as client:
        while not over.is_set():
            for each in some_letters(client, random.Random(seed), wrong):
                answer = client.get(f"/api/dead-letters/{each}")
                if answer.status_code not in (200, 404):
                    wrong.append(f"look: {answer.status_code} {answer.text}")


def redrive(url: str, seed: int, over: threading.Event, wrong: list[str], discarded: list[int]) -> None:
    """Send letters again, one by one."""
    with httpx.Client(base_url=url, timeout=90, trust_env=False) as client:
        chance = random.Random(seed)
        while not over.is_set():
            for each in some_letters(client, chance, wrong):
                answer = client.post(f"/api/dead-letters/{each}/redrive")
                if answer.status_code not in (200, 202, 404, 409):
                    wrong.append(f"redrive: {answer.status_code} {answer.text}")


def discard(url: str, seed: int, over: threading.Event, wrong: list[str], discarded: list[int]) -> None:
    """Give letters up, one by one."""
    with httpx.Client(base_url=url, timeout=90, trust_env=False) as client:
        chance = random.Random(seed)
        while not over.is_set():
            for each in some_letters(client, chance, wrong):
                answer = client.delete(f"/api/dead-letters/{each}")
                if answer.status_code == 204:
                    discarded.append(each)
                elif answer.status_code not in (404, 409):
                    wrong.append(f"discard: {answer.status_code} {answer.text}")


@pytest.mark.parametrize("count", [300_000])
def test_memory_stays_flat_while_the_store_is_gone(
    launch: Launch, local_supabase: LocalSupabase, count: int
) -> None:
    """300,000 metrics that arrive while nobody listens where the database was cost disk, not memory."""
    local_supabase.stop_db_proxy()
    try:
        forebay = launch(env={"FOREBAY_STORE": local_supabase.proxied_db_url}).start()
        some = [{"name": "n", "value": value, "source": "s"} for value in range(5_000)]
        for _ in range(20):
            forebay.post(some).raise_for_status()
        before = forebay.resident()
        for _ in range(count // len(some)):
            forebay.post(some).raise_for_status()
        growth = forebay.resident() - before
        assert forebay.status()["pending"] == count + 20 * len(some)
    finally:
        local_supabase.start_db_proxy()
    say(f"{growth / MIB:+.1f} MiB")
    assert growth < 50 * MIB
