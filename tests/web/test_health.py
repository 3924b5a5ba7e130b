from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.web.memory import REPORT
from web.health import health, span
from web.report import ActorStatus, DeadLetterStatus, StatusReport, StoreStatus

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
STORE = replace(REPORT.stores[0], name="supabase", lag=0)
AWAY = replace(
    STORE,
    state="waiting",
    breaker="open",
    lag=212_340,
    attempts=7,
    error_kind="outage",
    failing_since=NOW - 250 * SECOND,
    breaker_since=NOW - 200 * SECOND,
)


def report(*stores: StoreStatus, **changes: Any) -> StatusReport:
    """A report that balances: everything is stored but what the first store lacks."""
    stores = stores or (STORE,)
    sums = {"accepted": 1_000_000, "dead_lettered": 0, "pending": stores[0].lag, "lost": 0, **changes}
    sums.setdefault("persisted", sums["accepted"] - sums["dead_lettered"] - sums["pending"] - sums["lost"])
    return replace(REPORT, stores=list(stores), **sums)


def journal(**changes: Any) -> Any:
    return replace(REPORT.journal, **changes)


FAILED = replace(
    REPORT.actors,
    children=[ActorStatus("live", "/live", "actor", "failed", 0, 1, 0, 0, 9, "boom", [])],
)


@pytest.mark.parametrize(
    ("given", "level", "sentence"),
    [
        (report(accepted=0), "good", "Ready; no metric has been accepted yet."),
        (report(accepted=1), "good", "The one accepted metric is stored."),
        (report(), "good", "All 1,000,000 accepted metrics are stored."),
        (
            report(replace(STORE, lag=7)),
            "good",
            "999,993 of 1,000,000 metrics are stored, the last 7 on their way.",
        ),
        (
            report(replace(STORE, missing=1_234)),
            "bad",
            "supabase lacks 1,234 metrics, retired from the journal before it could have them.",
        ),
        (
            report(replace(STORE, lag=10_000)),
            "busy",
            "10,000 metrics wait in the journal; supabase is catching up.",
        ),
        (
            report(STORE, replace(STORE, name="postgres", lag=20_000)),
            "busy",
            "20,000 metrics wait in the journal; postgres is catching up.",
        ),
        (
            report(dead_lettered=3, dead_letters=DeadLetterStatus(1, 10_000)),
            "busy",
            "999,997 of 1,000,000 metrics are stored; 1 dead letter waits: see `forebay dlq ls`.",
        ),
        (
            report(replace(STORE, lag=7), dead_lettered=3, dead_letters=DeadLetterStatus(3, 10_000)),
            "busy",
            "999,990 of 1,000,000 metrics are stored; 3 dead letters wait: see `forebay dlq ls`.",
        ),
        (
            report(dead_lettered=3, dead_letters=DeadLetterStatus(0, 10_000, discarded=3)),
            "good",
            "999,997 of 1,000,000 metrics are stored; 3 were given up as dead letters.",
        ),
        (
            report(dead_letters=DeadLetterStatus(8_000, 10_000)),
            "busy",
            "8,000 dead letters wait, and beyond 10,000 the oldest expire: see `forebay dlq ls`.",
        ),
        (
            report(replace(STORE, state="off", breaker="off", lag=5)),
            "busy",
            "Persistence is switched off; 5 metrics wait in the journal.",
        ),
        (
            report(AWAY),
            "bad",
            "supabase has been unreachable for 4 min 10 s; 212,340 metrics wait in the journal; "
            "nothing is lost.",
        ),
        (
            report(AWAY, journal=journal(full_in=7_300.0)),
            "bad",
            "supabase has been unreachable for 4 min 10 s; 212,340 metrics wait in the journal; "
            "nothing is lost, but the disk is full in 2 h 1 min.",
        ),
        (
            report(replace(AWAY, lag=1, error_kind="denied", breaker="half-open")),
            "bad",
            "supabase has been refusing us, which is a fault of configuration, for 4 min 10 s; "
            "1 metric waits in the journal; nothing is lost.",
        ),
        (
            report(replace(AWAY, lag=0, error_kind=None, failing_since=0, breaker_since=0)),
            "bad",
            "supabase is taking no metrics; no metric waits; nothing is lost.",
        ),
        (
            report(AWAY, replace(AWAY, name="pg", lag=9, error_kind="throttled")),
            "bad",
            "supabase has been unreachable for 4 min 10 s and pg has been asking for less for 4 min 10 s; "
            "212,340 metrics wait in the journal; nothing is lost.",
        ),
        (
            report(replace(AWAY, breaker="closed", error_kind="transient", failing_since=NOW - 2 * SECOND)),
            "busy",
            "supabase has been failing for 2 s; 212,340 metrics wait in the journal; nothing is lost.",
        ),
        (
            report(replace(AWAY, breaker="off", state="blocked", error_kind="poison")),
            "bad",
            "supabase has been held up by a metric that it refuses for 4 min 10 s; "
            "212,340 metrics wait in the journal; nothing is lost.",
        ),
        (
            report(replace(AWAY, state="catching-up", breaker="half-open", attempts=0)),
            "busy",
            "212,340 metrics wait in the journal; supabase is catching up.",
        ),
        (
            report(replace(AWAY, lost=3), lost=3),
            "bad",
            "supabase has been unreachable for 4 min 10 s; 212,340 metrics wait in the journal; "
            "nothing more is lost.",
        ),
        (
            report(replace(AWAY, breaker="closed", error_kind="corrupt")),
            "bad",
            "supabase has been held up by damage in the journal for 4 min 10 s; "
            "212,340 metrics wait in the journal; `forebay journal verify` tells what is damaged.",
        ),
        (
            report(replace(STORE, lost=1_234, persisted=998_766), lost=1_234),
            "busy",
            "998,766 metrics are stored in supabase; at most 1,234 were lost with a damage of the journal "
            "that was repaired: `forebay audit` says which.",
        ),
        (
            report(replace(STORE, lost=1_234), lost=0, persisted=998_766),
            "bad",
            "1,000,000 metrics accepted, but 998,766 accounted for: run `forebay audit`.",
        ),
        (
            report(actors=FAILED),
            "bad",
            "The actor /live has failed; accepted metrics stay in the journal.",
        ),
        (
            report(journal=journal(full_in=59.0)),
            "bad",
            "At this rate the disk is full in 59 s; then new metrics are refused.",
        ),
        (
            report(AWAY, journal=journal(state="full")),
            "bad",
            "The disk is full: new metrics are refused; nothing that was accepted is lost.",
        ),
        (
            report(AWAY, journal=journal(state="failed")),
            "bad",
            "The journal cannot be written: new metrics are refused; nothing that was accepted is lost.",
        ),
        (
            report(AWAY, persisted=5),
            "bad",
            "1,000,000 metrics accepted, but 212,345 accounted for: run `forebay audit`.",
        ),
    ],
)
def test_the_gravest_thing_is_said(given: StatusReport, level: str, sentence: str) -> None:
    """One sentence for each way to be, and the graver one where two hold."""
    said = health(given, NOW)
    assert (said.level, said.sentence) == (level, sentence)


@pytest.mark.parametrize(
    ("given", "about"),
    [
        (report(), ""),
        (report(replace(STORE, lag=7)), ""),
        (report(AWAY), "stores"),
        (report(AWAY, journal=journal(state="full")), "journal"),
        (report(actors=FAILED), "actors"),
        (report(dead_lettered=3, dead_letters=DeadLetterStatus(3, 100)), "dead-letters"),
        (report(dead_lettered=90, dead_letters=DeadLetterStatus(90, 100)), "dead-letters"),
    ],
)
def test_it_tells_where_to_look(given: StatusReport, about: str) -> None:
    """What the page leads to beside the sentence: nothing where nothing is to be done."""
    assert health(given, NOW).about == about


def test_trouble_that_lasts_is_grave() -> None:
    """Attempts that fail behind a closed breaker are no news at first, and bad after half a minute."""
    failing = replace(AWAY, breaker="closed", error_kind="transient", failing_since=NOW)
    assert health(report(failing), NOW + 29 * SECOND).level == "busy"
    assert health(report(failing), NOW + 30 * SECOND).level == "bad"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (3_599, "59 min 59 s"),
        (3_660, "1 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_span_is_told_in_two_units(seconds: float, said: str) -> None:
    """The largest and the one below it; a clock that was set back is no negative time."""
    assert span(seconds) == said
