"""Time travel in the real process: what the state was is told later too, over HTTP and offline."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from random import Random
from typing import Any

import httpx

from tests.process.forebay import Forebay, eventually, numbers

Launch = Callable[..., Forebay]


def state(forebay: Forebay, query: str = "") -> dict[str, Any]:
    return forebay.get(f"/api/state{query}").raise_for_status().json()


def printed(forebay: Forebay, *arguments: object) -> dict[str, Any]:
    """What `journal replay --print-state` says of the same journal."""
    words = [str(each) for each in arguments]
    done = forebay.command("journal", "replay", str(forebay.data), "--print-state", "--json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_what_was_the_state_stays_so(forebay: Forebay) -> None:
    """Over rolled segments, a SIGKILL and a restart, each state seen once is what is told of it later: by
    offset, by time, over HTTP from the process that runs, and offline."""
    seen: list[dict[str, Any]] = []
    for begin in range(0, 120_000, 3000):
        forebay.post(numbers(begin, 3000)).raise_for_status()
        seen.append(state(forebay))
    forebay.drained()
    assert forebay.status()["journal"]["segments"] > 2
    forebay.kill()
    forebay.start()
    for then in seen:
        found = state(forebay, f"?offset={then['offset']}")
        assert found["state"] == then["state"]
        assert found["offset"] == then["offset"]
        assert found["next_offset"] >= seen[-1]["offset"]
        about = [state(forebay, f"?time={found['time'] + after}") for after in (0, 1)]
        assert about[0]["offset"] <= found["offset"] <= about[1]["offset"]
        for each in about:
            assert each["state"] == state(forebay, f"?offset={each['offset']}")["state"]
    running = printed(forebay, "--until", seen[7]["offset"])
    assert running["state"] == seen[7]["state"]
    forebay.terminate()
    stopped = printed(forebay, "--full")
    assert stopped["state"]["clean"] is True
    assert stopped["state"]["accepted"] == 120_000
    assert printed(forebay, "--until", seen[7]["offset"])["state"] == seen[7]["state"]


def test_a_slider_beside_ingest(forebay: Forebay) -> None:
    """While one client sends and another asks for states of the past, hanging up on most of them, both are
    served: nothing is refused, and every state that is told is right."""
    stop = threading.Event()
    sent = 0

    def send() -> None:
        nonlocal sent
        while not stop.is_set():
            forebay.post(numbers(sent, 500)).raise_for_status()
            sent += 500

    sender = threading.Thread(target=send)
    sender.start()
    try:
        eventually(lambda: sent >= 20_000, "20,000 metrics are sent")
        random = Random(5)
        with httpx.Client(base_url=forebay.url, trust_env=False) as client:
            for turn in range(60):
                offset = random.randrange(forebay.status()["journal"]["next_offset"])
                if turn % 3:
                    try:
                        client.get(f"/api/state?offset={offset}", timeout=0.002)
                    except httpx.TimeoutException:
                        continue
                told = client.get(f"/api/state?offset={offset}", timeout=10).raise_for_status().json()
                assert told["offset"] == offset
                # Metrics, and one event at least for each segment's snapshot.
                assert told["state"]["accepted"] + told["state"]["events"] == offset
    finally:
        stop.set()
        sender.join()
    forebay.drained()
    assert forebay.values() == list(range(sent))
    forebay.signal(signal.SIGTERM)
    assert forebay.wait() == 0
