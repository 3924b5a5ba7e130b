"""Each RESILIENCE_* switch and METRICS_PERSISTER_* value, by what the real process then asks of a store."""

from __future__ import annotations

import itertools
import json

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
from tests.supabase.faults import BlackHole, Unavailable

__all__ = ["launch", "local_databases", "local_postgres", "local_supabase", "scene"]

pytestmark = pytest.mark.parametrize("kind", ["supabase"])

PAUSE = 5.0
"""Seconds between two turns of attempts."""

SLACK = 3.0
"""Seconds that an attempt itself may take, on a busy machine."""

NEVER = {"METRICS_PERSISTER_CIRCUIT_BREAKER_THRESHOLD": "1000"}
"""A breaker that does not open in these tests."""


def attempts(scene: Scene) -> list[float]:
    """When the store was tried, in seconds."""
    return [call.at for call in scene.faults.calls(done="unavailable")]


def tried(scene: Scene, times: int) -> list[float]:
    """When it was, once it has been tried so often."""
    return eventually(lambda: found if len(found := attempts(scene)) >= times else None, f"{times} attempts")


def in_outage(scene: Scene, cell: Cell) -> None:
    """From here on the gateway says 503, and there is something to store."""
    scene.faults.add(Unavailable())
    cell.ingest(100)


def over(scene: Scene, cell: Cell) -> None:
    """The outage ends, and nothing is missing."""
    scene.faults.clear()
    assert_whole(cell)


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


@pytest.mark.parametrize("threshold", [1, 4])
def test_breaker_threshold(scene: Scene, launch: Launch, threshold: int) -> None:
    """METRICS_PERSISTER_CIRCUIT_BREAKER_THRESHOLD: after so many failures in a row, and none fewer, the
    breaker opens, and nothing more is tried."""
    cell = launch(
        METRICS_PERSISTER_CIRCUIT_BREAKER_THRESHOLD=str(threshold),
        METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT="4",
        METRICS_PERSISTER_RETRY_MAX_ATTEMPTS="10",
        METRICS_PERSISTER_RETRY_BACKOFF_FACTOR="1",
    )
    in_outage(scene, cell)
    times = tried(scene, threshold + 1)
    assert all(gap < 0.2 + SLACK for gap in gaps(times[:threshold]))
    assert times[threshold] - times[threshold - 1] >= 4
    over(scene, cell)


@pytest.mark.parametrize("seconds", [1, 3])
def test_breaker_timeout(scene: Scene, launch: Launch, seconds: int) -> None:
    """METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT: so long after it has opened comes the probe, and after each
    probe that failed the next."""
    cell = launch(
        METRICS_PERSISTER_CIRCUIT_BREAKER_THRESHOLD="1",
        METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT=str(seconds),
    )
    in_outage(scene, cell)
    assert all(seconds <= gap < seconds + SLACK for gap in gaps(tried(scene, 3)))
    over(scene, cell)


def test_no_breaker(scene: Scene, launch: Launch) -> None:
    """RESILIENCE_CIRCUIT_BREAKER_ENABLED=false: attempts go on at the pace of retry, where a breaker would
    have opened at the first for a minute; the status says that there is none."""
    cell = launch(
        RESILIENCE_CIRCUIT_BREAKER_ENABLED="false",
        METRICS_PERSISTER_CIRCUIT_BREAKER_THRESHOLD="1",
        METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT="60",
        METRICS_PERSISTER_RETRY_BACKOFF_FACTOR="1",
    )
    in_outage(scene, cell)
    first, second, third = gaps(tried(scene, 4))
    assert max(first, second) < 0.2 + SLACK
    assert PAUSE <= third < PAUSE + SLACK
    assert cell.store()["breaker"] == "off"
    over(scene, cell)


def test_no_retry(scene: Scene, launch: Launch) -> None:
    """RESILIENCE_RETRY_ENABLED=false: no second attempt before the pause between turns is over."""
    cell = launch(**NEVER, RESILIENCE_RETRY_ENABLED="false", METRICS_PERSISTER_RETRY_MAX_ATTEMPTS="10")
    in_outage(scene, cell)
    (gap,) = gaps(tried(scene, 2))
    assert PAUSE <= gap < PAUSE + SLACK
    over(scene, cell)


@pytest.mark.parametrize("most", [2, 5])
def test_max_attempts(scene: Scene, launch: Launch, most: int) -> None:
    """METRICS_PERSISTER_RETRY_MAX_ATTEMPTS: so many attempts come close together, then a pause."""
    cell = launch(
        **NEVER,
        METRICS_PERSISTER_RETRY_MAX_ATTEMPTS=str(most),
        METRICS_PERSISTER_RETRY_BACKOFF_FACTOR="1",
    )
    in_outage(scene, cell)
    *turn, pause = gaps(tried(scene, most + 1))
    assert all(0.2 <= gap < 0.2 + SLACK for gap in turn)
    assert PAUSE <= pause < PAUSE + SLACK
    over(scene, cell)


@pytest.mark.parametrize("factor", [1, 100])
def test_backoff_factor(scene: Scene, launch: Launch, factor: int) -> None:
    """METRICS_PERSISTER_RETRY_BACKOFF_FACTOR: attempts, a fifth of a second apart with a factor of 1, spread
    out with a large one."""
    cell = launch(
        **NEVER,
        METRICS_PERSISTER_RETRY_MAX_ATTEMPTS="9",
        METRICS_PERSISTER_RETRY_BACKOFF_FACTOR=str(factor),
    )
    in_outage(scene, cell)
    if factor == 1:
        times = tried(scene, 9)
        assert times[-1] - times[0] < 8 * 0.2 + SLACK
    else:
        # Waits are even between 0.2 and 20 s, and then 30 s: seven so short come once in a billion runs.
        with pytest.raises(TimeoutError):
            eventually(lambda: len(attempts(scene)) >= 9, "nine attempts", 8 * 0.2 + SLACK)
        # Nobody waits for the next one.
        cell.forebay.kill()
        scene.faults.clear()
        cell.forebay.start()
    over(scene, cell)


def test_no_persister(scene: Scene, launch: Launch) -> None:
    """RESILIENCE_METRICS_PERSISTER_ENABLED=false: the store is never called, metrics wait in the journal, and
    the status says so; started with it again, all are stored."""
    cell = launch(RESILIENCE_METRICS_PERSISTER_ENABLED="false")
    cell.ingest(500)
    store = cell.store()
    assert (store["state"], store["lag"]) == ("off", 500)
    assert cell.forebay.readiness() == 200
    cell.stop()
    assert scene.faults.count() == 0
    del cell.forebay.env["RESILIENCE_METRICS_PERSISTER_ENABLED"]
    cell.forebay.start()
    assert_whole(cell)


def test_no_graceful_shutdown(scene: Scene, launch: Launch) -> None:
    """RESILIENCE_GRACEFUL_SHUTDOWN_ENABLED=false: a store that hangs is not waited for, however long the
    time-out; nothing is lost."""
    cell = launch(
        RESILIENCE_GRACEFUL_SHUTDOWN_ENABLED="false",
        METRICS_PERSISTER_GRACEFUL_SHUTDOWN_TIMEOUT="30",
        FOREBAY_STORE_TIMEOUT="30",
    )
    with scene.faults.during(BlackHole()):
        cell.ingest(200)
        eventually(lambda: scene.faults.count(done="black-hole"), "the store hangs")
        cell.stop()
    assert cell.stopping < 15
    cell.forebay.start()
    assert_whole(cell)


@pytest.mark.parametrize("switch", ["METRICS_PERSISTER_DLQ_ENABLED", "RESILIENCE_DLQ_ENABLED"])
def test_no_dead_letters(scene: Scene, launch: Launch, switch: str) -> None:
    """Without a queue a metric that the database refuses blocks its cursor, and the status and the log say
    which and why; all before it is stored, kill and exit lose nothing; once the database takes it, so is the
    rest, in order."""
    cell = launch(**{switch: "false"})
    scene.sql("alter table metrics add constraint no_ohm check (unit <> 'ohm')")
    cell.ingest(100)
    blocked = len(cell.accepted)
    cell.ingest(25, unit="ohm")
    cell.ingest(100)

    def told() -> None:
        store = eventually(lambda: each if (each := cell.store())["state"] == "blocked" else None, "blocked")
        assert (store["error_kind"], store["lag"]) == ("poison", len(cell.accepted) - blocked)
        assert f"offset {cell.accepted[blocked][0]} " in store["last_error"]
        assert "dead-letter queue is switched off" in store["last_error"]
        assert scene.rows() == blocked

    told()
    assert "dead-letter queue is switched off" in json.dumps(cell.forebay.logged("takes no metrics"))
    cell.forebay.kill()
    cell.forebay.start()
    told()
    cell.stop()
    cell.forebay.start()
    told()
    assert cell.forebay.readiness() == 200
    assert cell.answers == {202}
    scene.sql("alter table metrics drop constraint no_ohm")
    assert_whole(cell)
