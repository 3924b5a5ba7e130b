"""What a session gets of a flag is stable, spread evenly, and explained."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from actors.core.flags import (
    DEFINITIONS,
    UNDECIDED,
    allowed_value,
    allowed_words,
    bucket,
    by_name,
    decide,
    evaluate,
)
from journal.flags import FlagChanged, FlagOverridden, FlagState, evolve_flags
from web.evaluations import WEBSOCKET_FLAG, Definition, FlagChange, FlagChangeError, NoSuchFlagError

TRANSPORT = by_name(DEFINITIONS)["dashboard.transport"]
COUNT = Definition("count", "integer", 3, "", minimum=0, maximum=10)
SHARE = Definition("share", "number", 0.5, "", maximum=1.5)
SWITCH = Definition("switch", "boolean", False, "")
TEXT = Definition("text", "string", "", "")
KNOWN = by_name([TRANSPORT, COUNT, SHARE, SWITCH, TEXT])
SESSIONS = [f"{number:08x}-browser" for number in range(10_000)]
sessions = st.text(min_size=1, max_size=40)
percents = st.floats(0, 100)


def test_the_flags_of_this_version() -> None:
    """Everybody gets the WebSocket until somebody decides otherwise."""
    found = {name: (each.type, each.default) for name, each in by_name(DEFINITIONS).items()}
    assert found == {
        "dashboard.transport": ("string", "websocket"),
        WEBSOCKET_FLAG: ("boolean", True),
    }
    assert TRANSPORT.allowed == ("websocket", "realtime", "dual")


@pytest.mark.parametrize(
    ("name", "session", "expected"),
    [
        ("dashboard.transport", "s-1", 90.59441520366818),
        ("dashboard.websocket", "s-1", 57.89918042719364),
        ("dashboard.transport", "größe", 24.2311259964481),
    ],
)
def test_buckets_are_as_documented(name: str, session: str, expected: float) -> None:
    """As JavaScript's crypto.subtle has them by that text; were they ever to change, sessions would move."""
    assert bucket(name, session) == expected


@pytest.mark.parametrize("percent", [0.5, 1, 10, 33.3, 50, 90, 99])
def test_a_rollout_reaches_its_percentage(percent: float) -> None:
    """Of 10,000 sessions, within one point of the percentage get the value, all others the default."""
    state = FlagState("realtime", percent)
    given = [evaluate(TRANSPORT, state, session) for session in SESSIONS]
    reached = sum(each.value == "realtime" for each in given) / 100
    assert abs(reached - percent) <= 1
    assert {each.value for each in given} == {"realtime", "websocket"}
    assert {each.reason for each in given} == {"SPLIT"}


def test_flags_are_independent() -> None:
    """Being in one flag's half says nothing of the other's: a quarter is in both, within a point."""
    both = sum(bucket("a", session) < 50 and bucket("b", session) < 50 for session in SESSIONS)
    assert abs(both / 100 - 25) <= 1


@given(sessions, percents, percents)
def test_who_is_in_stays_in(session: str, one: float, other: float) -> None:
    """A session that a rollout takes in is in every larger one too."""
    less, more = sorted((one, other))
    narrow, wide = (evaluate(TRANSPORT, FlagState("dual", rollout), session) for rollout in (less, more))
    assert narrow.value == "websocket" or wide.value == "dual"


values = st.sampled_from([None, "websocket", "realtime", "dual", "unknown", True, 1, 1.5])
states = st.builds(
    FlagState, values, percents, st.dictionaries(sessions, values.filter(lambda each: each is not None))
)


@given(st.sampled_from(list(KNOWN.values())), states, st.just("") | sessions)
def test_whatever_was_decided_a_session_gets_an_allowed_value(
    definition: Definition, state: FlagState, session: str
) -> None:
    """The same each time, of the flag's own type; an error gives the default, and only an error a code."""
    given = evaluate(definition, state, session)
    assert given == evaluate(definition, state, session)
    allowed = allowed_value(definition, given.value)
    assert (allowed, type(allowed)) == (given.value, type(given.value))
    assert (given.reason == "ERROR") == bool(given.error_code) == bool(given.error)
    if given.reason in ("DEFAULT", "DISABLED", "ERROR"):
        assert given.value == definition.default
    if given.reason == "TARGETING_MATCH":
        assert session in state.overrides


@pytest.mark.parametrize(
    ("state", "session", "value", "reason", "code"),
    [
        (UNDECIDED, "s", "websocket", "DEFAULT", ""),
        (FlagState("dual"), "s", "dual", "STATIC", ""),
        (FlagState("dual"), "", "dual", "STATIC", ""),
        (FlagState("dual", 0.0), "s", "websocket", "DISABLED", ""),
        (FlagState("dual", 99.9), "", "websocket", "ERROR", "TARGETING_KEY_MISSING"),
        (FlagState("dual", 0.0, {"s": "realtime"}), "s", "realtime", "TARGETING_MATCH", ""),
        (FlagState(overrides={"s": "realtime"}), "s", "realtime", "TARGETING_MATCH", ""),
        (FlagState(overrides={"s": "realtime"}), "t", "websocket", "DEFAULT", ""),
        (FlagState(overrides={"": "realtime"}), "", "websocket", "DEFAULT", ""),
        (FlagState("smoke signals"), "s", "websocket", "ERROR", "GENERAL"),
        (FlagState(overrides={"s": 7}), "s", "websocket", "ERROR", "GENERAL"),
    ],
)
def test_reasons(state: FlagState, session: str, value: str, reason: str, code: str) -> None:
    """Each reason stands for what it is documented for."""
    given = evaluate(TRANSPORT, state, session)
    assert (given.value, given.variant, given.reason, given.error_code) == (value, value, reason, code)


def test_variants() -> None:
    """A variant names the value; a boolean's are on and off."""
    given = [evaluate(each, UNDECIDED, "s").variant for each in (SWITCH, COUNT, SHARE, TEXT)]
    assert given == ["off", "3", "0.5", ""]
    assert evaluate(SWITCH, FlagState(True), "s").variant == "on"


@pytest.mark.parametrize(
    ("definition", "given", "kept"),
    [
        (SWITCH, True, True),
        (SWITCH, 1, None),
        (SWITCH, "true", None),
        (TRANSPORT, "dual", "dual"),
        (TRANSPORT, "Dual", None),
        (TEXT, "", ""),
        (TEXT, 1, None),
        (COUNT, 10, 10),
        (COUNT, 10.0, 10),
        (COUNT, 11, None),
        (COUNT, -1, None),
        (COUNT, 2.5, None),
        (COUNT, True, None),
        (COUNT, math.nan, None),
        (Definition("n", "integer", 0, ""), 1e300, None),
        (SHARE, -4, -4.0),
        (SHARE, 1.6, None),
        (SHARE, math.inf, None),
    ],
)
def test_allowed_values(definition: Definition, given: Any, kept: Any) -> None:
    """A value is of the flag's type and within its bounds; a whole number may be written as a float."""
    found = allowed_value(definition, given)
    assert (found, type(found)) == (kept, type(kept))
    assert allowed_words(definition)


@pytest.mark.parametrize(
    ("change", "event"),
    [
        (FlagChange("dual"), FlagChanged("dashboard.transport", "dual")),
        (FlagChange("dual", 10, by="eve"), FlagChanged("dashboard.transport", "dual", 10, "eve")),
        (FlagChange(rollout=10), FlagChanged("dashboard.transport", "realtime", 10)),
        (FlagChange(None), FlagChanged("dashboard.transport")),
        (FlagChange("dual", session="s"), FlagOverridden("dashboard.transport", "s", "dual")),
        (FlagChange(None, session="s"), FlagOverridden("dashboard.transport", "s")),
    ],
)
def test_changes_that_are_allowed(change: FlagChange, event: object) -> None:
    """A value is for all unless a rollout is given; a rollout alone keeps the value; null resets."""
    flags = {"dashboard.transport": FlagState("realtime", 50.0)}
    assert decide(KNOWN, flags, "dashboard.transport", change) == event


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        (FlagChange(), "value", "one of websocket, realtime, dual"),
        (FlagChange("smoke"), "value", "one of websocket, realtime, dual"),
        (FlagChange(True), "value", "one of websocket"),
        (FlagChange(rollout=10), "rollout", "which value"),
        (FlagChange(None, 10), "rollout", "reset"),
        (FlagChange("dual", 10, "s"), "rollout", "one session"),
        (FlagChange(session="s"), "value", "null"),
        (FlagChange("smoke", session="s"), "value", "one of"),
    ],
)
def test_changes_that_are_not(change: FlagChange, field: str, said: str) -> None:
    """The error names the field, and says what is allowed."""
    with pytest.raises(FlagChangeError, match=said) as refused:
        decide(KNOWN, {}, "dashboard.transport", change)
    assert refused.value.field == field


def test_an_unknown_flag() -> None:
    """The error lists those that there are."""
    with pytest.raises(NoSuchFlagError, match=r"'dashboard\.transprot'.* dashboard\.transport, share, "):
        decide(KNOWN, {}, "dashboard.transprot", FlagChange(True))


@given(
    st.sampled_from(list(KNOWN)),
    st.builds(
        FlagChange,
        values | st.just(UNSET),
        percents | st.just(UNSET),
        sessions | st.just(UNSET),
    ),
    st.just("") | sessions,
)
def test_what_was_decided_can_be_evaluated(name: str, change: FlagChange, session: str) -> None:
    """No change that is taken leads to a flag whose value is not allowed."""
    try:
        event = decide(KNOWN, {}, name, change)
    except FlagChangeError:
        return
    state = evolve_flags({}, event, 1).get(name, UNDECIDED)
    assert evaluate(KNOWN[name], state, session).error_code != "GENERAL"


@pytest.mark.parametrize(
    "definitions",
    [
        [SWITCH, SWITCH],
        [Definition("a", "boolean", 1, "")],
        [Definition("a", "string", "b", "", allowed=("c",))],
    ],
)
def test_a_definition_that_is_wrong(definitions: list[Definition]) -> None:
    """Twice the same name, and a default that is not allowed, are found when the process starts."""
    with pytest.raises(ValueError, match="defined twice, or with a default"):
        by_name(definitions)
