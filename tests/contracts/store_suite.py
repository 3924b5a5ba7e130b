"""What every store must do. Subclass StoreContract and give it a `connect` fixture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.stores.base import FlagRow, HistoryStore, LetterRow, OutageError, PoisonError, Row, as_stored
from journal.metric import Metric, Offset
from tests.contracts.cursor_suite import Connect, CursorContract, opened
from tests.contracts.filter_suite import FilterContract
from tests.contracts.store_rows import (
    MAX_FLOAT,
    MAX_INT64,
    ODD_METRICS,
    T0,
    metrics_in_time,
    model_series,
    new_journal,
    plain,
    rows_of,
    stored,
)
from web.ports import Point, SeriesQuery


class StoreContract(FilterContract, CursorContract):
    cursor_with_rows = True
    """Whether rows and cursor are one transaction; else the cursor may be behind its rows, never ahead."""

    @pytest.fixture
    async def store(self, connect: Connect) -> AsyncIterator[HistoryStore]:
        async with opened(connect(), new_journal()) as store:
            yield store

    async def test_rows_come_back_as_they_were_written(self, store: HistoryStore) -> None:
        """Every kind, unit, text, attribute and extreme number makes the round trip exactly."""
        rows = rows_of(ODD_METRICS)
        await store.write(rows, Offset(len(rows)))
        back = await stored(store)
        assert back == [as_stored(row) for row in rows]
        types = [{key: type(value) for key, value in row.metric.attributes.items()} for row in back]
        assert types == [{key: type(value) for key, value in m.attributes.items()} for m in ODD_METRICS]

    async def test_a_metric_without_a_time_has_that_of_its_acceptance(self, store: HistoryStore) -> None:
        """The stored time is `accepted_at` where the client sent none."""
        await store.write([Row(Offset(0), T0 + 7, Metric(name="load", value=1.0))], Offset(1))
        assert [row.metric.time for row in await stored(store)] == [T0 + 7]

    async def test_nul_is_kept_or_refused(self, store: HistoryStore) -> None:
        """A NUL byte in a text is never dropped and never cuts the text: all of it, or a PoisonError."""
        rows = rows_of([Metric(name="a\0b", value=1.0, source="\0", attributes={"c\0d": "e\0f"})])
        try:
            await store.write(rows, Offset(1))
        except PoisonError:
            assert await stored(store) == []
        else:
            assert await stored(store) == [as_stored(row) for row in rows]

    @pytest.mark.parametrize(
        "bad",
        [
            Metric(name="lone \ud800", value=1.0),
            Metric(name="load", value=1.0, source="\udfff"),
            Metric(name="load", value=1.0, attributes={"k": "\ud800"}),
            Metric(name="load", value=1.0, time=2**63),
            Metric(name="load", value=1.0, time=-(2**63) - 1),
        ],
        ids=["name", "source", "attribute", "time-over", "time-under"],
    )
    async def test_what_cannot_be_stored_is_poison_and_takes_nothing_along(
        self, store: HistoryStore, bad: Metric
    ) -> None:
        """A batch with a lone surrogate or an integer beyond 64 bits is refused whole; the next passes."""
        good = plain(0, 3000)
        with pytest.raises(PoisonError):
            await store.write([*good, *rows_of([bad], 3000)], Offset(3001))
        assert await stored(store) == []
        await store.write(good, Offset(3000))
        assert len(await stored(store)) == 3000

    async def test_a_repeat_makes_no_double(self, store: HistoryStore) -> None:
        """The same batch three times is stored once, and counted once."""
        rows = plain(0, 300, session="s")
        for _ in range(3):
            await store.write(rows, Offset(300))
        assert await stored(store) == [as_stored(row) for row in rows]
        assert [name.count for name in await store.names()] == [300]
        assert [session.count for session in await store.sessions()] == [300]

    async def test_overlapping_batches_fill_each_other_up(self, store: HistoryStore) -> None:
        """Batches that share some offsets, in any order, end as their union."""
        for first, until in ((10, 20), (0, 12), (5, 30), (40, 41), (0, 45)):
            await store.write(plain(first, until), Offset(until))
        assert await stored(store) == [as_stored(row) for row in plain(0, 45)]
        assert [name.count for name in await store.names()] == [45]

    async def test_what_is_there_is_kept(self, store: HistoryStore) -> None:
        """A second row with the offset of the first does not replace it."""
        await store.write(rows_of([Metric(name="first", value=1.0)]), Offset(1))
        await store.write(rows_of([Metric(name="second", value=2.0)]), Offset(1))
        assert [row.metric.name for row in await stored(store)] == ["first"]
        assert [seen.name for seen in await store.names()] == ["first"]

    async def test_a_look_tells_the_cursor_and_the_rows(self, connect: Connect) -> None:
        """A store that is only looked at tells what opening it would, and None where it was never opened."""
        journal_id = new_journal()
        async with opened(connect(), journal_id) as store:
            await store.write(plain(0, 5), Offset(7))
        looking = connect()
        assert await looking.look(journal_id) == 7
        assert await stored(looking) == [as_stored(row) for row in plain(0, 5)]
        await looking.close()
        stranger = connect()
        assert await stranger.look(new_journal()) is None
        await stranger.close()

    async def test_journals_do_not_mix(self, connect: Connect) -> None:
        """Two journals in one database, same offsets: each has its own rows and cursor."""
        one, two = new_journal(), new_journal()
        async with opened(connect(), one) as first, opened(connect(), two) as second:
            await first.write(plain(0, 5, source="one"), Offset(5))
            await second.write(plain(3, 10, source="two"), Offset(10))
            assert await stored(first) == [as_stored(row) for row in plain(0, 5, source="one")]
            assert await stored(second) == [as_stored(row) for row in plain(3, 10, source="two")]
            assert await first.open(one) == 5
            assert await second.open(two) == 10

    async def test_gaps_in_offsets_stay_gaps(self, store: HistoryStore) -> None:
        """Offsets that control events took are not invented."""
        rows = [row for row in plain(0, 100) if row.offset % 7]
        await store.write(rows, Offset(100))
        found = [offset async for run in store.offsets(Offset(0), Offset(100)) for offset in run]
        assert found == [row.offset for row in rows]

    async def test_ranges_are_half_open_and_come_in_bounded_runs(self, store: HistoryStore) -> None:
        """`offsets` and `rows` of [start, until) are exactly those, in runs that are not all of it."""
        rows = plain(0, 9_000)
        await store.write(rows, Offset(9_000))
        offsets = [list(run) async for run in store.offsets(Offset(10), Offset(8_990))]
        assert [offset for run in offsets for offset in run] == list(range(10, 8_990))
        runs = [list(run) async for run in store.rows(Offset(10), Offset(8_990))]
        assert [row for run in runs for row in run] == [as_stored(row) for row in rows[10:8_990]]
        assert max(map(len, offsets + runs)) < 5_000
        assert await stored(store, 50, 50) == []
        assert await stored(store, 9_000) == []

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        metrics=metrics_in_time,
        name=st.sampled_from(["a", "b", "absent"]),
        start=st.integers(-60, 60) | st.just(-(2**70)),
        length=st.integers(-5, 100) | st.just(2**72),
        step=st.sampled_from([1, 3, 10, 60, MAX_INT64, 2**64]),
        source=st.sampled_from([None, "", "x", "absent"]),
    )
    async def test_series_equal_the_model(
        self,
        connect: Connect,
        metrics: list[Metric],
        name: str,
        start: int,
        length: int,
        step: int,
        source: str | None,
    ) -> None:
        """Min, mean, max and count of every step equal those of the values taken one by one."""
        # History is of all journals, so each example has names of its own.
        prefix = new_journal()
        rows = rows_of(msgspec.structs.replace(metric, name=prefix + metric.name) for metric in metrics)
        query = SeriesQuery(prefix + name, start, start + length, step, source)
        async with opened(connect(), prefix) as store:
            await store.write(rows, Offset(len(rows)))
            found = await store.series(query)
        assert [series.source for series in found] == sorted(series.source for series in found)
        assert all(series.unit == "s" and series.name == query.name for series in found)
        points = {(series.source, point.time): point for series in found for point in series.points}
        assert len(points) == sum(len(series.points) for series in found)
        model = model_series(rows, query)
        assert points.keys() == model.keys()
        for at, expected in model.items():
            point = points[at]
            assert (point.min, point.max, point.count) == (min(expected), max(expected), len(expected))
            assert point.min <= point.mean <= point.max
            if abs(mean := sum(expected) / len(expected)) < MAX_FLOAT:
                scale = max(map(abs, expected))
                assert point.mean == pytest.approx(mean, rel=1e-9, abs=scale * 1e-12)

    async def test_points_of_a_series_ascend(self, store: HistoryStore) -> None:
        """Points are in order of time whatever order the metrics came in."""
        times = [95, -20, 5, 31, -1, 0]
        await store.write(rows_of([Metric(name="up", value=1.0, time=time) for time in times]), Offset(6))
        (series,) = await store.series(SeriesQuery("up", -100, 100, 10))
        assert series.points == [Point(time, 1.0, 1.0, 1.0, n) for time, n in
                                 ((-20, 1), (-10, 1), (0, 2), (30, 1), (90, 1))]  # fmt: skip

    async def test_a_mean_is_finite_where_the_sum_is_not(self, store: HistoryStore) -> None:
        """Three times the largest double has that double as its mean."""
        await store.write(rows_of([Metric(name="up", value=MAX_FLOAT, time=1)] * 3), Offset(3))
        (series,) = await store.series(SeriesQuery("up", 0, 10, 10))
        assert series.points == [Point(0, MAX_FLOAT, MAX_FLOAT, MAX_FLOAT, 3)]

    @pytest.mark.parametrize("step", [0, -1])
    async def test_a_step_below_one_is_refused(self, store: HistoryStore, step: int) -> None:
        """There is no series in steps of nothing."""
        with pytest.raises(ValueError, match="at least 1 ns"):
            await store.series(SeriesQuery("load", 0, 10, step))

    async def test_names_tell_what_there_is(self, store: HistoryStore) -> None:
        """Each name has its sources, its times, its count, and kind and unit of its latest metric."""
        metrics = [
            Metric(name="b", value=1.0, time=50, source="y", kind="counter", unit="new"),
            Metric(name="b", value=1.0, time=10, source="x", unit="old"),
            Metric(name="a", value=1.0, time=7),
        ]
        await store.write(rows_of(metrics), Offset(3))
        late = [
            Metric(name="b", value=1.0, time=90, source="x", kind="timer", unit="s"),
            Metric(name="b", value=1.0, time=-5, source="y", unit="older"),
        ]
        await store.write(rows_of(late, 3), Offset(5))
        assert [msgspec.structs.astuple(seen) for seen in await store.names()] == [
            ("a", "gauge", "", [""], 7, 7, 1),
            ("b", "timer", "s", ["x", "y"], -5, 90, 4),
        ]

    async def test_sessions_tell_who_sent(self, store: HistoryStore) -> None:
        """Sessions come latest first, by source, with times and count; no session is none."""
        metrics = [
            Metric(name="a", value=1.0, time=10, source="x", session="1"),
            Metric(name="b", value=1.0, time=30, source="x", session="1"),
            Metric(name="a", value=1.0, time=90, source="x", session="2"),
            Metric(name="a", value=1.0, time=50, source="y", session="1"),
            Metric(name="a", value=1.0, time=99, source="x"),
        ]
        await store.write(rows_of(metrics), Offset(5))
        assert [msgspec.structs.astuple(seen) for seen in await store.sessions()] == [
            ("2", "x", 90, 90, 1),
            ("1", "y", 50, 50, 1),
            ("1", "x", 10, 30, 2),
        ]

    async def test_history_is_of_all_journals(self, connect: Connect) -> None:
        """What another journal brought to the same database can be looked at too."""
        name = new_journal()
        async with opened(connect(), new_journal()) as first, opened(connect(), new_journal()) as second:
            await first.write(rows_of([Metric(name=name, value=1.0, time=1)]), Offset(1))
            await second.write(rows_of([Metric(name=name, value=3.0, time=2)]), Offset(1))
            (series,) = await first.series(SeriesQuery(name, 0, 10, 10))
        assert series.points == [Point(0, 1.0, 2.0, 3.0, 2)]

    async def test_questions_are_answered_while_writing(self, store: HistoryStore) -> None:
        """A reader sees whole batches only, never fewer than before, while the writer goes on."""
        size = 500

        async def write() -> None:
            for first in range(0, 20 * size, size):
                await store.write(plain(first, first + size, time=5), Offset(first + size))

        writing = asyncio.ensure_future(write())
        seen = [0]
        try:
            while not writing.done():
                series = await store.series(SeriesQuery("load", 0, 10, 10))
                seen.append(series[0].points[0].count if series else 0)
                await asyncio.sleep(0)
        finally:
            await writing
        assert seen == sorted(seen)
        assert all(count % size == 0 for count in seen)
        assert len(await stored(store)) == 20 * size

    async def mirrored(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[int, str, str, str, str, int, str]]:
        """What the table of dead letters holds of `journal_id`, by offset: offset, store, name, metric as
        text, cause, attempts and status. Read as somebody would who looks into the database."""
        raise NotImplementedError("a store's tests say how its table is looked at")

    async def test_dead_letters_are_mirrored_and_updated(self, connect: Connect) -> None:
        """A letter appears as a row, keeps its metric whole, and follows what becomes of it."""
        journal_id = new_journal()
        nul = Metric(name="nul \0 in it", value=1.5, source="\0", attributes={"k": "\0"})
        first = LetterRow(Offset(7), T0, nul, "nul-byte", "no NUL, please: \0", 1, "pending", T0 + 5, T0 + 5)
        other = msgspec.structs.replace(first, offset=Offset(9), metric=Metric(name="b", value=2.0, time=3))
        async with opened(connect(), journal_id) as store:
            await store.mirror([])
            await store.mirror([first, other])
            await store.mirror([first, other])
            again = msgspec.structs.replace(first, attempts=4, last_failed_at=T0 + 9)
            await store.mirror([again, msgspec.structs.replace(other, status="redriven")])
            rows = await self.mirrored(store, journal_id)
            assert [(row[0], row[1], *row[4:]) for row in rows] == [
                (7, store.name, "nul-byte", 4, "pending"),
                (9, store.name, "nul-byte", 1, "redriven"),
            ]
            assert [msgspec.json.decode(row[3], type=Metric) for row in rows] == [nul, other.metric]
            assert rows[1][2] == "b"
            assert rows[0][2].startswith("nul ")
            assert rows[0][2].endswith(" in it")

    async def test_a_mirrored_letter_is_no_metric(self, connect: Connect) -> None:
        """The mirror adds nothing to metrics, and moves no cursor."""
        journal_id = new_journal()
        letter = LetterRow(Offset(7), T0, Metric("a", 1.0), "check", "no", 1, "pending", T0, T0)
        async with opened(connect(), journal_id) as store:
            await store.mirror([letter])
            assert await stored(store) == []
            assert await store.open(journal_id) is None

    async def flags(
        self, store: HistoryStore, journal_id: str
    ) -> list[tuple[str, str, str, str, float, str, int]]:
        """What the table of flags holds of `journal_id`, by name: name, type, value and default as JSON,
        rollout, description, and when it was changed, in nanoseconds; 0: never."""
        raise NotImplementedError("a store's tests say how its table is looked at")

    async def test_flags_are_mirrored(self, connect: Connect) -> None:
        """The table has the flags of each journal as they were told last, and no others."""
        mine, other = new_journal(), new_journal()
        color = FlagRow('co"lo,r)', "string", 'r"ed', "blue", 12.5, "Its, color", T0)
        limit = FlagRow("limit", "integer", -(2**53), 7, 100.0, "", None)
        share = FlagRow("share", "number", 0.1, 1.5, 0.0, "é", T0 + 1_000)
        shown = FlagRow("shown", "boolean", False, True, 100.0, "Whether", None)
        async with opened(connect(), other) as store:
            await store.mirror_flags([shown])
        async with opened(connect(), mine) as store:
            await store.mirror_flags([color, limit, share, shown])
            again = msgspec.structs.replace(limit, value=8, rollout=50.0, updated_at=T0 + 5_000)
            await store.mirror_flags([again, shown, color])
            assert await self.flags(store, mine) == [
                ('co"lo,r)', "string", '"r\\"ed"', '"blue"', 12.5, "Its, color", T0),
                ("limit", "integer", "8", "7", 50.0, "", T0 + 5_000),
                ("shown", "boolean", "false", "true", 100.0, "Whether", 0),
            ]
            assert [row[0] for row in await self.flags(store, other)] == ["shown"]
            await store.mirror_flags([])
            assert await self.flags(store, mine) == []
            assert await store.open(mine) is None

    async def test_maintenance_changes_no_row(self, store: HistoryStore) -> None:
        """What the clock does leaves every row as it is, however often."""
        rows = plain(0, 50)
        await store.write(rows, Offset(50))
        for _ in range(3):
            await store.maintain(None)
        assert await stored(store) == [as_stored(row) for row in rows]

    async def test_a_cancelled_write_is_whole_or_absent(self, connect: Connect) -> None:
        """Cancelling `write` leaves all of the batch with its cursor, or none; a repeat completes it."""
        for turns in (0, 1, 2, 5):
            journal_id = new_journal()
            async with opened(connect(), journal_id) as store:
                writing = asyncio.ensure_future(store.write(plain(0, 5_000), Offset(5_000)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                writing.cancel()
                await asyncio.wait([writing])
                cursor = await store.open(journal_id)
                found = len(await stored(store))
                behind = [] if self.cursor_with_rows else [(None, 5_000)]
                assert (cursor, found) in [(None, 0), (5_000, 5_000), *behind]
                await store.write(plain(0, 5_000), Offset(5_000))
                assert len(await stored(store)) == 5_000

    async def test_a_closed_store_says_so(self, connect: Connect) -> None:
        """Before `open` and after `close` every method raises an OutageError, and `close` may be repeated."""
        store = connect()
        await store.close()
        await store.open(new_journal())
        await store.close()
        await store.close()
        asked = (store.names(), store.sessions(), store.attributes("load"), stored(store))
        for ask in (store.write(plain(0, 1), Offset(1)), *asked):
            with pytest.raises(OutageError):
                await ask
        with pytest.raises(OutageError):
            await store.series(SeriesQuery("load", 0, 1, 1))
