"""Metrics as clients may send them."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from journal.metric import MAX_ATTRIBUTES, Kind, Metric

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
int64 = st.integers(-(2**63), 2**63 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)

metrics = st.builds(
    Metric,
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255),
    value=finite,
    time=st.none() | int64,
    kind=st.sampled_from(get_args(Kind)),
    unit=text,
    source=text,
    session=text,
    attributes=st.dictionaries(text, text | st.booleans() | int64 | finite, max_size=5),
)
batches = st.lists(metrics, min_size=1, max_size=20)


def plain(metrics: list[Any]) -> list[dict[str, Any]]:
    """Metrics as maps: a received one is of a subclass, which a Struct holds to be different."""
    return [msgspec.structs.asdict(metric) for metric in metrics]


TOO_MANY = {str(number): number for number in range(MAX_ATTRIBUTES + 1)}
