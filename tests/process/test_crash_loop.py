"""Killed at any moment, again and again: nothing that was acknowledged is lost, nothing is there twice.

`FOREBAY_CRASH_LOOPS=500` makes the long run of it, `FOREBAY_CRASH_SEED=N` repeats one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.process.conftest import Launch
from tests.process.forebay import ROOT, Forebay, environment, say
from tests.process.poster import metric

LOOPS = int(os.environ.get("FOREBAY_CRASH_LOOPS", "12"))
SEED = int(os.environ.get("FOREBAY_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
STARTING = 0.5
"""Seconds within which a kill hits the interpreter's start, or recovery, or the first requests."""
RETIRING = 6.0
"""Seconds after which a process has retired segments once."""


class Reply(NamedTuple):
    """A 202, as the poster wrote it down."""

    key: str
    first: int
    count: int
    offset: int
    sent: int


@contextmanager
def posting(forebay: Forebay, seed: int) -> Iterator[Path]:
    """The poster at work during the block; at its end every keyed request has its answer."""
    ledger = forebay.home / "ledger"
    poster = subprocess.Popen(
        [sys.executable, "-m", "tests.process.poster", str(forebay.port), str(ledger), str(seed)],
        cwd=ROOT,
        env=environment({}),
        start_new_session=True,
    )
    try:
        yield ledger
        poster.send_signal(signal.SIGTERM)
        assert poster.wait(60) == 0
    finally:
        poster.kill()
        poster.wait()


class Moment(NamedTuple):
    """When a process is killed: so many seconds after its start, or after it said that it is ready."""

    seconds: float
    ready: bool


def moments(loops: int, chance: random.Random) -> list[Moment]:
    """Two of five hit the interpreter's start or recovery; one in sixteen lives to retire segments."""
    return [
        Moment(RETIRING + chance.random(), True)
        if at % 16 == 5
        else Moment(chance.uniform(0.0, STARTING), False)
        if at % 5 in (1, 3)
        else Moment(chance.uniform(0.0, chance.choice((0.05, 0.8))), True)
        for at in range(loops)
    ]


def check(forebay: Forebay, replies: list[Reply]) -> tuple[int, int]:
    """Each acknowledged metric is stored once, where the reply said, as it was sent. Returns how many
    were acknowledged, and how many are stored."""
    stored = forebay.rows(
        'SELECT "offset", name, value, time, kind, unit, source, session, attributes FROM metrics'
    )
    by_number = {int(row[2]): row for row in stored}
    doubled = [number for number, times in Counter(int(row[2]) for row in stored).items() if times > 1]
    assert not doubled, f"{len(doubled)} metrics are stored twice, such as {sorted(doubled)[:5]}"
    for row in stored:
        assert as_sent(row) == metric(int(row[2])), "a stored metric differs from what was sent"
    acknowledged = 0
    for reply in replies:
        for number in range(reply.first, reply.first + reply.count):
            assert number in by_number, f"metric {number} of {reply} was acknowledged and is lost"
            assert by_number[number][0] == reply.offset + number - reply.first, f"{number} of {reply} moved"
            acknowledged += 1
    keys = Counter(reply.key for reply in replies if reply.key)
    assert set(keys.values()) <= {1}, "the poster repeated a request that had been answered"
    return acknowledged, len(stored)


def as_sent(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row of the store as the client would have written it."""
    _, name, value, time_, kind, unit, source, session, attributes = row
    return {
        "name": name,
        "value": value,
        "time": time_,
        "kind": kind,
        "unit": unit,
        "source": source,
        "session": session,
        "attributes": json.loads(attributes),
    }


def crash_loop(forebay: Forebay, loops: int) -> None:
    chance = random.Random(SEED)
    began = time.monotonic()
    before_ready = 0
    with posting(forebay, SEED) as ledger:
        for moment in moments(loops, chance):
            (forebay.start if moment.ready else forebay.spawn)()
            # The moment is the point here, not a condition: this is no wait for something to happen.
            time.sleep(moment.seconds)
            assert forebay.code is None, f"left by itself with {forebay.code}:\n{forebay.log()[-4000:]}"
            before_ready += forebay.readiness() != 200
            forebay.kill()
        forebay.start()
    status = forebay.drained(120)
    assert status["pending"] == 0
    assert forebay.terminate() == 0
    replies = [Reply(*json.loads(line)) for line in ledger.read_text().splitlines()]
    acknowledged, stored = check(forebay, replies)
    repeated = sum(reply.sent > 1 for reply in replies)
    torn, retired = len(forebay.logged("unfinished")), len(forebay.logged("segments retired"))
    say(
        f"seed {SEED}: {loops} kills in {time.monotonic() - began:.0f} s, {before_ready} before ready; "
        f"{acknowledged} metrics acknowledged, {stored} stored; {repeated} requests repeated, "
        f"{torn} torn tails, {retired} retirements"
    )
    assert acknowledged > 0
    assert stored == status["accepted"], "stored is not what the journal counts as accepted"
    audit = forebay.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr


SMALL = {"FOREBAY_SEGMENT_BYTES": "1MiB", "FOREBAY_KEEP_BYTES": "0"}


def test_kills_with_rolls_and_retirement(launch: Launch) -> None:
    """Killed 12 times, or as often as FOREBAY_CRASH_LOOPS says, with small segments that roll and retire:
    each acknowledged metric is stored once, as it was sent, and the audit balances."""
    forebay = launch(env=SMALL)
    crash_loop(forebay, LOOPS)
    assert LOOPS < 24 or forebay.logged("segments retired"), (
        "no segment was ever retired: not what is claimed"
    )
