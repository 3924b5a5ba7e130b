"""How a process is, in lines: what `forebay status` and `forebay top` show."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from actors.cli.pulse import Flow
from actors.cli.terminal import Colour, columns, cut, paint, rough_size
from journal.cli.terminal import harmless
from journal.metric import Nanoseconds
from web.health import DISK_SOON_WHEN_STUCK, Level, accounted_for, health, is_nearly_full, is_stuck, span
from web.report import ActorStatus, DeadLetterStatus, JournalStatus, RealtimeStatus, StatusReport, StoreStatus

WIDTH: Final = 80
_NAME: Final = 20
_LEVELS: Final[dict[Level, Colour]] = {"good": "green", "busy": "yellow", "bad": "red"}
_ACTOR_STATES: Final[dict[str, Colour]] = {"restarting": "yellow", "stopping": "yellow", "failed": "red"}


def overview(report: StatusReport, now: Nanoseconds, room: int, flow: Flow | None = None) -> list[str]:
    """`report` as lines of at most `room` columns, the gravest thing first; with `flow`, how fast it goes."""
    return [
        paint(cut(f"forebay {report.version}, up {span((now - report.started_at) / 1e9)}", room), "bold"),
        *_health(report, now, room),
        *([] if flow is None else _flow(flow, room)),
        _account(report, room),
        *_journal(report.journal, room),
        *_dead_letters(report.dead_letters, now, room),
        *_realtime(report.realtime, room),
        "",
        *_stores(report.stores, now, room),
        "",
        *_actors(report.actors, room),
    ]


def _health(report: StatusReport, now: Nanoseconds, room: int) -> Iterator[str]:
    found = health(report, now)
    for line in wrap(harmless(found.sentence), room):
        yield paint(line, _LEVELS[found.level])


def _flow(flow: Flow, room: int) -> Iterator[str]:
    yield cut(f"accepted   {flow.accepted:>11,.0f}/s {flow.accepted_line}", room)
    yield cut(f"persisted  {flow.persisted:>11,.0f}/s {flow.persisted_line}", room)


def _account(report: StatusReport, room: int) -> str:
    balanced = report.accepted == accounted_for(report)
    account = (
        f"accepted {report.accepted:,} {'=' if balanced else '≠'} persisted {report.persisted:,}"
        f" + dead letters {report.dead_lettered:,} + pending {report.pending:,}"
    )
    if report.lost:
        # What must not be cut off comes first.
        account = account.replace(" + dead", f" + lost {report.lost:,} + dead")
    colour: Colour = "green" if not report.lost else "yellow"
    return paint(cut(account, room), colour if balanced else "red")


def _journal(journal: JournalStatus, room: int) -> Iterator[str]:
    yield cut(f"journal {journal.id}, {journal.state}, durability {journal.durability}", room)
    yield cut(
        f"        offsets {journal.first_offset:,} to {journal.next_offset:,}, "
        f"{journal.segments:,} segment{'' if journal.segments == 1 else 's'}, "
        f"{rough_size(journal.bytes)}, {rough_size(journal.free_bytes)} free",
        room,
    )
    if journal.full_in is not None:
        line = cut(f"        disk full in {span(journal.full_in)} at this rate", room)
        yield paint(line, "yellow") if journal.full_in < DISK_SOON_WHEN_STUCK else line


def _dead_letters(queue: DeadLetterStatus, now: Nanoseconds, room: int) -> Iterator[str]:
    if not queue.enabled:
        yield cut("dead letters off: what a store refuses holds it up", room)
        return
    words = f"dead letters {queue.pending:,}"
    if queue.limit:
        words += f" of at most {queue.limit:,} ({queue.pending / queue.limit:.0%})"
    if queue.oldest_at:
        words += f", the oldest for {span((now - queue.oldest_at) / 1e9)}"
    yield paint(cut(words, room), "yellow") if is_nearly_full(queue) else cut(words, room)
    counts = (
        (queue.redriving, "on their way back"),
        (queue.redriven, "redriven"),
        (queue.discarded, "discarded"),
        (queue.expired, "expired"),
    )
    if told := ", ".join(f"{count:,} {word}" for count, word in counts if count):
        yield cut(f"        {told}", room)


def _realtime(realtime: RealtimeStatus, room: int) -> Iterator[str]:
    if realtime.state == "off":
        return
    words = f"realtime {realtime.state}, breaker {realtime.breaker}"
    if realtime.state != "idle":
        words += f", {realtime.messages_per_second:,} messages/s, {rough_size(realtime.bytes_per_second)}/s"
    if realtime.dropped:
        words += f", {realtime.dropped:,} dropped"
    yield paint(cut(words, room), "yellow") if realtime.state == "failing" else cut(words, room)
    if realtime.last_error:
        yield paint(cut(f"        {harmless(realtime.last_error)}", room), "red")


def _stores(stores: list[StoreStatus], now: Nanoseconds, room: int) -> Iterator[str]:
    rows = [("store", "state", "breaker", "lag", "behind", "persisted", "cursor")]
    rows += [
        (
            cut(store.name, _NAME),
            store.state,
            store.breaker,
            f"{store.lag:,}",
            span(store.lag_seconds) if store.lag else "",
            f"{store.persisted:,}",
            f"{store.cursor:,}",
        )
        for store in stores
    ]
    head, *lines = columns(rows, right=(3, 4, 5, 6), room=room)
    yield paint(head, "bold")
    for store, line in zip(stores, lines, strict=True):
        yield paint(line, "yellow") if is_stuck(store) else line
        if len(store.name) > _NAME:
            yield cut(f"  {store.name}", room)
        if trouble := _trouble(store, now):
            yield cut(f"  {trouble}", room)
        if store.last_error:
            # Whole: what helps stands at its end.
            for part in wrap(f"  {harmless(store.last_error)}", room, subsequent_indent="  ", max_lines=8):
                yield paint(part, "red")


def _trouble(store: StoreStatus, now: Nanoseconds) -> str:
    words: list[str] = []
    if store.breaker in ("open", "half-open"):
        words.append(f"breaker {store.breaker}")
        if store.breaker_since:
            words[-1] += f" for {span((now - store.breaker_since) / 1e9)}"
    if store.next_probe_at and store.breaker == "open":
        words.append(f"next probe in {span((store.next_probe_at - now) / 1e9)}")
    if store.attempts:
        kind = f" ({store.error_kind})" if store.error_kind else ""
        words.append(f"{store.attempts:,} failed{kind}")
    if store.dead_lettered:
        words.append(f"{store.dead_lettered:,} dead-lettered")
    if store.missing:
        words.append(f"{store.missing:,} missing")
    if store.lost:
        words.append(f"at most {store.lost:,} lost with a damage of the journal")
    return ", ".join(words)


def _actors(root: ActorStatus, room: int) -> Iterator[str]:
    nodes = list(_walk(root, "", ""))
    rows = [("actor", "state", "mailbox", "processed", "restarts")]
    rows += [
        (
            cut(f"{branch}{actor.name}", 36),
            actor.state,
            f"{actor.mailbox:,}/{actor.capacity:,}" if actor.capacity else "",
            f"{actor.processed:,}" if actor.capacity else "",
            f"{actor.restarts:,}" if actor.kind != "supervisor" or actor.restarts else "",
        )
        for branch, actor in nodes
    ]
    head, *lines = columns(rows, right=(2, 3, 4), room=room)
    yield paint(head, "bold")
    for (branch, actor), line in zip(nodes, lines, strict=True):
        colour = _ACTOR_STATES.get(actor.state)
        yield paint(line, colour) if colour else line
        if actor.last_error:
            yield paint(cut(f"{' ' * len(branch)}  {harmless(actor.last_error)}", room), "red")


def _walk(actor: ActorStatus, branch: str, below: str) -> Iterator[tuple[str, ActorStatus]]:
    yield branch, actor
    for child in actor.children:
        last = child is actor.children[-1]
        yield from _walk(child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))
