"""PURE: the tree as data, and every decision that supervision makes.

The words are OTP's (stdlib `supervisor`, "Supervision Principles"); they are defined in the package's
docstring.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from .actor import Actor, Worker
from .mailbox import Overflow

RestartKind: TypeAlias = Literal["permanent", "transient", "temporary"]
Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one"]
History: TypeAlias = tuple[tuple[float, str], ...]
"""Restarts within the period, oldest first: when, by the monotonic clock, and of which child."""


class InvalidSpec(ValueError):
    """A child or supervisor spec makes no sense; the message says which value and what is allowed."""

    def __init__(self, child: str, problem: str) -> None:
        super().__init__(f"spec of {child!r}: {problem}")


class Backoff(msgspec.Struct, frozen=True):
    """How long to wait before the nth restart of a child within the period.

    `first * factor ** (n - 1)` seconds, at most `longest`, of which a random part, up to the share
    `jitter` (0 to 1), is taken off so that children that died together do not return together.
    """

    first: float = 0.1
    factor: float = 2.0
    longest: float = 5.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if not (0 <= self.first <= self.longest and self.factor >= 1 and 0 <= self.jitter <= 1):
            raise InvalidSpec("backoff", "needs 0 <= first <= longest, factor >= 1 and 0 <= jitter <= 1")

    def delay(self, attempt: int, chance: float) -> float:
        """Seconds before restart number `attempt` (from 1), given a random `chance` in [0, 1]."""
        whole = self.first
        for _ in range(attempt - 1):
            if whole >= self.longest:
                break
            whole *= self.factor
        return min(whole, self.longest) * (1 - self.jitter * chance)


class ChildSpec(msgspec.Struct, frozen=True):
    """An actor or worker of the tree: how to make it, when to restart it, how its mailbox behaves.

    `start` makes a new one for every incarnation. `shutdown` is the seconds that it is given to deal with
    the rest of its mail (a worker: to return from `run`) before it is cancelled, and its `stopped` once
    more. `capacity` messages may wait; `overflow` says what becomes of one that comes when the mailbox is
    full: "wait" holds up the sender, "reject" raises MailboxFull, "drop-oldest" drops and counts. A batch
    has at most `max_batch` messages.
    """

    id: str
    start: Callable[[], Actor[Any] | Worker]
    restart: RestartKind = "permanent"
    shutdown: float = 5.0
    capacity: int = 1024
    overflow: Overflow = "wait"
    max_batch: int = 1024

    def __post_init__(self) -> None:
        _check_id(self.id)
        if self.capacity < 1 or self.max_batch < 1:
            raise InvalidSpec(self.id, "capacity and max_batch must be at least 1")
        if not self.shutdown >= 0:
            raise InvalidSpec(self.id, "shutdown must be 0 seconds or more")


class SupervisorSpec(msgspec.Struct, frozen=True):
    """A supervisor of the tree: its children in the order of their start, and what it does when one ends.

    More than `intensity` restarts within `period` seconds, and it gives up. As a child itself it has
    `restart` and `shutdown` like any other; by default it waits for its children however long theirs are.
    """

    id: str
    children: tuple[ChildSpec | SupervisorSpec, ...]
    strategy: Strategy = "one_for_one"
    intensity: int = 3
    period: float = 5.0
    backoff: Backoff = Backoff()
    restart: RestartKind = "permanent"
    shutdown: float = math.inf

    def __post_init__(self) -> None:
        _check_id(self.id)
        ids = [child.id for child in self.children]
        for child in ids:
            if ids.count(child) > 1:
                raise InvalidSpec(self.id, f"two children are called {child!r}")
        if self.intensity < 0 or not self.period > 0:
            raise InvalidSpec(self.id, "intensity must be 0 or more, period more than 0 seconds")


def _check_id(child: str) -> None:
    if not child or "/" in child:
        raise InvalidSpec(child, "an id is not empty and has no slash in it")


class RestartAfter(msgspec.Struct, frozen=True):
    """Restart after `delay` seconds, and remember `history`."""

    delay: float
    history: History


class GiveUp(msgspec.Struct, frozen=True):
    """Too many restarts: end, and let the parent decide."""


def is_restarted(restart: RestartKind, *, failed: bool) -> bool:
    """Whether a child that ended, by failure or of its own accord, is to be restarted."""
    match restart:
        case "permanent":
            return True
        case "transient":
            return failed
        case "temporary":
            return False


def decide(
    spec: SupervisorSpec, history: History, child: str, now: float, chance: float
) -> RestartAfter | GiveUp:
    """What a supervisor does about `child`, which has ended at `now` and is to be restarted.

    `history` is that of the last decision; `chance` is a random number in [0, 1]. The backoff grows with
    the restarts of this child, the intensity counts those of all children.
    """
    recent = (*((at, who) for at, who in history if at > now - spec.period), (now, child))
    if len(recent) > spec.intensity:
        return GiveUp()
    attempt = sum(who == child for _, who in recent)
    return RestartAfter(spec.backoff.delay(attempt, chance), recent)


def affected(strategy: Strategy, children: Sequence[str], ended: str) -> Sequence[str]:
    """Which of `children`, in the order of their start, are restarted when `ended` has ended."""
    match strategy:
        case "one_for_one":
            return [ended]
        case "one_for_all":
            return list(children)
        case "rest_for_one":
            return list(children)[children.index(ended) :]
