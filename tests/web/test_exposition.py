from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from journal.metric import Offset
from tests.web.memory import REPORT, MemoryIngest
from web.edge import Edge
from web.exposition import exposition
from web.ports import EdgeSettings
from web.report import DeadLetterStatus, StatusReport, StoreStatus

SECOND = 1_000_000_000
AWAY = StoreStatus(
    "supabase",
    Offset(5),
    37,
    5,
    "open",
    "waiting",
    "nobody answers",
    lag_seconds=12.5,
    dead_lettered=2,
    breaker_since=1_000 * SECOND,
    next_probe_at=1_060 * SECOND,
    attempts=7,
    error_kind="outage",
    failing_since=990 * SECOND,
)
TROUBLED = replace(
    REPORT,
    stores=[REPORT.stores[0], AWAY],
    dead_letters=DeadLetterStatus(4, 10_000, 900 * SECOND, 3, 20, 21, 22),
    journal=replace(REPORT.journal, full_in=3600.0),
)


def text(report: StatusReport) -> str:
    clock: Callable[[], float] = lambda: 0.0  # noqa: E731
    edge = Edge(MemoryIngest(), EdgeSettings(), clock)
    return exposition(lambda: report, edge, lambda: 0)().decode()


def samples(report: StatusReport) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text(report))
        for sample in family.samples
    }


def test_a_store_tells_its_trouble() -> None:
    """Breaker, since when, next probe, attempts, and lag in metrics and seconds."""
    found = samples(TROUBLED)
    assert found["forebay_store_lag", "supabase"] == 37
    assert found["forebay_store_lag_seconds", "supabase"] == 12.5
    assert found["forebay_store_failed_attempts", "supabase"] == 7
    assert found["forebay_store_failing_since_timestamp_seconds", "supabase"] == 990
    assert found["forebay_store_breaker_since_timestamp_seconds", "supabase"] == 1_000
    assert found["forebay_store_next_probe_timestamp_seconds", "supabase"] == 1_060
    assert found["forebay_store_dead_lettered", "supabase"] == 2


def test_what_a_damage_took_is_told_by_store_and_as_a_whole() -> None:
    """0 where there was none: an alert on more than that needs no more."""
    store = replace(REPORT.stores[0], lost=7)
    found = samples(replace(REPORT, stores=[store], lost=7))
    assert (found["forebay_metrics_lost",], found["forebay_store_lost", "sqlite"]) == (7, 7)
    assert samples(REPORT)["forebay_metrics_lost",] == 0


def test_every_state_has_a_series_and_one_is_1() -> None:
    """Of the breaker and of persistence, each store, whatever state it is in: no series comes or goes."""
    found = samples(TROUBLED)
    for store, breaker, state in (("sqlite", "closed", "following"), ("supabase", "open", "waiting")):
        breakers = {
            key[1]: value
            for key, value in found.items()
            if key[0] == "forebay_store_breaker" and key[2] == store
        }
        assert breakers == {each: float(each == breaker) for each in ("closed", "half-open", "open", "off")}
        states = [
            key[1]
            for key, value in found.items()
            if key[0] == "forebay_store_state" and key[2] == store and value
        ]
        assert states == [state]


def test_the_dead_letter_queue_is_counted() -> None:
    """What waits, of how many, since when, and how the others left."""
    found = samples(TROUBLED)
    queue = {key[0].removeprefix("forebay_dead_letters_"): value for key, value in found.items()}
    assert queue["pending"] == 4
    assert queue["limit"] == 10_000
    assert queue["oldest_timestamp_seconds"] == 900
    assert queue["redriving"] == 3
    assert (queue["redriven_total"], queue["discarded_total"], queue["expired_total"]) == (20, 21, 22)
    assert queue["enabled"] == 1


def test_time_until_the_disk_is_full() -> None:
    """In seconds, and +Inf where it does not fill, so that an alert on less than an hour needs no more."""
    assert samples(TROUBLED)["forebay_journal_full_in_seconds",] == 3600
    assert samples(REPORT)["forebay_journal_full_in_seconds",] == float("inf")


def test_names_are_as_promtool_wants_them() -> None:
    """Help for all, snake case, base units, `_total` on counters and on nothing else, no type in a name."""
    families = list(text_string_to_metric_families(text(TROUBLED)))
    assert len(families) > 40
    for family in families:
        assert family.documentation, family.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name), family.name
        assert not re.search(r"_(milliseconds|ms|minutes|hours|kilobytes|gauge|counter)(_|$)", family.name)
        names = {sample.name for sample in family.samples}
        assert {name.endswith("_total") for name in names} <= {family.type == "counter"}, names
        if "timestamp" in family.name or family.name.endswith("_in"):
            assert family.name.endswith("_seconds")
