"""Rows for the suite of stores, and the model that their series are held against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from actors.stores.base import HistoryStore, Row
from journal.metric import Kind, Metric, Offset
from web.ports import SeriesQuery

T0 = 1_750_000_000_000_000_000
MAX_FLOAT, MAX_INT64, MIN_INT64 = 1.7976931348623157e308, 2**63 - 1, -(2**63)

_journals = count()


def new_journal() -> str:
    """A journal id that no other test has."""
    return f"00000000-0000-4000-8000-{next(_journals):012}"


def rows_of(metrics: Iterable[Metric], first: int = 0) -> list[Row]:
    """Rows with offsets from `first` on, accepted a microsecond apart."""
    return [Row(Offset(at), T0 + at * 1_000, metric) for at, metric in enumerate(metrics, first)]


def plain(first: int, until: int, **fields: Any) -> list[Row]:
    """Rows of `[first, until)`, each with its offset as its value."""
    return rows_of([Metric(name="load", value=float(at), **fields) for at in range(first, until)], first)


async def stored(store: HistoryStore, start: int = 0, until: int = 2**40) -> list[Row]:
    """Every row of the store in `[start, until)`."""
    return [row async for run in store.rows(Offset(start), Offset(until)) for row in run]


ODD_METRICS = [
    *(Metric(name=f"kind.{kind}", value=1.0, kind=kind) for kind in get_args(Kind)),
    *(Metric(name="float", value=value) for value in (0.1, -0.0, 5e-324, 1 / 3, MAX_FLOAT, -MAX_FLOAT)),
    *(Metric(name="time", value=0.0, time=time) for time in (0, -1, MAX_INT64, MIN_INT64, T0 + 1)),
    Metric(name="n" * 255, value=1.0, unit="µs", source="søurce 🛰", session="\u202eחדש"),
    Metric(name="quotes '\"\\ \n\t\x01 %_?", value=1.0, unit="'; DROP TABLE metrics; --"),
    Metric(name="attributes", value=1.0, attributes={"text": "é\"\\\n", "no": False, "yes": True, "": 1}),
    Metric(name="attributes", value=1.0, attributes={"least": MIN_INT64, "most": MAX_INT64, "float": 1.0}),
    Metric(name="attributes", value=1.0, attributes={"tiny": 5e-324, "huge": MAX_FLOAT, "third": 1 / 3}),
    Metric(name="attributes", value=1.0, attributes={f"key {at}": at for at in range(128)}),
    Metric(name="long", value=1.0, unit="x" * 100_000),
]  # fmt: skip

values = st.floats(min_value=-MAX_FLOAT, max_value=MAX_FLOAT, allow_nan=False)
metrics_in_time = st.lists(
    st.builds(
        Metric,
        name=st.sampled_from(["a", "b"]),
        value=values,
        time=st.integers(-50, 50) | st.sampled_from([MIN_INT64, MAX_INT64]),
        unit=st.just("s"),
        source=st.sampled_from(["", "x", "y"]),
    ),
    max_size=30,
)


odd_keys = st.sampled_from(["gpu", "é", 'a"b', "x,", ":1,", "}", "back\\", ""])
odd_values = st.sampled_from(
    ["1", "true", "x", 'q"', "x,", "1,", "\\", "", 1, 1.0, 1 / 3, 1e308, -0.0, True, False, MIN_INT64]
)
metrics_with_attributes = st.lists(
    st.builds(
        Metric,
        name=st.just("a"),
        value=st.integers(-5, 5).map(float),
        time=st.integers(-50, 50),
        source=st.sampled_from(["", "x"]),
        session=st.sampled_from(["", "s", "t"]),
        attributes=st.dictionaries(odd_keys, odd_values, max_size=3),
    ),
    min_size=1,
    max_size=20,
)


def as_text(value: object) -> str:
    """What an attribute's value is filtered by."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def model_series(rows: Sequence[Row], query: SeriesQuery) -> dict[tuple[str, int], list[float]]:
    """The values of each (source, point) that a series must have."""
    points: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for row in rows:
        metric = row.metric
        assert metric.time is not None
        wanted = (
            metric.name == query.name
            and query.start <= metric.time < query.until
            and query.source in (None, metric.source)
            and query.session in (None, metric.session)
            and set(query.attributes) <= {(key, as_text(value)) for key, value in metric.attributes.items()}
        )
        if wanted:
            points[metric.source, metric.time // query.step * query.step].append(metric.value)
    return points
