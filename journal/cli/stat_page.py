"""What `forebay journal stat` shows to a person: sections of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from journal.cli.chart import COLUMNS, chart, zone_of
from journal.cli.terminal import columns, cut, harmless, local_time, paint, rough_size, rough_span
from journal.inspect.frequent import Frequent
from journal.inspect.growth import DAY, HOUR, Disk, Growth
from journal.inspect.stat import LetterStat, Stat, StoreStat
from journal.metric import Nanoseconds
from journal.state import DeadLetterCount, State

_WIDTH: Final = 80
_TEXT: Final = 46


def page(stats: Stat, top: int, now: Nanoseconds, encoding: str) -> Iterator[str]:
    """The lines, without those of which there is nothing to say."""
    counts = stats.counts
    yield from _head(stats)
    steps = counts.accepted.steps(COLUMNS, zone_of(counts.last_time or now))
    if steps is not None:
        yield ""
        head, *lines = chart(steps, encoding)
        yield paint(head, "bold")
        yield from lines
    yield from _section(("kind", "metrics", "share"), _shares(counts.kinds))
    yield from _section(("name", "metrics", "share"), _top_of(counts.names, top))
    if counts.sources.different > 1 or "" not in {share.text for share in counts.sources.top(1)}:
        yield from _section(("source", "metrics", "share"), _top_of(counts.sources, top))
    yield from _section(("event", "events", "share"), _shares(counts.events))
    yield from _stores(stats.stores, now)
    if stats.past is not None:
        yield from _letters(stats.letters, stats.past.state, now)
    if stats.disk is not None:
        yield ""
        yield from _disk(stats.disk)


def _head(stats: Stat) -> Iterator[str]:
    counts, past = stats.counts, stats.past
    if past is not None:
        yield _fact("journal", str(past.journal_id))
    yield _fact("directory", stats.directory)
    if stats.writer is not None:
        yield _fact("process", f"{stats.writer} writes to it")
    elif past is not None:
        clean = "closed in good order" if past.state.clean else "not closed: the next start recovers it"
        yield _fact("process", f"none; {clean}")
    used = f"{rough_size(counts.used)} of records read, {rough_size(stats.allocated)} on the disk"
    yield _fact("segments", f"{stats.segments:,}: {used}")
    if counts.first_offset is None or counts.first_time is None or counts.last_time is None:
        yield _fact("holds", "nothing of what was asked for")
        return
    yield _fact("offsets", f"{counts.first_offset:,} to {counts.last_offset:,}")
    span = rough_span(counts.last_time - counts.first_time)
    yield _fact("written", f"{local_time(counts.first_time)} and for {span}")
    metrics = f"{counts.metrics:,} in {counts.records:,} records"
    if counts.metrics and not counts.narrowed:
        metrics += f", {counts.used / counts.metrics:.3g} bytes each"
    yield _fact("metrics", metrics)
    yield _fact("events", f"{counts.events.total():,}")
    if past is not None and past.state.lost_metrics:
        yield _fact("lost", f"{past.state.lost_metrics:,} metrics, to damages that were repaired")


def _fact(name: str, text: str) -> str:
    return f"{paint(name, 'bold')}{'':{11 - len(name)}}{text}"


def _section(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table whose last two columns are numbers; nothing where it would be empty."""
    if not rows:
        return
    yield ""
    named, *lines = columns([head, *rows], right=(1, 2), room=_WIDTH)
    yield paint(named, "bold")
    yield from lines


def _shares(counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda each: -each[1])
    return [(name, f"{count:,}", _share(count, total)) for name, count in ranked]


def _top_of(frequent: Frequent, top: int) -> list[tuple[str, str, str]]:
    shown = frequent.top(top)
    rows = [
        (
            cut(harmless(share.text), _TEXT) or "(none)",
            f"{'>= ' if share.missed else ''}{share.count:,}",
            _share(share.count, frequent.total),
        )
        for share in shown
    ]
    others = frequent.total - sum(share.count for share in shown)
    if others:
        left = frequent.different - len(shown)
        many = f"more than {left:,}" if frequent.forgotten else f"{left:,}"
        rows.append((f"({many} more)", f"{others:,}", _share(others, frequent.total)))
    return rows


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else ""


def _stores(stores: Sequence[StoreStat], now: Nanoseconds) -> Iterator[str]:
    if not stores:
        return
    rows = [("store", "breaker", "lag", "oldest", "age", "stored", "dead", "cursor")]
    for store in stores:
        cursor, oldest = store.cursor, store.oldest
        rows.append(
            (
                store.name,
                store.breaker.position,
                f"{store.lag:,}",
                f"{oldest.offset:,}" if oldest else "",
                rough_span(now - oldest.accepted_at) if oldest else "",
                f"{cursor.persisted:,}",
                f"{cursor.dead_lettered:,}",
                f"{cursor.offset:,}",
            )
        )
    yield ""
    named, *lines = columns(rows, right=(2, 3, 4, 5, 6, 7), room=_WIDTH)
    yield paint(named, "bold")
    for store, line in zip(stores, lines, strict=True):
        yield paint(line, "yellow") if store.breaker.position != "closed" else line
        if store.breaker.error and store.breaker.position != "closed":
            yield cut(f"  {harmless(store.breaker.error)}", _WIDTH)


def _letters(letters: Sequence[LetterStat], state: State, now: Nanoseconds) -> Iterator[str]:
    rows = [
        (harmless(each.cause), f"{each.pending:,}", rough_span(now - each.oldest), each.store)
        for each in letters
    ]
    if rows:
        yield ""
        named, *lines = columns([("cause", "pending", "oldest", "store"), *rows], right=(1, 2), room=_WIDTH)
        yield paint(named, "bold")
        yield from lines
    for store, counted in state.dead_letter_counts.items():
        yield ""
        yield _ever(store, counted)


def _ever(store: str, counted: DeadLetterCount) -> str:
    left = f"{counted.redriven:,} redriven, {counted.discarded:,} discarded, {counted.expired:,} expired"
    return f"{store} since the queue began: {counted.buried:,} buried, {left}"


def _disk(disk: Disk) -> Iterator[str]:
    yield _fact("disk", f"{rough_size(disk.free)} free of {rough_size(disk.size)}")
    if disk.hour is not None and disk.day is not None:
        hour, day = _rate(disk.hour, HOUR, "an hour"), _rate(disk.day, DAY, "a day")
        yield _fact("written", f"{hour}, {day}")
        if disk.day.retired:
            yield _fact("retired", f"{rough_size(disk.day.retired)} in {rough_span(disk.day.span)}")
    if disk.full_in is None:
        yield _fact("growth", f"none: {disk.still}" if disk.day else disk.still)
    else:
        yield _fact("full", f"in {rough_span(disk.full_in)}, if it goes on like this")


def _rate(growth: Growth, unit: Nanoseconds, named: str) -> str:
    written = rough_size(round(growth.written * unit / max(growth.span, 1)))
    measured = "" if growth.span >= unit else f" (seen for {rough_span(growth.span)})"
    return f"{written} {named}{measured}"
