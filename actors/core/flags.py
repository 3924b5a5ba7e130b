"""Feature flags: which there are, what a session gets, and which changes are allowed. Pure.

What was decided about them is in State.flags; journal.flags has the fold.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import UNSET

from actors.stores.base import FlagRow
from journal.flags import FlagChanged, FlagEvent, FlagOverridden, FlagState, FlagValue
from journal.metric import MAX_INT64, MIN_INT64
from web.evaluations import (
    WEBSOCKET_FLAG,
    Definition,
    ErrorCode,
    Evaluation,
    FlagChange,
    FlagChangeError,
    FlagReport,
    NoSuchFlagError,
    Reason,
    Setting,
)

UNDECIDED: Final = FlagState()

DEFINITIONS: Final = (
    Definition(
        "dashboard.transport",
        "string",
        "websocket",
        "How the page gets live data: by the WebSocket, by Supabase Realtime, or by both, to compare",
        allowed=("websocket", "realtime", "dual"),
    ),
    Definition(
        WEBSOCKET_FLAG,
        "boolean",
        True,
        "Whether browsers may use the WebSocket: off retires it for them; programs go on",
    ),
)
"""All flags of this version. A new one needs nothing else than a line here and somebody who asks for it."""


def by_name(definitions: Iterable[Definition]) -> dict[str, Definition]:
    """`definitions` by name, sorted. Raises ValueError for one whose own default it does not allow."""
    found: dict[str, Definition] = {}
    for each in sorted(definitions, key=lambda definition: definition.name):
        if each.name in found or allowed_value(each, each.default) is None:
            raise ValueError(f"flag {each.name}: defined twice, or with a default that it does not allow")
        found[each.name] = each
    return found


def bucket(name: str, session: str) -> float:
    """Where in [0, 100) `session` stands for the flag `name`: see web.evaluations for how."""
    digest = hashlib.sha256(f"{name}/{session}".encode()).digest()
    return int.from_bytes(digest[:4], "big") * 100 / 2**32


def allowed_value(definition: Definition, value: object) -> FlagValue | None:
    """`value` as the flag has it (a number is a float always); None where it cannot have it."""
    match definition.type:
        case "boolean":
            return value if isinstance(value, bool) else None
        case "string":
            if not isinstance(value, str) or (definition.allowed and value not in definition.allowed):
                return None
            return value
        case "integer" | "number":
            return _number(definition, value)


def allowed_words(definition: Definition) -> str:
    """What values the flag can have, for people."""
    match definition.type:
        case "boolean":
            return "true or false"
        case "string":
            return f"one of {', '.join(definition.allowed)}" if definition.allowed else "a string"
        case "integer" | "number":
            kind = "a whole number" if definition.type == "integer" else "a number"
            least = "" if definition.minimum is None else f" from {definition.minimum:g}"
            most = "" if definition.maximum is None else f" to {definition.maximum:g}"
            return f"{kind}{least}{most}"


def evaluate(definition: Definition, state: FlagState, session: str) -> Evaluation:
    """What `session` ("": nobody in particular) gets of a flag about which `state` was decided."""
    own = state.overrides.get(session) if session else None
    value, reason = (own, "TARGETING_MATCH") if own is not None else (state.value, "STATIC")
    if value is None:
        return _evaluation(definition, definition.default, "DEFAULT")
    checked = allowed_value(definition, value)
    if checked is None:
        error = f"{value!r} was decided, and has to be {allowed_words(definition)}: decide anew, or reset"
        return _evaluation(definition, definition.default, "ERROR", "GENERAL", error)
    if reason == "TARGETING_MATCH" or state.rollout >= 100:
        return _evaluation(definition, checked, reason)
    if state.rollout <= 0:
        return _evaluation(definition, definition.default, "DISABLED")
    if not session:
        error = f"rolled out to {state.rollout:g} %: say for which session"
        return _evaluation(definition, definition.default, "ERROR", "TARGETING_KEY_MISSING", error)
    is_in = bucket(definition.name, session) < state.rollout
    return _evaluation(definition, checked if is_in else definition.default, "SPLIT")


def decide(
    definitions: Mapping[str, Definition], flags: Mapping[str, FlagState], name: str, change: FlagChange
) -> FlagEvent:
    """The event that `change` of the flag `name` comes to. Raises NoSuchFlagError and FlagChangeError."""
    definition = defined(definitions, name)
    if change.session is not UNSET:
        if change.rollout is not UNSET:
            raise FlagChangeError("rollout", "an override is for one session; leave the rollout out")
        if change.value is UNSET:
            raise FlagChangeError("value", "needed: the session's own value, or null for what all others get")
        return FlagOverridden(name, change.session, _checked(definition, change.value), change.by)
    if change.value is UNSET and change.rollout is UNSET:
        raise FlagChangeError("value", f"needed: {allowed_words(definition)} (null resets)")
    if change.value is None and change.rollout is not UNSET:
        raise FlagChangeError("rollout", "a reset is for all; leave the rollout out")
    value = flags.get(name, UNDECIDED).value if change.value is UNSET else change.value
    if value is None and change.value is UNSET:
        raise FlagChangeError("rollout", "all get the default now: say which value to roll out")
    rollout = 100.0 if change.rollout is UNSET else change.rollout
    return FlagChanged(name, _checked(definition, value), rollout, change.by)


def defined(definitions: Mapping[str, Definition], name: str) -> Definition:
    """The definition of `name`. Raises NoSuchFlagError."""
    try:
        return definitions[name]
    except KeyError:
        raise NoSuchFlagError(name, list(definitions)) from None


def report(definition: Definition, state: FlagState, session: str) -> FlagReport:
    """All there is to say of a flag, as `session` would get it."""
    given = evaluate(definition, state, session)
    return FlagReport(
        given.name,
        given.value,
        given.variant,
        given.reason,
        given.error_code,
        given.error,
        definition=definition,
        setting=None if state.value is None else Setting(state.value, state.rollout),
        overrides=state.overrides,
        updated_at=state.updated_at,
        by=state.by,
    )


def flag_rows(definitions: Iterable[Definition], flags: Mapping[str, FlagState]) -> list[FlagRow]:
    """The flags as a store mirrors them."""
    rows: list[FlagRow] = []
    for each in definitions:
        state = flags.get(each.name, UNDECIDED)
        value = each.default if state.value is None else state.value
        changed = state.updated_at or None
        rows.append(
            FlagRow(each.name, each.type, value, each.default, state.rollout, each.description, changed)
        )
    return rows


def _evaluation(
    definition: Definition, value: FlagValue, reason: Reason, code: ErrorCode = "", error: str = ""
) -> Evaluation:
    return Evaluation(definition.name, value, _variant(value), reason, code, error)


def _variant(value: FlagValue) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value}"


def _number(definition: Definition, value: object) -> FlagValue | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    least = -math.inf if definition.minimum is None else definition.minimum
    most = math.inf if definition.maximum is None else definition.maximum
    if not least <= value <= most:
        return None
    if definition.type == "number":
        return float(value)
    return int(value) if value == int(value) and MIN_INT64 <= value <= MAX_INT64 else None


def _checked(definition: Definition, value: FlagValue | None) -> FlagValue | None:
    if value is None:
        return None
    checked = allowed_value(definition, value)
    if checked is None:
        raise FlagChangeError("value", f"{definition.name} must be {allowed_words(definition)} (null resets)")
    return checked
