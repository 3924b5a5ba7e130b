"""Feature flags as they go over HTTP and WebSocket: see `web.ports.Flags` for who evaluates them.

Which sessions a rollout takes in anybody can find out, in JavaScript too: the bucket of a session is the
first four bytes of SHA-256 of `NAME/SESSION` in UTF-8, read as a big-endian number, times 100 / 2**32.
The session is inside a rollout of R percent where its bucket is less than R; so who is in at 10 percent
stays in at 20, and the buckets of different flags have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Final, Literal, Protocol, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from journal.flags import FlagValue
from journal.metric import Nanoseconds

if TYPE_CHECKING:
    from web.ports import Refused

WEBSOCKET_FLAG: Final = "dashboard.websocket"
"""The flag that, off for a session, ends and refuses the WebSockets of that session."""

MAX_SESSION: Final = 255
"""Characters of a session."""

FlagType: TypeAlias = Literal["boolean", "string", "integer", "number"]

Reason: TypeAlias = Literal["DEFAULT", "STATIC", "SPLIT", "TARGETING_MATCH", "DISABLED", "ERROR"]
"""As OpenFeature names them (specification, "Types: Resolution Reason").

DEFAULT: nobody has decided anything · STATIC: all sessions get the value · SPLIT: the rollout decided, for
the value or for the default · TARGETING_MATCH: an override of this session · DISABLED: a rollout of 0 ·
ERROR: the default, because of what `error` says.
"""

ErrorCode: TypeAlias = Literal["", "TARGETING_KEY_MISSING", "GENERAL"]
"""TARGETING_KEY_MISSING: the rollout would have to know the session · GENERAL: the value that was decided is
none that the flag of this version can have."""


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a flag is: code, not data. A string is one of `allowed`, if any are named; an integer or a number
    lies between `minimum` and `maximum`, where there are such."""

    name: str
    type: FlagType
    default: FlagValue
    description: str
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


class Evaluation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one session gets for one flag, and why. `variant` names the value: on, off, or as it is."""

    name: str
    value: FlagValue
    variant: str
    reason: Reason
    error_code: ErrorCode = ""
    error: str = ""


class FlagFrame(msgspec.Struct, frozen=True, tag_field="type", tag="flag"):
    """A flag was changed: what `session` gets now. Where that is not your own session (a channel that many
    share has none: ""), ask for yours."""

    name: str
    value: FlagValue
    variant: str
    reason: Reason
    session: str


class Setting(msgspec.Struct, frozen=True):
    """What was decided for all sessions: `rollout` percent of them get `value`."""

    value: FlagValue
    rollout: float


class FlagReport(Evaluation, frozen=True, kw_only=True):
    """A flag as the one who changes it sees it; `value`, `variant` and `reason` are those of the session that
    was asked for. `setting` is None where all get the default; `overrides` are by session, the one set last
    at the end. Last changed at `updated_at` (0: never, or since reset), `by` whom as far as that was said."""

    definition: Definition
    setting: Setting | None
    overrides: dict[str, FlagValue]
    updated_at: Nanoseconds
    by: str


class FlagList(msgspec.Struct, frozen=True):
    """The answer of `GET /api/flags`: every flag, sorted by name, as `session` gets it ("": nobody)."""

    session: str
    flags: list[FlagReport]


class Share(msgspec.Struct, frozen=True):
    """How many of the sessions seen lately were given `value` for `reason`."""

    value: FlagValue
    reason: Reason
    sessions: int


class Sighting(msgspec.Struct, frozen=True):
    """The last time that `session` was given the flag, and what it was given."""

    session: str
    value: FlagValue
    reason: Reason
    at: Nanoseconds


class FlagDetails(FlagReport, frozen=True, kw_only=True):
    """The answer of `GET /api/flags/{name}`: who was given what, of the last MOST_SEEN sessions that asked
    this process since it started. `shares` counts all of them, the largest first; `seen` has the latest."""

    shares: list[Share]
    seen: list[Sighting]


class FlagChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /api/flags/{name}`.

    `value` alone: for all sessions. With `rollout`: for so many percent. `rollout` alone: for so many percent
    from now on. With `session`: an override for that session. A `value` of null resets: the whole flag,
    overrides included, or that session's override. `by` says who, for those who look later.
    """

    value: FlagValue | UnsetType | None = UNSET
    rollout: Annotated[float, Meta(ge=0, le=100)] | UnsetType = UNSET
    session: Annotated[str, Meta(min_length=1, max_length=MAX_SESSION)] | UnsetType = UNSET
    by: Annotated[str, Meta(max_length=255)] = ""


class NoSuchFlagError(LookupError):
    """There is no flag of that name; `known` are those that there are."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        super().__init__(f"there is no flag {name[:100]!r}; there are: {', '.join(known)}")


class FlagChangeError(ValueError):
    """A flag cannot be changed so: `field` of the change is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class Flags(Protocol):
    """The feature flags. A session of "" is nobody in particular."""

    def evaluate(self, name: str, session: str) -> Evaluation:
        """What `session` gets, which is remembered. Raises NoSuchFlagError."""
        ...

    def evaluate_all(self, session: str) -> list[Evaluation]:
        """What `session` gets of every flag, sorted by name, which is remembered."""
        ...

    def overview(self, session: str) -> FlagList:
        """Every flag, looked at as `session` would get it."""
        ...

    def show(self, name: str, session: str) -> FlagDetails:
        """One flag, and who was given what. Raises NoSuchFlagError."""
        ...

    async def change(self, name: str, change: FlagChange) -> FlagReport | Refused:
        """The flag as it is after `change`, once that is as durable as the journal makes it; Refused where it
        cannot be journaled, and then nothing is changed. Raises NoSuchFlagError and FlagChangeError."""
        ...

    def watch(self, changed: Callable[[str], None]) -> AbstractContextManager[None]:
        """Call `changed` with the name of each flag that is changed until the block ends; it must not wait
        and must not raise."""
        ...
