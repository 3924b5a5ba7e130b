"""How it is, in one true sentence: for `forebay status`, `forebay top`, and the page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from journal.metric import Nanoseconds
from web.report import ActorStatus, DeadLetterStatus, Health, Level, StatusReport, StoreStatus

CATCHING_UP_FROM: Final = 10_000
"""Metrics that wait before that is worth more than a word."""
NEARLY_FULL: Final = 0.8
"""Share of the dead-letter queue's limit from which on it warns."""
PATIENCE: Final = 30
"""Seconds for which attempts may fail behind a closed breaker before anybody should look."""
DISK_SOON: Final = 3600.0
"""Seconds until the disk is full from which on it warns, and while a store takes nothing:"""
DISK_SOON_WHEN_STUCK: Final = 24 * 3600.0


def health(report: StatusReport, now: Nanoseconds) -> Health:
    """The gravest thing that `report`, which is as of `now`, tells."""
    return next(_by_gravity(report, now))


def _by_gravity(report: StatusReport, now: Nanoseconds) -> Iterator[Health]:
    if report.accepted != accounted_for(report):
        yield Health("bad", _does_not_balance(report), "journal")
    if report.journal.state != "writable":
        yield Health("bad", _not_writable(report), "journal")
    if stuck := [store for store in report.stores if is_stuck(store)]:
        level: Level = "bad" if any(_is_grave(store, now) for store in stuck) else "busy"
        yield Health(level, _stuck(stuck, report, now), "stores")
    if (failed := _failed(report.actors)) is not None:
        sentence = f"The actor {failed.path} has failed; accepted metrics stay in the journal."
        yield Health("bad", sentence, "actors")
    if report.journal.full_in is not None and report.journal.full_in < DISK_SOON:
        sentence = f"At this rate {_disk(report.journal.full_in)}; then new metrics are refused."
        yield Health("bad", sentence, "journal")
    if is_nearly_full(report.dead_letters):
        yield Health("busy", _nearly_full(report.dead_letters), "dead-letters")
    yield _flow(report)


def accounted_for(report: StatusReport) -> int:
    """Metrics of which `report` knows what became of them: all that were accepted, or something is wrong."""
    return report.persisted + report.dead_lettered + report.pending + report.lost


def is_stuck(store: StoreStatus) -> bool:
    """Whether `store` does not take what waits for it."""
    probing = store.breaker == "half-open" and store.attempts > 0
    return probing or store.breaker == "open" or store.state in ("waiting", "blocked")


def _is_grave(store: StoreStatus, now: Nanoseconds) -> bool:
    if store.breaker_by == "hand":
        return False
    if store.breaker in ("open", "half-open") or store.state == "blocked":
        return True
    return not store.failing_since or now - store.failing_since >= PATIENCE * 1_000_000_000


def is_nearly_full(queue: DeadLetterStatus) -> bool:
    """Whether so many dead letters wait that the oldest will soon expire."""
    return queue.limit > 0 and queue.pending >= NEARLY_FULL * queue.limit


def span(seconds: float) -> str:
    """A length of time in its two largest units; one that is negative, for a clock was set back, is 0 s."""
    whole = max(int(seconds), 0)
    for unit, name, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // smaller} {small}"
    return f"{whole} s"


def _does_not_balance(report: StatusReport) -> str:
    found = f"{accounted_for(report):,} accounted for"
    return f"{_metrics(report.accepted)} accepted, but {found}: run `forebay audit`."


def _not_writable(report: StatusReport) -> str:
    why = "The disk is full" if report.journal.state == "full" else "The journal cannot be written"
    return f"{why}: new metrics are refused; {_nothing(report)} that was accepted is lost."


def _nothing(report: StatusReport) -> str:
    return "nothing more" if any(store.lost for store in report.stores) else "nothing"


_FAULTS = {
    "outage": "unreachable",
    "throttled": "asking for less",
    "transient": "failing",
    "denied": "refusing us, which is a fault of configuration,",
    "poison": "held up by a metric that it refuses",
    "corrupt": "held up by damage in the journal",
    "queue": "held up by the dead-letter queue, which takes nothing,",
}


def _stuck(stores: Sequence[StoreStatus], report: StatusReport, now: Nanoseconds) -> str:
    journal = report.journal
    faults = " and ".join(_fault(store, now) for store in stores)
    waiting = max(store.lag for store in stores)
    if waiting == 0:
        waits = "no metric waits"
    else:
        waits = f"{_metrics(waiting)} {'waits' if waiting == 1 else 'wait'} in the journal"
    if any(store.error_kind == "corrupt" for store in stores):
        return f"{faults}; {waits}; `forebay journal verify` tells what is damaged."
    sentence = f"{faults}; {waits}; {_nothing(report)} is lost"
    if journal.full_in is not None and journal.full_in < DISK_SOON_WHEN_STUCK:
        return f"{sentence}, but {_disk(journal.full_in)}."
    return f"{sentence}."


def _fault(store: StoreStatus, now: Nanoseconds) -> str:
    if store.breaker_by == "hand":
        return f"{store.name} was switched off by hand {span((now - store.breaker_since) / 1e9)} ago"
    what = _FAULTS.get(store.error_kind or "", "taking no metrics")
    since = store.failing_since or (0 if store.breaker == "closed" else store.breaker_since)
    if since:
        return f"{store.name} has been {what} for {span((now - since) / 1e9)}"
    return f"{store.name} is {what}".rstrip(",")


def _disk(full_in: float) -> str:
    return f"the disk is full in {span(full_in)}"


def _failed(actor: ActorStatus) -> ActorStatus | None:
    if actor.state == "failed":
        return actor
    return next((found for child in actor.children if (found := _failed(child)) is not None), None)


def _nearly_full(queue: DeadLetterStatus) -> str:
    return (
        f"{queue.pending:,} dead letters wait, and beyond {queue.limit:,} the oldest expire: "
        f"see `forebay dlq ls`."
    )


def _flow(report: StatusReport) -> Health:
    accepted, pending, queue = report.accepted, report.pending, report.dead_letters
    if accepted == 0:
        return Health("good", "Ready; no metric has been accepted yet.")
    if report.stores and all(store.state == "off" for store in report.stores):
        sentence = f"Persistence is switched off; {_metrics(pending)} wait in the journal."
        return Health("busy", sentence, "stores")
    lacking = max(report.stores, key=lambda store: store.missing, default=None)
    if lacking is not None and lacking.missing:
        lacks = f"{lacking.name} lacks {_metrics(lacking.missing)}"
        sentence = f"{lacks}, retired from the journal before it could have them."
        return Health("bad", sentence, "stores")
    behind = max(report.stores, key=lambda store: store.lag, default=None)
    if behind is not None and behind.lag >= CATCHING_UP_FROM:
        sentence = f"{_metrics(behind.lag)} wait in the journal; {behind.name} is catching up."
        return Health("busy", sentence, "stores")
    losing = max(report.stores, key=lambda store: store.lost, default=None)
    if losing is not None and losing.lost and not pending:
        return Health("busy", _lost(losing), "journal")
    stored = f"{report.persisted:,} of {_metrics(accepted)} are stored"
    if queue.pending:  # though others are on their way, as some nearly always are while metrics come
        waits = "dead letter waits" if queue.pending == 1 else "dead letters wait"
        sentence = f"{stored}; {queue.pending:,} {waits}: see `forebay dlq ls`."
        return Health("busy", sentence, "dead-letters")
    if pending:
        return Health("good", f"{stored}, the last {pending:,} on their way.")
    if report.dead_lettered:
        were = "was" if report.dead_lettered == 1 else "were"
        return Health("good", f"{stored}; {report.dead_lettered:,} {were} given up as dead letters.")
    if accepted == 1:
        return Health("good", "The one accepted metric is stored.")
    return Health("good", f"All {accepted:,} accepted metrics are stored.")


def _lost(store: StoreStatus) -> str:
    return (
        f"{_metrics(store.persisted)} are stored in {store.name}; at most {store.lost:,} were lost with a "
        "damage of the journal that was repaired: `forebay audit` says which."
    )


def _metrics(count: int) -> str:
    return f"{count:,} {'metric' if count == 1 else 'metrics'}"
