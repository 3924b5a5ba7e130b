"""What the outage matrix does not meet: lost answers, restarts with an open breaker, neighbours, signals."""

from __future__ import annotations

import itertools
import signal
import statistics
import time

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
from tests.process.outages import PROMPT, Scene, assert_whole, inserting, slow
from tests.supabase.faults import BlackHole, ResetAfterCommit, Unavailable
from tests.supabase.keys import new_keys

__all__ = ["launch", "local_databases", "local_postgres", "local_supabase", "scene"]

BOTH = pytest.mark.parametrize("kind", ["supabase", "postgresql"])
SUPABASE = pytest.mark.parametrize("kind", ["supabase"])


class TestLostAnswers:
    @SUPABASE
    def test_the_answer_is_lost_after_the_commit(self, scene: Scene, launch: Launch) -> None:
        """PostgREST has committed and the connection is reset, three times: nothing is doubled."""
        cell = launch()
        scene.supabase.faults.add(ResetAfterCommit(), times=3, method="POST", path="/rest/v1/metrics")
        cell.ingest(600)
        eventually(lambda: scene.supabase.faults.count(done="reset-after-commit") == 3, "answers are lost")
        assert_whole(cell)

    @SUPABASE
    def test_the_client_gives_up_and_the_statement_goes_on(self, scene: Scene, launch: Launch) -> None:
        """A statement that outlives the store's time-out commits unheard, beside the next attempts at the
        same rows: nothing is doubled."""
        cell = launch(FOREBAY_STORE_TIMEOUT="1")
        with slow(scene, 1.5):
            cell.ingest(300)
            eventually(lambda: "no answer" in (cell.store()["last_error"] or ""), "the client gives up")
            eventually(lambda: scene.rows() > 0, "the statement has committed")
        assert_whole(cell)

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_a_black_hole_swallows_the_commit(self, scene: Scene, launch: Launch) -> None:
        """The native store's transaction commits and nobody hears of it: nothing is doubled."""
        cell = launch()
        with slow(scene, 0.7):
            cell.ingest(300)
            eventually(scene.is_writing, "a write is under way")
            lost = scene.supabase.db_faults.add(BlackHole())
            eventually(lambda: scene.rows() > 0, "it has committed")
        cell.ingest(100)
        eventually(lambda: cell.store()["last_error"], "nobody heard of it")
        scene.supabase.db_faults.remove(lost)
        assert_whole(cell)

    @BOTH
    def test_killed_while_a_statement_runs(self, scene: Scene, launch: Launch) -> None:
        """kill -9 while the database works on a batch, which then commits beside the next process's attempt
        at the same rows: nothing is doubled."""
        cell = launch()
        with slow(scene, 0.7):
            cell.ingest(300)
            eventually(scene.is_writing, "a write is under way")
            cell.forebay.kill()
            cell.forebay.start()
            cell.ingest(100)
        assert_whole(cell)


def apart(scene: Scene, pause: float) -> list[float]:
    """When the store was asked; never sooner than `pause` seconds after the last time."""
    times = [call.at for call in scene.faults.calls()]
    assert all(after - before >= pause - 0.1 for before, after in itertools.pairwise(times))
    return times


@BOTH
def test_a_restart_during_an_outage_probes_and_does_not_hammer(scene: Scene, launch: Launch) -> None:
    """Killed with an open breaker and started again, twice: nothing is asked of the store before the
    old time is up, and then no more than one probe a time-out."""
    pause = 2.5
    cell = launch(METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT=f"{pause:g}", FOREBAY_STORE_TIMEOUT="1")
    with scene.faults.during(Unavailable() if scene.kind == "supabase" else BlackHole()):
        scene.drop_connections()
        cell.ingest(100)
        for _ in range(2):
            store = eventually(lambda: cell.opened(), "the breaker opens")
            due = time.monotonic() + store["next_probe_at"] / 1e9 - time.time()
            eventually(lambda store=store: cell.noted(store["next_probe_at"]), "the journal has that, too")
            cell.forebay.kill()
            scene.faults.forget()
            cell.forebay.start()
            assert cell.store()["breaker"] != "closed"
            assert cell.store()["last_error"]
            eventually(scene.faults.calls, "a probe")
            assert apart(scene, pause)[0] >= due - 0.05
        eventually(lambda: scene.faults.count() >= 3, "three probes")
        apart(scene, pause)
    assert_whole(cell)


@SUPABASE
def test_one_store_in_a_black_hole_does_not_delay_the_other(scene: Scene, launch: Launch) -> None:
    """Bulkhead: with Supabase in a black hole, SQLite follows sooner than it gives up, mostly, and a POST
    does not wait for it."""
    cell = launch(FOREBAY_STORE="sqlite: supabase:")
    cell.ingest(500)
    cell.forebay.drained()
    cell.took.clear()
    followed: list[float] = []
    with scene.faults.during(BlackHole()):
        for _ in range(10):
            cell.ingest(100)
            began = time.monotonic()
            eventually(lambda: cell.forebay.store("sqlite")["lag"] == 0, "SQLite follows")
            followed.append(time.monotonic() - began)
        assert cell.store()["lag"] == 1000
        assert statistics.median(followed) < PROMPT
        assert statistics.median(cell.took) < PROMPT
        eventually(lambda: cell.store()["last_error"], "the outage is told")
        assert len(cell.forebay.values()) == 1500
    assert_whole(cell)
    assert cell.forebay.values() == [metric[2] for metric in cell.accepted]


class TestSignals:
    @BOTH
    @pytest.mark.parametrize("seconds", [1, 3])
    def test_sigterm_in_a_black_hole_leaves_in_time(self, scene: Scene, launch: Launch, seconds: int) -> None:
        """The write that hangs gets METRICS_PERSISTER_GRACEFUL_SHUTDOWN_TIMEOUT, no less, and not
        much more; exit code 0; the next process stores everything."""
        cell = launch(METRICS_PERSISTER_GRACEFUL_SHUTDOWN_TIMEOUT=str(seconds), FOREBAY_STORE_TIMEOUT="20")
        cell.ingest(100)
        cell.forebay.drained()
        with scene.faults.during(BlackHole()):
            cell.ingest(200)
            cell.stop()
        assert seconds - 0.1 <= cell.stopping < seconds + 10
        cell.forebay.start()
        assert_whole(cell)

    @BOTH
    def test_a_second_signal_leaves_at_once(self, scene: Scene, launch: Launch) -> None:
        """While it waits for a black hole, the second SIGTERM ends it; nothing is lost."""
        cell = launch(METRICS_PERSISTER_GRACEFUL_SHUTDOWN_TIMEOUT="20", FOREBAY_STORE_TIMEOUT="20")
        with scene.faults.during(BlackHole()):
            cell.ingest(200)
            eventually(lambda: scene.faults.count(done="black-hole"), "the store hangs")
            cell.forebay.signal(signal.SIGTERM)
            eventually(lambda: cell.forebay.logged("stopping"), "it stops")
            began = time.monotonic()
            cell.forebay.signal(signal.SIGTERM)
            assert cell.forebay.wait() == 128 + signal.SIGTERM
            assert time.monotonic() - began < 10
        cell.forebay.start()
        assert_whole(cell)


@SUPABASE
def test_started_with_the_key_of_another_project(scene: Scene, launch: Launch) -> None:
    """The process is ready and takes metrics, says which variable is wrong and not what is in it; started
    again with the right key, it stores them."""
    key = new_keys().service_role
    cell = launch(SUPABASE_SERVICE_ROLE_KEY=key)
    cell.ingest(200)
    store = eventually(lambda: cell.opened(), "the breaker opens")
    assert (store["state"], store["error_kind"]) == ("blocked", "denied")
    assert "SUPABASE_SERVICE_ROLE_KEY" in store["last_error"]
    assert key not in cell.shown + cell.forebay.log()
    assert cell.forebay.readiness() == 200
    cell.stop()
    cell.forebay.env["SUPABASE_SERVICE_ROLE_KEY"] = scene.supabase.service_role_key
    cell.forebay.start()
    assert_whole(cell)


@SUPABASE
def test_a_lock_that_outlasts_every_attempt_is_weather(scene: Scene, launch: Launch) -> None:
    """A table that is locked until single metrics have used up their attempts, and then is not: they are
    tried once more before they are taken to be at fault, and are no dead letters."""
    cell = launch(FOREBAY_STORE_BATCH_ROWS="2", METRICS_PERSISTER_RETRY_MAX_ATTEMPTS="1")
    with inserting(scene, "raise exception using errcode = '55P03', message = 'lock timeout'"):
        cell.ingest(25)
        # The first two together, and the first alone.
        eventually(lambda: scene.faults.count("POST", "/rest/v1/metrics") >= 2, "all attempts have failed")
    assert_whole(cell)


@BOTH
def test_tables_made_anew_under_a_running_process(scene: Scene, launch: Launch) -> None:
    """Emptied tables, cursors and all, while nobody was writing: with the next metrics the journal fills them
    from its beginning, without a restart."""
    cell = launch()
    cell.ingest(500)
    cell.forebay.drained()
    scene.sql("truncate metrics, cursors, streams")
    first = cell.accepted[0][0]

    def filled() -> bool:
        cell.ingest(25)
        return scene.sql(f'select 1 from metrics where "offset" = {first}') != ""

    eventually(filled, "the journal fills the tables")
    assert_whole(cell)
