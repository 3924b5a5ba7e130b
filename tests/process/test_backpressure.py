"""More comes in than can be written: the answer is 503, and memory stays flat."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.process.conftest import Launch
from tests.process.forebay import Forebay, eventually, numbers, say, writing_lock
from tests.process.senders import answer, request, sending

SMALL = {"FOREBAY_SEGMENT_BYTES": "1MiB"}
MIB = 1024 * 1024
SLOW = ("-m", "tests.process.slow_disk")


def test_a_stalled_disk_pushes_back(launch: Launch, tmp_path: Path) -> None:
    """With a disk that hangs: the mailbox fills, further requests get 503 with Retry-After at once, memory
    stays flat; when the disk goes on, every waiting request is answered, and what was accepted is stored."""
    gate = tmp_path / "gate"
    env = {**SMALL, "SLOW_WHILE": str(gate), "FOREBAY_INGEST_MAILBOX": "50"}
    forebay = launch(env=env, program=SLOW).start()
    forebay.post(numbers(0, 1000, "warm")).raise_for_status()
    before = forebay.resident()
    gate.touch()
    batch, connections = 1000, 200
    wires: list[socket.socket] = []
    try:
        for begin in range(connections):
            wire = socket.create_connection(("127.0.0.1", forebay.port), timeout=20)
            wire.sendall(request(list(range(begin * batch, (begin + 1) * batch))))
            wires.append(wire)
        refused = eventually(lambda: refusal(forebay), "a request is refused")
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["status"] == 503
        assert forebay.readiness() == 200
        for _ in range(2000):
            assert forebay.post(numbers(0, 100)).status_code == 503
        grown = forebay.resident() - before
        gate.unlink()
        statuses = [answer(wire.makefile("rb"))[0] for wire in wires]
    finally:
        gate.unlink(missing_ok=True)
        for wire in wires:
            wire.close()
    say(f"{statuses.count(202)} accepted, {statuses.count(503)} refused, grown by {grown / MIB:.1f} MiB")
    assert set(statuses) == {202, 503}
    assert grown < 50 * MIB
    forebay.drained()
    stored = forebay.rows("SELECT value FROM metrics WHERE name = 'n'")
    assert len(stored) == len(set(stored)) == statuses.count(202) * batch


def refusal(forebay: Forebay) -> httpx.Response | None:
    """A 503, or None where the request has to wait for its answer; then it is given up."""
    try:
        answer = httpx.post(
            f"{forebay.url}/api/metrics", json=numbers(0, 1, "probe"), timeout=0.5, trust_env=False
        )
    except httpx.TimeoutException:
        return None
    return answer if answer.status_code == 503 else None


def test_a_slow_disk_slows_and_loses_nothing(launch: Launch) -> None:
    """With 20 ms more for every sync: each answer is honoured, at SIGTERM too."""
    forebay = launch(env={**SMALL, "SLOW_SYNC": "0.02"}, program=SLOW).start()
    with sending(forebay.port, 16) as senders:
        eventually(lambda: sum(len(sender.accepted) for sender in senders) > 1000, "the load is on")
        assert forebay.terminate() == 0
    acknowledged = [value for sender in senders for value in sender.accepted]
    stored = forebay.values()
    assert len(set(stored)) == len(stored)
    assert set(acknowledged) <= set(stored)


@pytest.mark.slow
def test_memory_stays_flat_without_a_store(launch: Launch) -> None:
    """With the store locked away, two million metrics go to the journal and nowhere else: resident memory
    grows by less than 50 MB; afterwards the store gets them all."""
    forebay = launch(env={"FOREBAY_SEGMENT_BYTES": "16MiB"}).start()
    send(forebay.port, 0, 100_000)
    forebay.drained()
    with writing_lock(forebay.data / "forebay.db"):
        send(forebay.port, 100_000, 200_000)
        before = forebay.resident()
        began = time.monotonic()
        send(forebay.port, 200_000, 2_200_000)
        took = time.monotonic() - began
        grown = forebay.resident() - before
        assert forebay.store()["lag"] >= 2_000_000
    began = time.monotonic()
    forebay.drained(120)
    say(
        f"2,000,000 metrics in {took:.1f} s, memory {before / MIB:.0f} MiB and {grown / MIB:+.1f} MiB; "
        f"drained in {time.monotonic() - began:.1f} s"
    )
    assert grown < 50_000_000
    assert forebay.rows("SELECT count(*), count(DISTINCT value), max(value) FROM metrics") == [
        (2_200_000, 2_200_000, 2_199_999.0)
    ]


def send(port: int, begin: int, end: int, batch: int = 1000, connections: int = 4) -> None:
    """Post the numbers `[begin, end)` over several connections; every request must be accepted."""
    starts, lock = iter(range(begin, end, batch)), threading.Lock()
    failures: list[object] = []

    def post() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as wire, wire.makefile("rb") as lines:
            while not failures:
                with lock:
                    start = next(starts, None)
                if start is None:
                    return
                wire.sendall(request(list(range(start, min(start + batch, end)))))
                status, _ = answer(lines)
                if status != 202:
                    failures.append(status)

    threads = [threading.Thread(target=post) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
