"""What every store must do with sessions and attributes. Part of StoreContract."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.stores.base import HistoryStore
from journal.metric import Metric, Offset
from tests.contracts.cursor_suite import Connect, opened
from tests.contracts.store_rows import (
    as_text,
    metrics_with_attributes,
    model_series,
    new_journal,
    odd_keys,
    odd_values,
    rows_of,
)
from web.ports import LOOKED_AT, MAX_KEYS, MAX_VALUES, SeriesQuery


class FilterContract:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        metrics=metrics_with_attributes,
        start=st.integers(-60, 60),
        source=st.sampled_from([None, "", "x"]),
        session=st.sampled_from([None, "", "s", "absent"]),
        data=st.data(),
    )
    async def test_filtered_series_equal_the_model(
        self,
        connect: Connect,
        metrics: list[Metric],
        start: int,
        source: str | None,
        session: str | None,
        data: st.DataObject,
    ) -> None:
        """Of a session and with attributes, whatever their texts: exactly the metrics that have them."""
        there = [(key, as_text(value)) for metric in metrics for key, value in metric.attributes.items()]
        either = st.tuples(odd_keys, odd_values.map(as_text))
        one = st.sampled_from(there) | either if there else either
        attributes = tuple(dict(data.draw(st.lists(one, max_size=2))).items())
        prefix = new_journal()
        rows = rows_of(msgspec.structs.replace(metric, name=prefix) for metric in metrics)
        query = SeriesQuery(prefix, start, start + 60, 7, source, session, attributes)
        async with opened(connect(), prefix) as store:
            await store.write(rows, Offset(len(rows)))
            found = await store.series(query)
        points = {(series.source, point.time): point.count for series in found for point in series.points}
        model = model_series(rows, query)
        assert points == {at: len(values) for at, values in model.items()}

    async def test_a_string_and_what_json_prints_are_the_same(self, store: HistoryStore) -> None:
        """The text 1 finds the string and the number 1, not 1.0; true finds the string and the boolean."""
        values = ["1", 1, 1.0, "true", True]
        metrics = [Metric("up", 1.0, at, attributes={"k": value}) for at, value in enumerate(values)]
        await store.write(rows_of(metrics), Offset(5))
        for text, times in (("1", [0, 1]), ("1.0", [2]), ("true", [3, 4]), ("True", [])):
            found = await store.series(SeriesQuery("up", 0, 10, 1, attributes=(("k", text),)))
            assert [point.time for series in found for point in series.points] == times, text

    async def test_attributes_come_with_what_is_frequent_first(self, store: HistoryStore) -> None:
        """Keys by how many metrics have them, values likewise; what is as frequent is in order; other names
        do not count."""
        given = [
            {"gpu": 1, "host": "é"},
            {"gpu": 1, "host": "b", "up": True},
            {"gpu": 0, "host": "b", "third": 1 / 3},
            {"gpu": "0", "a b": 'q"'},
            {},
        ]
        metrics = [Metric("up", 1.0, at, attributes=attributes) for at, attributes in enumerate(given)]
        await store.write(rows_of([*metrics, Metric("other", 1.0, 1, attributes={"host": "no"})]), Offset(6))
        found = [msgspec.structs.astuple(seen) for seen in await store.attributes("up")]
        assert found == [
            ("gpu", ["0", "1"], 4),
            ("host", ["b", "é"], 3),
            ("a b", ['q"'], 1),
            ("third", [as_text(1 / 3)], 1),
            ("up", ["true"], 1),
        ]
        assert await store.attributes("absent") == []

    async def test_attributes_are_bounded(self, store: HistoryStore) -> None:
        """Of the latest metrics by time only, so many keys and so many values of each, the most frequent."""
        old = [Metric("up", 1.0, -1 - at, attributes={"old": at}) for at in range(9)]
        new = [Metric("up", 1.0, at, attributes={"v": at % 70}) for at in range(LOOKED_AT - 1)]
        keys = {f"k{at:02}": 1 for at in range(60)}
        rows = rows_of([*old, *new, Metric("up", 1.0, 10**6, attributes=keys)])
        for first in range(0, len(rows), 5_000):
            batch = rows[first : first + 5_000]
            await store.write(batch, Offset(batch[-1].offset + 1))
        found = await store.attributes("up")
        assert [seen.key for seen in found] == ["v", *sorted(keys)][:MAX_KEYS]
        assert (found[0].count, len(found[0].values)) == (LOOKED_AT - 1, MAX_VALUES)
        # 9,999 metrics have the first 59 of 70 values once more than the others.
        assert set(found[0].values) <= {str(at) for at in range((LOOKED_AT - 1) % 70)}

    async def test_a_filtered_series_is_of_whole_batches(self, store: HistoryStore) -> None:
        """A reader of one session sees whole batches only while they are written, late metrics included."""
        metrics = [Metric("up", 1.0, at % 7, session="s", attributes={"k": 1}) for at in range(500)]

        async def write() -> None:
            for first in range(0, 5_000, 500):
                await store.write(rows_of(metrics, first), Offset(first + 500))

        query = SeriesQuery("up", 0, 10, 10, session="s", attributes=(("k", "1"),))
        writing = asyncio.ensure_future(write())
        seen: list[int] = []
        try:
            while not writing.done():
                series = await store.series(query)
                seen.append(series[0].points[0].count if series else 0)
                await asyncio.sleep(0)
        finally:
            await writing
        assert seen == sorted(seen)
        assert all(count % 500 == 0 for count in seen)

    @pytest.mark.parametrize("step", [0, -1])
    async def test_a_filtered_step_below_one_is_refused(self, store: HistoryStore, step: int) -> None:
        """As without a filter."""
        with pytest.raises(ValueError, match="at least 1 ns"):
            await store.series(SeriesQuery("load", 0, 10, step, session="s"))
