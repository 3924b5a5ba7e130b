"""Flags in the real process: through a kill, over rolled segments, and back in time."""

from __future__ import annotations

import json
from typing import Any

from tests.process.forebay import Forebay, numbers

TRANSPORT = "dashboard.transport"


def told(forebay: Forebay, *arguments: str) -> Any:
    """What `forebay flags …` prints as JSON."""
    done = forebay.command("flags", *arguments, "--json", "--url", forebay.url)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def then(forebay: Forebay, offset: int) -> Any:
    """The flags as of `offset`."""
    return forebay.get(f"/api/state?offset={offset}").raise_for_status().json()["state"]["flags"]


def test_a_decision_survives_a_kill_and_is_seen_back_in_time(forebay: Forebay) -> None:
    """What was answered holds after SIGKILL, with the segment gone in which it was decided; each decision is
    there as of its own time, and who is in the rollout stays the same."""
    told(forebay, "set", TRANSPORT, "dual", "--rollout", "50")
    first = forebay.status()["journal"]["next_offset"]
    told(forebay, "set", TRANSPORT, "realtime", "--session", "s-1")
    second = forebay.status()["journal"]["next_offset"]
    for begin in range(0, 60_000, 3_000):
        forebay.post(numbers(begin, 3_000)).raise_for_status()
    assert forebay.status()["journal"]["segments"] > 1
    given = [told(forebay, "ls", "--session", f"s-{number}")["flags"] for number in range(1, 5)]
    assert told(forebay, "set", "dashboard.websocket", "off")["value"] is False
    forebay.kill()
    forebay.start()
    assert told(forebay, "show", "dashboard.websocket")["value"] is False
    told(forebay, "reset", "dashboard.websocket")
    assert given == [told(forebay, "ls", "--session", f"s-{number}")["flags"] for number in range(1, 5)]
    assert [flag["value"] for flag in given[0] if flag["name"] == TRANSPORT] == ["realtime"]
    assert then(forebay, 0) == {}
    assert then(forebay, first)[TRANSPORT]["overrides"] == {}
    assert then(forebay, second)[TRANSPORT]["overrides"] == {"s-1": "realtime"}
