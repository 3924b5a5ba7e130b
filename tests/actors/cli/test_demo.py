from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.cli.demo_metrics import Fleet, is_burst
from actors.cli.demo_sender import PushedBack, Sender, Spurned, Taken, Unanswered, problem
from actors.cli.exits import CommandError
from journal.metric import Metric
from tests.actors.cli.peer import Peer, running_peer
from tests.actors.cli.test_shell import clean_environment, forebay

pytestmark = pytest.mark.slow  # whole systems or programs of their own

NOW = 1_800_000_000.0


@pytest.fixture
def peer() -> Iterator[Peer]:
    with running_peer() as peer:
        yield peer


@pytest.fixture
def sender(peer: Peer) -> Iterator[Sender]:
    sender = Sender(peer.url, {}, lambda _: None, sleep=lambda _: None)
    yield sender
    sender.close()


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 50))
def test_metrics_are_valid(seed: int, servers: int, size: int) -> None:
    """Every generated batch decodes as metrics of one source in order of time; a poisoned one does not."""
    fleet = Fleet(servers, Random(seed))
    batch = fleet.batch(size, NOW)
    decoded = msgspec.json.decode(msgspec.json.encode(batch), type=list[Metric])
    assert len(decoded) == size
    assert len({(metric.source, metric.session) for metric in decoded}) == 1
    times = [metric.time for metric in decoded]
    assert times == sorted(times)  # type: ignore[type-var]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(fleet.poison(batch)), type=list[Metric])


def test_all_kinds_and_sources_take_part() -> None:
    """In a few thousand metrics every kind is there, from every source, and counters never fall."""
    fleet = Fleet(3, Random(1))
    metrics = [metric for second in range(60) for metric in fleet.batch(100, NOW + second)]
    assert {metric["kind"] for metric in metrics} == {"gauge", "counter", "timer", "histogram", "event"}
    assert {metric["source"] for metric in metrics} == {"gpu-1", "gpu-2", "gpu-3"}
    for source in ("gpu-1", "gpu-2", "gpu-3"):
        values = [m["value"] for m in metrics if (m["source"], m["name"]) == (source, "tokens.generated")]
        assert values == sorted(values)


def test_a_seed_repeats() -> None:
    """The same seed makes the same metrics."""
    assert Fleet(2, Random(5)).batch(50, NOW) == Fleet(2, Random(5)).batch(50, NOW)


def test_bursts() -> None:
    """Three of every twenty seconds are a burst."""
    assert sum(is_burst(tenth / 10) for tenth in range(400)) == 60


def test_a_lost_connection_doubles_nothing(peer: Peer, sender: Sender) -> None:
    """Lost before or after the server took it, a batch is sent again with its key and stored once."""
    peer.faults = ["drop before", "drop after", "busy"]
    batch = Fleet(1, Random(1)).batch(10, NOW)
    outcome = sender.send(batch, "k")
    assert isinstance(outcome, Taken)
    assert (outcome.accepted, len(peer.metrics), peer.posts, sender.retries) == (10, 10, 4, 3)


def test_outcomes(peer: Peer, sender: Sender) -> None:
    """Each answer is told apart, and the wait that the server asks for is kept."""
    fleet = Fleet(1, Random(1))
    batch = fleet.batch(3, NOW)
    peer.faults = ["busy", "drop before"]
    assert sender.attempt(batch, "a") == PushedBack(1.0, "503: the mailbox is full")
    assert isinstance(sender.attempt(batch, "a"), Unanswered)
    assert isinstance(sender.attempt(fleet.poison(batch), "b"), Spurned)
    assert isinstance(sender.attempt(batch, "a"), Taken)


def test_what_no_attempt_would_change_is_an_error(peer: Peer) -> None:
    """A token that is refused ends the demo at the first attempt."""
    peer.token = "right"
    sender = Sender(peer.url, {"Authorization": "Bearer wrong"}, lambda _: None)
    with pytest.raises(CommandError, match="FOREBAY_TOKEN"):
        sender.send(Fleet(1, Random(1)).batch(1, NOW), "k")
    sender.close()
    assert peer.posts == 1


def test_problem_names_the_item() -> None:
    """Of a problem+json the first guilty item is told; of anything else, its beginning."""
    body = b'{"title":"Bad Request","errors":[{"index":3,"field":"value","reason":"must be finite"}]}'
    assert problem(body) == "metric 3, value: must be finite"
    assert problem(b'{"title":"Busy"}') == "Busy"
    assert problem(b"<html>\nno") == "<html> no"


@pytest.mark.slow
def test_sends_at_the_rate_and_accounts_for_all(peer: Peer, tmp_path: Path) -> None:
    """The summary agrees with what the server holds: accepted is stored, poison refused."""
    peer.faults = ["drop after", "busy"]
    done = forebay(
        *("demo", "--url", peer.url, "--rate", "300", "--burst", "1", "--duration", "3s"),
        *("--poison", "0.2", "--seed", "7", "--json"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert summary["accepted"] == len(peer.metrics) > 0
    assert summary["refused"] > 0
    assert summary["sent"] == summary["accepted"] + summary["refused"]
    assert 300 <= summary["sent"] <= 1000
    assert summary["retries"] == 2


def test_ctrl_c_ends_with_a_summary(peer: Peer, tmp_path: Path) -> None:
    """SIGINT is the usual way to stop it: exit code 0, a summary, no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "actors", "demo", "--url", peer.url],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while peer.posts < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert f"accepted {len(peer.metrics):,} + refused 0" in out
    assert "\x1b" not in out


def test_refused_valid_metrics_are_a_failure(peer: Peer, tmp_path: Path) -> None:
    """A server that refuses what is valid makes the exit code 1, and the reason is shown."""
    peer.refuse_all = True
    done = forebay("demo", "--url", peer.url, "--duration", "300ms", cwd=tmp_path)
    assert done.returncode == 1
    assert "last refusal: metric 0, value: must be a finite number" in done.stdout


def test_refused_poison_is_none(peer: Peer, tmp_path: Path) -> None:
    """What was poisoned on purpose may be refused: the exit code stays 0, and nothing is stored."""
    done = forebay(
        *("demo", "--url", peer.url, "--poison", "1", "--duration", "300ms"),
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert "last refusal: metric" in done.stdout
    assert peer.metrics == []
