"""What `stat` counts is what is there, in bounded memory, and over a damage too."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.events import (
    BreakerMoved,
    CursorAdvanced,
    DeadLettersDiscarded,
    Event,
    MetricDeadLettered,
    MetricsAccepted,
    MetricsAsSent,
)
from journal.inspect import Bound, ControlLine, Finding, MetricLine, Selection, dump
from journal.inspect.frequent import LONGEST, Frequent
from journal.inspect.growth import DAY, HOUR, Written
from journal.inspect.stat import LetterStat, Stat, Waiting, stat
from journal.inspect.timeline import SECOND, Timeline
from journal.log import Journal, Options
from journal.metric import Metric, Offset
from tests.journal.building import clock, metrics
from tests.journal.test_inspect_dump import fleet
from tests.journal.test_inspect_verify import flip, names_in, records_of

OPTIONS = Options(segment_bytes=4096, durability="os")
NOW = 5_000_000


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """Metrics of both encodings, with keys and without, and control events, over several segments."""
    path = tmp_path / "journal"
    opened = await Journal.open(str(path), options=OPTIONS, now=clock())
    for value in range(0, 200, 5):
        some = [fleet(value + i) for i in range(5)]
        body = msgspec.json.encode(some if value % 2 else some[0])
        sent = MetricsAsSent(body, 5 if value % 2 else 1)
        await opened.append([MetricsAccepted(some, key=f"k{value}" if value % 3 else ""), sent])
        if value % 50 == 0:
            await opened.append([CursorAdvanced("sqlite", opened.next_offset, value)])
    await opened.close()
    assert len(names_in(path)) > 4
    return path


def stat_of(path: Path, selection: Selection | None = None) -> Stat:
    told: list[Finding] = []
    found = stat(str(path), selection or Selection(), NOW, found=told.append)
    assert told == []
    return found


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(since=Bound(offset=33)),
        Selection(since=Bound(offset=18), until=Bound(offset=119)),
        Selection(until=Bound(time=1_000_020)),
        Selection(names=("gpu.[12]",)),
        Selection(sources=("node-1",), kinds=("timer", "gauge")),
        Selection(kinds=("cursor-advanced", "event")),
        Selection(grep="odd=true"),
        Selection(since=Bound(offset=100_000)),
    ],
    ids=str,
)
async def test_it_counts_what_a_dump_shows(journal: Path, selection: Selection) -> None:
    """Metrics by kind, name and source, control events by kind, and metrics over time are those of the lines
    that a dump of the same part has."""
    lines = [line for some in dump(str(journal), selection) for line in some]
    of_metrics = [line for line in lines if isinstance(line, MetricLine)]
    counts = stat_of(journal, selection).counts
    assert counts.metrics == len(of_metrics)
    assert counts.kinds == Counter(line.kind for line in of_metrics)
    assert counts.events == Counter(line.kind for line in lines if isinstance(line, ControlLine))
    for frequent, texts in (
        (counts.names, Counter(line.name for line in of_metrics)),
        (counts.sources, Counter(line.source for line in of_metrics)),
    ):
        assert {share.text: share.count for share in frequent.top(100)} == texts
        assert (frequent.different, frequent.forgotten) == (len(texts), 0)
    steps = counts.accepted.steps(60)
    assert sum(steps.counts if steps else ()) == len(of_metrics)


async def test_totals(journal: Path) -> None:
    """Segments, bytes, records, the range and what the journal folds to are as the records say."""
    found = stat_of(journal)
    names = names_in(journal)
    records = [record for name in names for record in records_of(journal, name)]
    counts = found.counts
    assert found.segments == len(names)
    assert found.allocated == sum((journal / name).stat().st_size for name in names)
    assert (counts.records, counts.used) == (len(records), sum(record.size for record in records))
    assert (counts.first_offset, counts.last_offset) == (0, records[-1].next_offset - 1)
    assert (counts.first_time, counts.last_time) == (records[0].time, records[-1].time)
    assert found.past is not None
    assert found.past.state.clean
    assert found.past.state.accepted == counts.metrics
    assert found.writer is None


async def test_stores_and_what_they_do_not_have(tmp_path: Path) -> None:
    """A store's lag is what it has neither stored nor given up; the oldest of it is named with its offset and
    the time of its receipt, however it lies within a record. A store that has all has none."""
    path = tmp_path / "journal"
    opened = await Journal.open(str(path), options=OPTIONS, now=clock())
    appended = [await opened.append([metrics(i, 10)]) for i in range(60)]
    end = opened.next_offset
    within = appended[40]
    await opened.append(
        [
            CursorAdvanced("postgres", Offset(within.first_offset + 4), 403, dead_lettered=1),
            CursorAdvanced("sqlite", end, 598, dead_lettered=2),
            BreakerMoved("postgres", "open", 5, "refused", 7),
        ]
    )
    await opened.close()
    postgres, sqlite = stat_of(path).stores
    assert (postgres.name, postgres.lag) == ("postgres", 600 - 404)
    assert postgres.oldest == Waiting(Offset(within.first_offset + 4), within.time)
    assert (postgres.breaker.position, postgres.breaker.error) == ("open", "refused")
    assert (sqlite.name, sqlite.lag, sqlite.oldest) == ("sqlite", 0, None)


async def test_the_oldest_metric_lies_behind_control_events(tmp_path: Path) -> None:
    """Control events at the cursor, and a roll, are passed over: the oldest is a metric."""
    path = tmp_path / "journal"
    opened = await Journal.open(str(path), options=OPTIONS, now=clock())
    await opened.append([metrics(0, 10)])
    cursor = opened.next_offset
    while len(opened.segments) < 3:
        await opened.append([CursorAdvanced("sqlite", cursor, 10)])
    waits = await opened.append([metrics(10, 10)])
    await opened.close()
    (store,) = stat_of(path).stores
    assert store.oldest == Waiting(waits.first_offset, waits.time)


async def test_dead_letters(tmp_path: Path) -> None:
    """Of a dead-letter journal: what waits, by store and cause, the most first, and since when."""
    path = tmp_path / "dead-letters"
    opened = await Journal.open(str(path), options=OPTIONS, now=clock())
    ids: list[Offset] = []
    for i in range(9):
        cause, store = ("check", "sqlite") if i % 3 else ("range", "postgres")
        letter = MetricDeadLettered(
            store, Offset(i), 5, Metric("m", 1.0), cause, "no", first_failed_at=100 + i
        )
        ids.append((await opened.append([letter])).first_offset)
    await opened.append([DeadLettersDiscarded("sqlite", [ids[1]])])
    await opened.close()
    found = stat_of(path)
    assert found.letters == [LetterStat("sqlite", "check", 5, 102), LetterStat("postgres", "range", 3, 100)]
    assert found.counts.events["metric-dead-lettered"] == 9
    assert found.counts.metrics == 0


async def test_over_a_damage(journal: Path) -> None:
    """What can be read is counted, and what cannot is told; the state is unknown where the newest segment is
    damaged, and told once."""
    whole = stat_of(journal).counts
    name = names_in(journal)[1]
    record = next(each for each in records_of(journal, name)[1:] if each.count > 5)
    flip(journal, name, record.position + 60)
    told: list[Finding] = []
    counts = stat(str(journal), Selection(), NOW, found=told.append).counts
    assert [each.lost for each in told] == [(record.base, record.next_offset)]
    events: list[Event] = record.events()
    lost = sum(len(each.metrics) for each in events if isinstance(each, MetricsAccepted))
    assert counts.metrics == whole.metrics - lost
    newest = names_in(journal)[-1]
    flip(journal, newest, records_of(journal, newest)[0].position + 60)
    told.clear()
    found = stat(str(journal), Selection(), NOW, found=told.append)
    assert (found.past, found.stores) == (None, [])
    assert [each.segment for each in told] == [name, newest]


class TestFrequent:
    @given(
        st.lists(st.lists(st.sampled_from([f"n{i}" for i in range(60)]), max_size=40), max_size=40),
        st.sampled_from([4, 10, 40]),
    )
    def test_bounds_hold(self, parts: list[list[str]], most: int) -> None:
        """However texts come, no more are kept than said; a count is never too high, and too low by what it
        says at most, which is never more than one in most / 2 of all; so nothing more frequent is missing."""
        frequent, true = Frequent(most), Counter[str]()
        for part in parts:
            frequent.add(part, len(part))
            true.update(part)
            assert frequent.different <= most
        assert frequent.total == true.total()
        assert frequent.forgotten <= true.total() / (most // 2)
        shown = {share.text: share for share in frequent.top(100)}
        for text, count in true.items():
            if text in shown:
                assert shown[text].count <= count <= shown[text].count + shown[text].missed
            else:
                assert count <= frequent.forgotten
        if len(true) <= most:
            assert {text: share.count for text, share in shown.items()} == true
            assert frequent.forgotten == 0

    def test_names_without_number(self) -> None:
        """Beside hundreds of thousands of names that come once, those that come often are counted exactly."""
        frequent = Frequent()
        chance = random.Random(1)
        for begin in range(0, 300_000, 1000):
            part = [f"request.{begin + i}" for i in range(1000)] + ["cpu"] * 50 + ["disk"] * 20
            chance.shuffle(part)
            frequent.add(part, len(part))
        first, second = frequent.top(2)
        assert (first.text, first.count, first.missed) == ("cpu", 15_000, 0)
        assert (second.text, second.count, second.missed) == ("disk", 6_000, 0)
        assert frequent.different <= 40_000

    def test_long_texts_are_cut(self) -> None:
        """A source may have any length; it is told apart, and kept, by its beginning."""
        frequent = Frequent()
        frequent.add(["x" * 1_000_000, "y", "x" * 1_000_000], 3)
        frequent.add(["x" * 1_000_000 + "z", "y"], 2)
        assert {share.text: share.count for share in frequent.top(9)} == {"x" * LONGEST: 3, "y": 2}


class TestTimeline:
    @given(
        st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(1, 9)), min_size=1, max_size=60),
        st.sampled_from([2, 8, 100]),
        st.sampled_from([0, 9 * 3600 * SECOND, -7 * 1800 * SECOND]),
    )
    def test_nothing_is_lost(self, came: list[tuple[int, int]], kept: int, zone: int) -> None:
        """Over any span, in any order and zone, all that came is in the steps, no more than asked."""
        timeline = Timeline(kept)
        for time, many in came:
            timeline.add(time, many)
        steps = timeline.steps(60, zone)
        assert steps is not None
        assert sum(steps.counts) == sum(many for _, many in came)
        assert len(steps.counts) <= 60
        assert (steps.begin + zone) % steps.width == 0

    def test_steps_are_at_their_time(self) -> None:
        """A burst shows in the step that holds its time."""
        timeline = Timeline()
        for second in range(90):
            timeline.add(second * SECOND, 1)
        timeline.add(61 * SECOND, 100)
        steps = timeline.steps(60)
        assert steps is not None
        assert (steps.begin, steps.width, len(steps.counts)) == (0, 2 * SECOND, 45)
        assert steps.counts == [2] * 30 + [102] + [2] * 14


class TestGrowth:
    def test_evenly(self) -> None:
        """A journal that gets 1,000 bytes a second fills 3.6 GB in a thousand hours."""
        written = Written()
        for at in range(30 * 6):
            written.add(f"{at}", at * HOUR // 6, (at + 1) * HOUR // 6, 600_000)
        disk = written.disk(3_600_000_000, 1, 30 * HOUR, 64)
        assert disk.hour is not None
        assert disk.day is not None
        assert (disk.hour.span, disk.hour.written) == (HOUR, 3_600_000)
        assert (disk.day.span, disk.day.written) == (DAY, 24 * 3_600_000)
        assert disk.full_in == 1000 * HOUR

    def test_retention_keeps_it_from_growing(self) -> None:
        """Where as much goes as comes, give or take a segment, the disk is never full."""
        written = Written()
        for at in range(30):
            written.add(f"{at}", at * HOUR, (at + 1) * HOUR, 1000)
            written.retired((at + 1) * HOUR, 1000 if at else 0)
        disk = written.disk(10**9, 10**9, 30 * HOUR, 2000)
        assert (disk.full_in, disk.still) == (None, "retention takes as much as comes")

    def test_silence(self) -> None:
        """Where nothing has come for an hour, it does not grow, whatever came before."""
        written = Written()
        written.add("0", 0, HOUR, 10**6)
        assert written.disk(10**9, 10**9, 2 * HOUR, 64).full_in is not None
        silent = written.disk(10**9, 10**9, 2 * HOUR + 1, 64)
        assert (silent.full_in, silent.still) == (None, "nothing was written in the last hour")

    def test_too_young(self) -> None:
        """Of a few seconds nothing is said."""
        written = Written()
        written.add("0", 0, 59 * SECOND, 10**6)
        assert written.disk(10**9, 10**9, HOUR, 64).day is None
