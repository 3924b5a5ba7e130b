"""How a store is fed: a Decider over what its attempts came to.

    Opening ──opened──▶ Feeding ◀──stored── Feeding
       │                  │  ▲
       └──failed──▶ Waiting ─┘ time is up (reopening, where the connection may be to blame)

Nothing is ever skipped: whatever fails is tried again, from the same offset. While the circuit breaker is
open nothing is tried at all (persistence/breaker.py); which rows of a refused batch are to blame is found
out by core/search.py.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, assert_never

import msgspec

from journal.metric import Offset

ErrorKind: TypeAlias = Literal["outage", "throttled", "transient", "poison", "denied", "corrupt", "queue"]
"""Of a store, as its errors are; "corrupt": the journal cannot be read; "queue": the dead-letter queue cannot
take what the store refused."""

LONGEST_WAIT = 30.0
"""Seconds between two attempts of a turn, at most."""

PAUSE = 5.0
"""Seconds between two turns of attempts."""


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
    """Attempts come in turns of `max_attempts`, PAUSE apart. Within a turn, seconds before attempt n + 1:
    `first * factor ** (n - 1)`, at most LONGEST_WAIT, fully jittered but never below `first` (AWS
    Architecture Blog, "Exponential Backoff And Jitter").

    With `max_attempts` 1 there is no retry: each attempt is a turn.
    """

    first: float = 0.2
    factor: float = 2.0
    max_attempts: int = 3

    def wait(self, attempts: int, chance: float, retry_after: float | None) -> float:
        """Seconds to wait after `attempts` failures in a row, not less than the store asked for."""
        of_turn = (attempts - 1) % self.max_attempts + 1
        if of_turn == self.max_attempts:
            return max(PAUSE, retry_after or 0.0)
        longest = self.first
        for _ in range(of_turn - 1):
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


def next_step(state: State, now: float, held: float | None) -> Step:
    """What to do next, at `now`, where the breaker lets nothing through for `held` more seconds. 0: it lets a
    probe through, however long the wait would still be; None: it has nothing to say."""
    if held:
        return Rest(held)
    match state:
        case Opening():
            return Open()
        case Feeding(cursor=cursor):
            return Feed(cursor)
        case Waiting(until=until) if now < until and held is None:
            return Rest(until - now)
        case Waiting(cursor=cursor, kind=kind):
            # Whoever was away, or refused us, may have come back with another cursor; and where the journal
            # could not be read, what is settled is counted anew.
            return Open() if cursor is None or kind in ("outage", "denied", "corrupt") else Feed(cursor)
        case _:
            assert_never(state)
