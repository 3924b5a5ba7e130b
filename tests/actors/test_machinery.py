"""What can be seen of the running process, and moved by hand, in the composed tree."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from actors.config import Settings
from actors.config.settings import PersisterSettings, ResilienceSettings
from actors.stores.base import OutageError
from actors.stores.memory import MemoryStore, MemoryTables
from journal.disk import OsFileSystem
from journal.metric import Metric
from tests.actors.test_persistence_actor import Moody
from tests.journal.faults import FailingSync
from tests.process.composed import SEGMENT, Composed, composed, until
from web.health import health
from web.ports import Receipt
from web.report import StoreStatus

pytestmark = pytest.mark.slow  # whole systems or programs of their own


def status(running: Composed) -> StoreStatus:
    return running.forebay.status.report().stores[0]


async def get(running: Composed, path: str) -> Any:
    async with running.client() as client:
        answer = await client.get(path)
        return answer.json() if answer.content else answer.status_code


async def move(running: Composed, position: str, store: str = "memory") -> tuple[int, Any]:
    async with running.client() as client:
        answer = await client.post(f"/api/stores/{store}/breaker", json={"position": position})
        return answer.status_code, answer.json()


def settings(home: Path, **resilience: bool) -> Settings:
    """Settings whose breaker would probe after a moment."""
    return Settings(
        data=str(home),
        segment_bytes=SEGMENT,
        metrics_persister=PersisterSettings(circuit_breaker_timeout=0.05, circuit_breaker_threshold=1),
        resilience=ResilienceSettings(**resilience),
    )


async def test_a_person_holds_a_store_off_and_lets_it_go_on(tmp_path: Path) -> None:
    """Nothing is written while it is held, also long after the time-out of an outage; then all is, once."""
    tables = MemoryTables()
    store = Moody(MemoryStore(tables=tables))
    async with composed(tmp_path, [store], settings=settings(tmp_path)) as running:
        await running.offer(10)
        await until(lambda: status(running).lag == 0, "the store follows")
        assert await move(running, "open") == (200, {
            "store": "memory", "breaker": "open", "by": "hand", "noted": True,
            "since": status(running).breaker_since,
        })  # fmt: skip
        writes = store.writes
        begun = running.forebay.status.report().stores[0].breaker_since
        for _ in range(20):
            await running.offer(5)
        await until(lambda: running.forebay._now() - begun > 200_000_000, "four time-outs")  # type: ignore[attr-defined]
        assert store.writes == writes
        held = status(running)
        assert (held.breaker, held.breaker_by, held.state, held.lag) == ("open", "hand", "waiting", 100)
        assert held.lag_seconds > 0.1
        _, answer = await move(running, "closed")
        assert answer["by"] == ""
        await until(lambda: status(running).lag == 0, "it goes on at once")
        after = status(running)
        assert (after.breaker, after.breaker_by, after.persisted) == ("closed", "", 110)
        assert after.lag_seconds == 0


async def test_the_status_says_the_sentence_that_every_command_says(tmp_path: Path) -> None:
    """By hand, since when, how much waits, and that nothing is lost; a person's doing alarms nobody."""
    async with composed(tmp_path, [MemoryStore()], settings=settings(tmp_path)) as running:
        await move(running, "open")
        await running.offer(12)
        report = await get(running, "/api/status")
        assert report["health"]["level"] == "busy"
        assert report["health"]["sentence"] == (
            "memory was switched off by hand 0 s ago; 12 metrics wait in the journal; nothing is lost."
        )
        whole = running.forebay.status.report()
        assert whole.health == health(whole, running.forebay._now())  # type: ignore[attr-defined]


async def test_a_store_held_by_hand_stays_held_after_a_restart(tmp_path: Path) -> None:
    """It is an event: the next process holds it too, until a person lets it go on."""
    tables = MemoryTables()
    async with composed(tmp_path, [MemoryStore(tables=tables)], settings=settings(tmp_path)) as running:
        await move(running, "open")
        assert running.journal.state.breakers["memory"].by == "hand"
        await running.offer(7)
    store = Moody(MemoryStore(tables=tables))
    async with composed(tmp_path, [store], settings=settings(tmp_path)) as running:
        assert (status(running).breaker, status(running).breaker_by) == ("open", "hand")
        await running.offer(3)
        assert store.writes == 0
        await move(running, "closed")
        await until(lambda: status(running).persisted == 10, "all of both processes is stored")


async def test_a_move_that_could_not_be_written_down_says_so(tmp_path: Path) -> None:
    """It holds in this process all the same; the next one would not know, and the answer says that."""
    disk = FailingSync(OsFileSystem())
    async with composed(tmp_path, [MemoryStore()], settings=settings(tmp_path), fs=disk) as running:
        await running.offer(1)
        await until(lambda: running.journal.state.cursors.get("memory"), "the cursor is noted")
        disk.failing = True
        code, answer = await move(running, "open")
        assert (code, answer["by"], answer["noted"]) == (200, "hand", False)
        assert status(running).breaker_by == "hand"
        assert disk.failed
        disk.failing = False
        await until(lambda: running.journal.condition == "writable", "the disk is well")


async def test_letting_it_go_on_probes_and_does_not_believe(tmp_path: Path) -> None:
    """A store that is away opens its breaker again, by itself and with its time-out; a person may probe at
    once instead of waiting for that."""
    store = Moody(MemoryStore())
    patient = Settings(
        data=str(tmp_path),
        segment_bytes=SEGMENT,
        metrics_persister=PersisterSettings(circuit_breaker_timeout=3600, circuit_breaker_threshold=1),
    )
    async with composed(tmp_path, [store], settings=patient) as running:
        await until(lambda: status(running).state == "following", "the store is open")
        await move(running, "open")
        store.before = OutageError("memory", "nobody listens")
        await running.offer(1)
        await move(running, "closed")
        await until(lambda: store.writes and status(running).breaker == "open", "the probe has failed")
        assert status(running).breaker_by == ""
        assert status(running).next_probe_at > running.forebay._now() + 3_000_000_000_000  # type: ignore[attr-defined]
        store.before = None
        await move(running, "closed")
        await until(lambda: status(running).lag == 0, "the second probe has passed")
        assert status(running).breaker == "closed"


async def test_a_breaker_that_is_closed_stays_closed(tmp_path: Path) -> None:
    """Closing it again moves nothing, and writes nothing down."""
    async with composed(tmp_path, [MemoryStore()], settings=settings(tmp_path)) as running:
        await running.offer(1)
        await until(lambda: status(running).lag == 0, "the store follows")
        assert (await move(running, "closed"))[1]["breaker"] == "closed"
        assert "memory" not in running.journal.state.breakers


@pytest.mark.parametrize("switch", ["circuit_breaker_enabled", "metrics_persister_enabled"])
async def test_what_is_switched_off_cannot_be_moved(tmp_path: Path, switch: str) -> None:
    """409, and the switch by name; 404 for a store that is none of ours."""
    off = settings(tmp_path, **{switch: False})
    async with composed(tmp_path, [MemoryStore()], settings=off) as running:
        code, answer = await move(running, "open")
        assert (code, f"RESILIENCE_{switch.upper()}" in answer["detail"]) == (409, True)
        code, answer = await move(running, "open", "nope")
        assert (code, "there are: memory" in answer["detail"]) == (404, True)


async def test_senders_are_those_whose_metrics_were_accepted(tmp_path: Path) -> None:
    """Each by source and session, with or without anybody listening, a repeat and a refusal not counted."""
    body = [{"name": "n", "value": 1, "source": "a", "session": s} for s in ("1", "1", "2")]
    async with composed(tmp_path, [MemoryStore()]) as running, running.client() as client:
        for _ in range(2):
            sent = await client.post("/api/metrics", json=body, headers={"idempotency-key": "k"})
            assert sent.status_code == 202
        assert (await client.post("/api/metrics", json={"name": "n", "value": 1})).status_code == 202
        assert (await client.post("/api/metrics", json=[*body, {"name": ""}])).status_code == 400
        report = await get(running, "/api/senders")
        seen = {(each["source"], each["session"]): each["count"] for each in report["senders"]}
        assert seen == {("a", "1"): 2, ("a", "2"): 1, ("", ""): 1}
        assert report["senders"][0]["source"] == ""
        assert (report["kept"], report["forgotten"]) == (3, 0)


async def test_refused_metrics_have_no_sender(tmp_path: Path) -> None:
    """What the journal could not take was not accepted."""
    async with composed(tmp_path, [MemoryStore()]) as running:
        await running.journal.close()
        heard: list[Receipt] = []
        running.ingest.offer([Metric("n", 1.0, source="late")], "", heard.append)
        await until(lambda: heard, "the answer")
        assert running.forebay._senders.report(0, 10).senders == []  # type: ignore[attr-defined]


async def test_segments_are_those_of_the_journal(tmp_path: Path) -> None:
    """Without a hole from the first offset to the last; the newest is active, and not all written."""
    async with composed(tmp_path, [MemoryStore()]) as running:
        while len(running.journal.segments) < 3:
            await running.offer(5_000)
        segments = (await get(running, "/api/journal/segments"))["segments"]
        assert [each["state"] for each in segments] == ["sealed"] * (len(segments) - 1) + ["active"]
        for before, after in pairwise(segments):
            assert before["last_offset"] + 1 == after["first_offset"]
        assert segments[-1]["last_offset"] == running.journal.next_offset - 1
        assert 0 < segments[-1]["bytes"] <= segments[-1]["size"]
        assert {each["name"] for each in segments} <= {each.name for each in (tmp_path / "journal").iterdir()}


async def test_the_last_crash_is_told_with_its_traceback(tmp_path: Path) -> None:
    """While the process lives; the next one knows that it happened, and when."""
    path = "/api/actors/ingest/crash"
    async with composed(tmp_path, [MemoryStore()]) as running:
        assert await get(running, path) == 204
        running.poison()
        await until(lambda: running.journal.state.actors.get("ingest"), "the journal has heard of it")
        crash = await get(running, path)
        assert crash["path"] == "ingest"
        assert "Traceback" in crash["traceback"]
        assert crash["error"] in running.journal.state.actors["ingest"].last_error
        assert crash["crashes"] >= 1
        unknown = await get(running, "/api/actors/nobody/crash")
        assert "stores/memory" in unknown["detail"]
        await until(lambda: running.actor("ingest").state == "running", "it was restarted")
    async with composed(tmp_path, [MemoryStore()]) as running:
        later = await get(running, path)
        assert (later["traceback"], later["error"]) == ("", crash["error"])
        assert later["at"] < later["since"]
