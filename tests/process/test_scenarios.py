"""The scenarios of the plan that this project began with, by its names: breaker, retry, dead letters,
shutdown, and doing it all at once, against a real PostgreSQL behind a real PostgREST.

The whole tree runs in this process, so that calls can be counted at the router and looked at from inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from actors.audit import audit
from actors.config import Settings
from actors.config.settings import PersisterSettings
from actors.core.batch_size import PROBE_ROWS
from actors.core.persistence import PAUSE
from actors.dead_letters.port import DeadLettersPort
from actors.stores.supabase import SupabaseStore
from journal.events import pack_metrics
from journal.metric import Metric
from tests.process.composed import SEGMENT, Composed, composed, until
from tests.process.conftest import Launch
from tests.supabase.faults import Answer, Call, Delay, Unavailable
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.stack import LocalSupabase
from web.letters import LetterFilter, LetterUnderWayError, NoSuchLetterError
from web.report import StoreStatus

__all__ = ["local_databases", "local_postgres", "local_supabase", "supabase"]

DEADLOCK = Answer(500, json.dumps({"code": "40P01", "message": "deadlock detected", "details": None}))
ALL = LetterFilter()


class Plan:
    """What runs, and the project that it writes to."""

    def __init__(self, running: Composed, supabase: LocalSupabase, store: SupabaseStore) -> None:
        self.running = running
        self.supabase = supabase
        self.store = store

    @property
    def status(self) -> StoreStatus:
        return self.running.forebay.status.report().stores[0]

    @property
    def queue(self) -> DeadLettersPort:
        port = self.running.forebay.dead_letters_port()
        assert isinstance(port, DeadLettersPort)
        return port

    @property
    def waiting(self) -> list[str]:
        return [letter.name for letter in self.queue.page(ALL, 1_000, None).letters]

    def sql(self, text: str) -> list[str]:
        return self.supabase.postgres.execute(text, self.supabase.database, "postgres").splitlines()

    def writes(self, **how: Any) -> list[Call]:
        """What was sent to the table of metrics."""
        return [
            call
            for call in self.supabase.faults.calls(**how)
            if call.method == "POST" and call.path == "/rest/v1/metrics"
        ]

    async def take(self, metrics: Sequence[Metric]) -> None:
        await self.running.journal.append([pack_metrics(metrics)])

    async def follows(self, seconds: float = 20.0) -> None:
        await until(lambda: self.status.lag == 0 and self.status.state == "following", "it follows", seconds)

    async def balances(self) -> None:
        home = Path(self.running.journal.directory).parent
        result = await audit(str(home / "journal"), str(home / "dead-letters"), [self.store])
        assert result.balances, result
        assert result.stores[0].pending == 0


def good(count: int, first: int = 0) -> list[Metric]:
    return [Metric("good", float(first + at), source=f"s{at % 3}") for at in range(count)]


def with_bad(count: int, bad: set[int]) -> list[Metric]:
    """Metrics of which those at `bad` break the check that `mended` lifts."""
    return [Metric("bad" if at in bad else "good", -1.0 if at in bad else float(at)) for at in range(count)]


CHECK = "alter table metrics add constraint no_loss check (value >= 0)"
MENDED = "alter table metrics drop constraint no_loss"


@pytest.fixture
def plan(supabase: LocalSupabase, tmp_path: Path) -> Callable[..., Any]:
    """Starts the tree, with these settings of the persister."""

    @contextlib.asynccontextmanager
    async def start(home: str = "data", items: int = 10_000, days: float = 90.0, **persister: Any) -> Any:
        settings = Settings(
            data=str(tmp_path / home),
            segment_bytes=SEGMENT,
            store_timeout=5.0,
            dlq_max_items=items,
            dlq_max_age_days=days,
            metrics_persister=PersisterSettings(**persister),
        )
        store = SupabaseStore(supabase.url, supabase.service_role_key, timeout=5.0)
        async with composed(tmp_path / home, [store], settings=settings) as running:
            looking = SupabaseStore(supabase.url, supabase.service_role_key, timeout=5.0)
            it = Plan(running, supabase, looking)
            await until(lambda: it.status.state == "following" or supabase.faults.counts(), "it begins", 60)
            yield it
        await looking.close()

    return start


async def test_breaker_opens_on_failures(plan: Callable[..., Any], supabase: LocalSupabase) -> None:
    """Three outages in a row open it; then nothing is tried, and metrics are accepted all the same."""
    async with plan(circuit_breaker_threshold=3, circuit_breaker_timeout=60) as it:
        await it.take(good(10))
        await it.follows()
        supabase.faults.set(Unavailable())
        supabase.faults.forget()
        await it.take(good(10))
        await until(lambda: it.status.breaker == "open", "it opens", 60)
        assert it.status.attempts == 3
        assert it.status.error_kind == "outage"
        tried = len(supabase.faults.calls())
        await it.take(good(10))
        await asyncio.sleep(1.5)
        assert len(supabase.faults.calls()) == tried, "it is left alone"
        assert it.status.lag == 20
        assert it.running.journal.state.breakers["supabase"].position == "open"


async def test_breaker_recovers_after_its_time_out(plan: Callable[..., Any], supabase: LocalSupabase) -> None:
    """A probe passes, and everything that waited is stored, once."""
    async with plan(circuit_breaker_threshold=1, circuit_breaker_timeout=1) as it:
        await it.take(good(10))
        await it.follows()
        supabase.faults.set(Unavailable())
        await it.take(good(500))
        await until(lambda: it.status.breaker == "open", "it opens")
        supabase.faults.clear()
        await it.follows()
        assert it.status.breaker == "closed"
        assert it.sql('select count(*), count(distinct "offset") from metrics') == ["510|510"]
        await it.balances()


async def test_breaker_half_open_behaviour(plan: Callable[..., Any], supabase: LocalSupabase) -> None:
    """Half-open lets one small probe through at a time, opens again when that fails, and ramps up when it
    passes: 16 rows, 32, 64, …"""
    async with plan(circuit_breaker_threshold=1, circuit_breaker_timeout=1) as it:
        await it.take(good(10))
        await it.follows()
        supabase.faults.set(Unavailable())
        await it.take(good(1_000))
        await until(lambda: it.status.breaker == "open", "it opens")
        supabase.faults.forget()
        await asyncio.sleep(3.5)
        probes = [call.at for call in supabase.faults.calls()]
        assert 2 <= len(probes) <= 4
        assert all(later - earlier >= 0.95 for earlier, later in pairwise(probes))
        states = it.running.journal.state.breakers["supabase"]
        assert states.failures >= 3
        sizes = 'select count(*) from metrics group by xmin order by min("offset")'
        supabase.faults.clear()
        await it.follows()
        stored = [int(rows) for rows in it.sql(sizes)]
        assert stored[1:4] == [PROBE_ROWS, 2 * PROBE_ROWS, 4 * PROBE_ROWS]
        await it.balances()


async def test_transient_errors_are_retried(plan: Callable[..., Any], supabase: LocalSupabase) -> None:
    """A deadlock is nobody's fault: the same batch passes a moment later, and the breaker stays closed."""
    async with plan() as it:
        supabase.faults.add(DEADLOCK, times=2, method="POST", path="/rest/v1/metrics")
        await it.take(good(10))
        await it.follows()
        assert [call.done for call in it.writes()] == ["answer", "answer", "passed"]
        assert it.status.breaker == "closed"
        assert it.status.dead_lettered == 0
        await it.balances()


async def test_backoff_grows(plan: Callable[..., Any], supabase: LocalSupabase) -> None:
    """Between attempts at least 0.2 s and at most 0.2, 0.6, 1.8 … with a factor of 3, whatever the jitter."""
    async with plan(retry_max_attempts=5, retry_backoff_factor=3.0) as it:
        supabase.faults.add(DEADLOCK, times=4, method="POST", path="/rest/v1/metrics")
        await it.take(good(10))
        await it.follows()
        times = [call.at for call in it.writes()]
        waits = [later - earlier for earlier, later in pairwise(times)]
        assert len(waits) == 4
        for number, wait in enumerate(waits):
            assert 0.19 <= wait <= 0.2 * 3.0**number + 2


async def test_attempts_are_enforced(plan: Callable[..., Any], supabase: LocalSupabase) -> None:
    """Two attempts are a turn; the third comes after the pause, and not before."""
    async with plan(retry_max_attempts=2) as it:
        supabase.faults.add(DEADLOCK, method="POST", path="/rest/v1/metrics")
        await it.take(good(1))
        await until(lambda: len(it.writes()) >= 3, "the next turn", 60)
        first, second, third = [call.at for call in it.writes()][:3]
        assert second - first < PAUSE / 2
        assert third - second >= PAUSE - 0.1
        supabase.faults.clear()
        await it.follows(30)


async def test_failed_operations_are_stored(plan: Callable[..., Any]) -> None:
    """What the table can never take becomes dead letters, with cause, in the queue and in the database."""
    async with plan() as it:
        it.sql(CHECK)
        await it.take(with_bad(100, {7, 50, 99}))
        await it.follows()
        letters = it.queue.page(ALL, 10, None).letters
        assert [letter.cause for letter in letters] == ["check"] * 3
        assert all("no_loss" in letter.error for letter in letters)
        assert it.sql("select count(*) from metrics") == ["97"]
        mirrored = "select count(*) from dead_letters where status = 'pending' and cause = 'check'"
        await until(lambda: it.sql(mirrored) == ["3"], "the table holds them")
        await it.balances()


async def test_failed_operations_are_recovered(plan: Callable[..., Any]) -> None:
    """Once the table is mended they are redriven, all of them, and the database says so."""
    async with plan() as it:
        it.sql(CHECK)
        await it.take(with_bad(100, {7, 50, 99}))
        await it.follows()
        it.sql(MENDED)
        assert (await it.queue.redrive_all(ALL, dry_run=False, rate=None)).matched == 3
        await until(lambda: not it.waiting, "all are redriven")
        assert it.sql("select count(*) from metrics where value = -1") == ["3"]
        redriven = "select count(*) from dead_letters where status = 'redriven'"
        await until(lambda: it.sql(redriven) == ["3"], "the table follows")
        await it.balances()


async def test_the_queue_is_limited_in_size_and_age(
    plan: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond ten the oldest expire; beyond their age all do; the account balances with them."""
    async with plan(items=10) as it:
        it.sql(CHECK)
        await it.take(with_bad(40, set(range(0, 40, 3))))
        await it.follows()
        report = it.running.forebay.status.report()
        assert (len(it.waiting), report.dead_letters.expired) == (10, 4)
        assert report.dead_lettered == 14
        await it.balances()
    monkeypatch.setattr("actors.core.dead_letters.SURE_AFTER", 0.0)
    async with plan(items=10, days=1e-7) as it:
        await until(lambda: not it.waiting, "they are too old")
        assert it.running.forebay.status.report().dead_letters.expired == 14
        await it.balances()


async def test_work_in_flight_is_completed_on_shutdown(
    plan: Callable[..., Any], supabase: LocalSupabase
) -> None:
    """What is on its way to the database when the end comes arrives there, and so does the rest."""
    async with plan() as it:
        supabase.faults.set(Delay(0.5))
        await it.take(good(2_000))
        await until(lambda: it.writes() or it.status.lag, "it is on its way")
    assert it.sql("select count(*) from metrics") == ["2000"]


async def test_resources_are_released(plan: Callable[..., Any]) -> None:
    """After ten lives no connection, thread or descriptor is left of them: what each life kept would be there
    ten times. Fewer are this process's own: threads that wait for work, connections that are kept open."""
    lives = 10

    def held() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    async with plan("warm") as it:
        await it.take(good(10))
        await it.follows()
    before = held()
    for life in range(lives):
        async with plan(f"life-{life}") as it:
            await it.take(good(10))
            await it.follows()
    await until(
        lambda: all(now < then + lives for now, then in zip(held(), before, strict=True)), "all is let go", 30
    )


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
async def test_signals_are_handled(launch: Launch, supabase: LocalSupabase, which: signal.Signals) -> None:
    """The process drains its store, and leaves with 0."""
    env = {**supabase.environment(), "FOREBAY_STORE": "supabase:", "FOREBAY_SEGMENT_BYTES": "1MiB"}
    forebay = launch(env=env).start()
    for _ in range(20):
        assert forebay.post([{"name": "a", "value": 1.0}] * 50).status_code == 202
    forebay.signal(which)
    assert forebay.wait() == 0
    stored = supabase.postgres.execute("select count(*) from metrics", supabase.database, "postgres")
    assert stored.strip() == "1000"


async def test_concurrent_access_to_queue_and_store(plan: Callable[..., Any]) -> None:
    """Ingest, poison, looking, redriving, discarding and questions, all at once: nothing is lost."""
    async with plan() as it, it.running.client() as client:
        it.sql(CHECK)
        await it.take(with_bad(200, set(range(0, 200, 10))))
        await it.follows()
        it.sql(MENDED)

        async def post(number: int) -> None:
            body = [{"name": "more", "value": float(at)} for at in range(50)]
            answer = await client.post("/api/metrics", json=body, headers={"idempotency-key": f"k{number}"})
            assert answer.status_code == 202

        async def ask(path: str) -> None:
            assert (await client.get(path)).status_code == 200

        async def change(id_: int, discard: bool) -> str:
            try:
                if discard:
                    await it.queue.discard(id_)
                    return "discarded"
                return (await it.queue.redrive(id_, None)).outcome
            except (NoSuchLetterError, LetterUnderWayError):
                return "gone"

        ids = [letter.id for letter in it.queue.page(ALL, 100, None).letters]
        outcomes = await asyncio.gather(
            *(change(id_, False) for id_ in ids),
            *(change(id_, True) for id_ in ids[::2]),
            *(post(number) for number in range(10)),
            *(ask(path) for path in ("/api/names", "/api/sessions", "/api/dead-letters", "/api/status") * 3),
        )
        await until(lambda: not it.waiting, "the queue is empty")
        await it.follows()
        discarded = outcomes.count("discarded")
        assert it.sql("select count(*) from metrics") == [str(200 - discarded + 500)]
        await it.balances()
