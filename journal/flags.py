"""What is journaled of feature flags, and its fold. Definitions are code: see actors.core.flags."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from journal.metric import AttributeValue, Nanoseconds

FlagValue: TypeAlias = AttributeValue
"""What a flag can be: a boolean, a string, an integer or a finite number."""

MAX_OVERRIDES: Final = 100
"""Sessions that may have their own value of one flag; with one more, the one set longest ago loses it."""


class FlagState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was decided about a flag: sessions inside `rollout` percent get `value` (None: nothing was, all
    get the default), those in `overrides` their own, the one set last at the end. Last changed at
    `updated_at`, `by` whom as far as that was said."""

    value: FlagValue | None = None
    rollout: float = 100.0
    overrides: dict[str, FlagValue] = {}
    updated_at: Nanoseconds = 0
    by: str = ""


class FlagChanged(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="flag-changed/1"):
    """Sessions inside `rollout` percent get `value` for the flag `name`; with None all is as if nobody had
    ever changed it, overrides included."""

    name: str
    value: FlagValue | None = None
    rollout: float = 100.0
    by: str = ""


class FlagOverridden(
    msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="flag-overridden/1"
):
    """`session` gets `value` for the flag `name`, whatever the others get; with None it gets what they do."""

    name: str
    session: str
    value: FlagValue | None = None
    by: str = ""


FlagEvent: TypeAlias = FlagChanged | FlagOverridden


def evolve_flags(flags: dict[str, FlagState], event: FlagEvent, time: Nanoseconds) -> dict[str, FlagState]:
    """The flags after `event`, which was written at `time`; a flag of which nothing is left is left out."""
    others = {name: flag for name, flag in flags.items() if name != event.name}
    flag = flags.get(event.name, FlagState())
    match event:
        case FlagChanged(value=None):
            return others
        case FlagChanged():
            changed = replace(flag, value=event.value, rollout=event.rollout)
        case FlagOverridden(session=session, value=value):
            overrides = {each: own for each, own in flag.overrides.items() if each != session}
            if value is not None:
                overrides[session] = value
            kept = list(overrides.items())[-MAX_OVERRIDES:]
            if flag.value is None and not kept:
                return others
            changed = replace(flag, overrides=dict(kept))
    return {**others, event.name: replace(changed, updated_at=time, by=event.by)}
