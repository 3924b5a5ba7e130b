"""How a store is fed: a Decider over what its attempts came to.

    Opening ──opened──▶ Feeding ◀──stored── Feeding
       │                  │  ▲
       └──failed──▶ Waiting ─┘ time is up (reopening, where the connection may be to blame)

Nothing is ever skipped: whatever fails is tried again, from the same offset.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, assert_never

import msgspec

from journal.metric import Offset

ErrorKind: TypeAlias = Literal["outage", "throttled", "transient", "poison", "denied", "corrupt"]

LONGEST_WAIT = 30.0
"""Seconds between attempts, at most, however long the store stays away."""


class Opening(msgspec.Struct, frozen=True):
    """The store has not told its cursor yet."""

    attempts: int = 0


class Feeding(msgspec.Struct, frozen=True):
    """The store holds everything before `cursor`. It has been reopened after `attempts` failures in a row,
    the last of them `error`, and has yet to take something."""

    cursor: Offset
    attempts: int = 0
    error: str | None = None


class Waiting(msgspec.Struct, frozen=True):
    """The last attempt failed; the next is due at `until`, in seconds of the monotonic clock."""

    cursor: Offset | None
    attempts: int
    until: float
    kind: ErrorKind
    error: str


State: TypeAlias = Opening | Feeding | Waiting


class Opened(msgspec.Struct, frozen=True):
    """The store is open and holds everything before `cursor`."""

    cursor: Offset


class Stored(msgspec.Struct, frozen=True):
    """The store holds everything before `cursor` now."""

    cursor: Offset


class Failed(msgspec.Struct, frozen=True):
    """An attempt failed at `now` (monotonic seconds); `chance` in [0, 1] spreads the next one."""

    kind: ErrorKind
    error: str
    now: float
    chance: float
    retry_after: float | None = None


Event: TypeAlias = Opened | Stored | Failed


class Open(msgspec.Struct, frozen=True):
    """Open the store."""


class Feed(msgspec.Struct, frozen=True):
    """Write the next batch from `cursor`."""

    cursor: Offset


class Rest(msgspec.Struct, frozen=True):
    """Do nothing for `seconds`."""

    seconds: float


Step: TypeAlias = Open | Feed | Rest


class RetryPolicy(msgspec.Struct, frozen=True):
    """Seconds before attempt n: `first * factor ** (n - 1)`, at most LONGEST_WAIT, fully jittered but never
    below `first` (AWS Architecture Blog, "Exponential Backoff And Jitter")."""

    first: float = 0.2
    factor: float = 2.0

    def wait(self, attempts: int, chance: float, retry_after: float | None) -> float:
        """Seconds to wait after `attempts` failures in a row, not less than the store asked for."""
        longest = self.first
        for _ in range(attempts - 1):
            longest = min(longest * self.factor, LONGEST_WAIT)
        return max(self.first, longest * chance, retry_after or 0.0)


PRESSED = 0.8
"""Share of the time, of waiting and of processor alike, from which on the process is pressed."""

COURTESY = 9.0
"""How many times as long as its last write took a store rests while the process is pressed."""

LONGEST_COURTESY = 1.0
"""Seconds, so that a store moves even while everything is busy for days."""


class Pressure(msgspec.Struct, frozen=True):
    """Shares, 0 to 1, of a stretch of time: `waited`, that some append waited for its commit; `processor`,
    that the processors worked for this process."""

    waited: float
    processor: float


def courtesy(took: float, pressure: Pressure) -> float:
    """Seconds to rest after a write of `took` seconds.

    When clients wait and there is no processor to spare, accepting comes before storing: what is not
    stored yet is safe in the journal, what is not accepted yet is not. Resting, and not a lower priority
    of the store's thread: that would be put off by other programs while it holds the interpreter, and
    hold up everybody.
    """
    if pressure.waited < PRESSED or pressure.processor < PRESSED:
        return 0.0
    return min(COURTESY * took, LONGEST_COURTESY)


def evolve(state: State, event: Event, policy: RetryPolicy) -> State:
    """The state after `event`."""
    match event:
        case Stored(cursor=cursor):
            return Feeding(cursor)
        case Opened(cursor=cursor):
            # That it opens does not mean that it takes anything: a full disk does the one and not the other.
            return Feeding(cursor, state.attempts, state.error if isinstance(state, Waiting) else None)
        case Failed():
            attempts = state.attempts + 1
            until = event.now + policy.wait(attempts, event.chance, event.retry_after)
            cursor = None if isinstance(state, Opening) else state.cursor
            return Waiting(cursor, attempts, until, event.kind, event.error)
        case _:
            assert_never(event)


def next_step(state: State, now: float) -> Step:
    """What to do next, at `now`."""
    match state:
        case Opening():
            return Open()
        case Feeding(cursor=cursor):
            return Feed(cursor)
        case Waiting(until=until) if now < until:
            return Rest(until - now)
        case Waiting(cursor=cursor, kind=kind):
            # Whoever was away, or refused us, may have come back with another cursor.
            return Open() if cursor is None or kind in ("outage", "denied") else Feed(cursor)
        case _:
            assert_never(state)
