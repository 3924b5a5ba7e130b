"""How Forebay is, field by field as in the answer of `GET /api/status` and in status frames."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from journal.events import Durability
from journal.metric import Nanoseconds, Offset


class JournalStatus(msgspec.Struct, frozen=True):
    """The journal at a glance; `free_bytes` is the room left on its disk, which lasts for `full_in` seconds
    if it goes on as in the last minutes; None: it does not grow."""

    id: str
    first_offset: Offset
    next_offset: Offset
    segments: int
    bytes: int
    free_bytes: int
    durability: Durability
    state: Literal["writable", "full", "failed"]
    full_in: float | None = None


class StoreStatus(msgspec.Struct, frozen=True):
    """A store at a glance; `lag` is metrics accepted and not yet in it, `lag_seconds` how long the oldest of
    them has waited.

    `state` is "off" where persistence is switched off, `breaker` "off" where that is. The breaker has stood
    so since `breaker_since`; an open one lets a probe through at `next_probe_at`. `attempts` have failed in
    a row since `failing_since`, the last with `last_error` of the kind `error_kind`. `missing` metrics had
    been retired from the journal before this store could have them; at most `lost` more were lost with a
    damage of the journal before that. Points in time are nanoseconds, 0 where there is none.
    """

    name: str
    cursor: Offset
    lag: int
    persisted: int
    breaker: Literal["closed", "open", "half-open", "off"]
    state: Literal["starting", "following", "catching-up", "waiting", "blocked", "off"]
    last_error: str | None
    lag_seconds: float = 0.0
    dead_lettered: int = 0
    breaker_since: Nanoseconds = 0
    next_probe_at: Nanoseconds = 0
    attempts: int = 0
    error_kind: str | None = None
    failing_since: Nanoseconds = 0
    missing: int = 0
    lost: int = 0
    breaker_by: Literal["", "hand"] = ""
    """hand: a person opened the breaker, and it stays open until a person closes it."""


class DeadLetterStatus(msgspec.Struct, frozen=True):
    """The dead-letter queue at a glance: how many wait, of at most `limit`, the oldest since `oldest_at`
    and, if nothing happens to it, until `expires_at` (nanoseconds; 0: none waits); how many of them are on
    their way back to their store; how many have left since the journal began, and how."""

    pending: int
    limit: int = 0
    oldest_at: Nanoseconds = 0
    redriving: int = 0
    redriven: int = 0
    discarded: int = 0
    expired: int = 0
    enabled: bool = True
    expires_at: Nanoseconds = 0


class ActorStatus(msgspec.Struct, frozen=True):
    """One actor of the tree; `mailbox` messages wait of at most `capacity`."""

    name: str
    path: str
    kind: Literal["supervisor", "actor", "worker"]
    state: Literal["starting", "running", "restarting", "stopping", "stopped", "failed"]
    mailbox: int
    capacity: int
    processed: int
    dropped: int
    restarts: int
    last_error: str | None
    children: list[ActorStatus]


class RealtimeStatus(msgspec.Struct, frozen=True):
    """Publishing on Supabase Realtime at a glance; messages and bytes are those of the last second.

    off: not configured, or switched off · idle: nobody holds a ticket · connecting: nothing has been
    published yet · publishing · failing: the last batch was not taken, for `last_error`. `published` and
    `dropped` count messages since the process began; what was dropped is told of as a gap.
    """

    state: Literal["off", "idle", "connecting", "publishing", "failing"] = "off"
    breaker: Literal["closed", "open", "half-open", "off"] = "off"
    messages_per_second: int = 0
    bytes_per_second: int = 0
    published: int = 0
    dropped: int = 0
    last_error: str | None = None


Level: TypeAlias = Literal["good", "busy", "bad"]
"""good: nothing to do · busy: it mends itself, or can wait · bad: somebody should look."""


Subject: TypeAlias = Literal["", "journal", "stores", "actors", "dead-letters"]


class Health(msgspec.Struct, frozen=True):
    """`sentence` says how it is, and is true; `level` how much that should worry anybody; `about` where to
    look, empty where there is nothing to do there."""

    level: Level
    sentence: str
    about: Subject = ""


class StatusReport(msgspec.Struct, frozen=True):
    """The answer of `GET /api/status`. Numbers are since the journal began;
    `accepted = persisted + dead_lettered + pending + lost`, where `lost` is 0 unless `journal repair` had to
    give up, after a damage, what the first store had not been given yet: so many metrics at most."""

    journal: JournalStatus
    stores: list[StoreStatus]
    dead_letters: DeadLetterStatus
    actors: ActorStatus
    accepted: int
    persisted: int
    dead_lettered: int
    pending: int
    version: str
    started_at: Nanoseconds
    lost: int = 0
    health: Health | None = None
    """See web.health, which says it; None from versions before this field."""
    realtime: RealtimeStatus = RealtimeStatus()
