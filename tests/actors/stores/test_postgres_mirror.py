from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from actors.stores.base import LetterRow, PoisonError
from journal.metric import Metric, Offset
from tests.actors.stores.postgres_scene import (
    Scene,
    local_databases,
    local_postgres,
    migrated_database,
    scene,
)
from tests.contracts.store_rows import T0

__all__ = ["local_databases", "local_postgres", "migrated_database", "scene"]


def letter(offset: int, status: Any = "pending", **fields: Any) -> LetterRow:
    return LetterRow(
        Offset(offset),
        T0,
        Metric(**{"name": "a", "value": 1.0, **fields}),
        "check",
        "no \0",
        1,
        status,
        T0,
        T0,
    )


async def test_a_mirror_is_whole_or_absent(scene: Scene) -> None:
    """Of many letters the last of which the table refuses, none is there."""
    store = await scene.store()
    with pytest.raises(PoisonError):
        await store.mirror([*map(letter, range(2_500)), letter(2_500, status="unheard of")])
    assert scene.sql("select count(*) from dead_letters") == "0"
    await store.mirror([letter(offset) for offset in range(2_500)])
    assert scene.sql("select count(*) from dead_letters") == "2500"


async def test_what_no_column_holds_is_mirrored(scene: Scene) -> None:
    """Lone surrogates and times beyond 64 bits are why a metric is there: it is kept whole, as JSON."""
    store = await scene.store()
    odd = letter(7, name="x\ud800", time=2**63, attributes={"\udfff": "\0"})
    await store.mirror([odd])
    name, time, metric = scene.sql("select name, time_ns, metric from dead_letters").split("|", 2)
    assert (name, time) == ("x\\ud800", str(2**63 - 1))
    assert json.loads(metric) == msgspec.to_builtins(odd.metric)
