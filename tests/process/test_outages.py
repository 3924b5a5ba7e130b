"""The outage matrix against the real process, PostgreSQL and PostgREST: every outage, at every moment.

A row of it is an outage; its columns live through it at the same time, each a process with a journal of its
own. See outages.py and outage_causes.py. Each outage meets two of the moments, in turns from row to row;
`FOREBAY_OUTAGES=all` has it meet all four.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.process.outage_causes import OUTAGES
from tests.process.outages import COLUMNS, GRACEFUL, PROMPT, Cell, Outage, Row, Scene
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase
from tests.supabase.stack import LocalSupabase

__all__ = ["local_databases", "local_postgres", "local_supabase"]

ALL = os.environ.get("FOREBAY_OUTAGES") == "all"
TURNS = (("during-ingest", "during-shutdown"), ("at-startup", "then-killed"))


class Meant(NamedTuple):
    """Of which store, which outage, at which moments."""

    kind: str
    outage: Outage
    columns: tuple[str, ...]


CELLS = [
    pytest.param(Meant(kind, outage, columns), column, id=f"{column}-{kind}-{outage.name}")
    for kind, outages in OUTAGES.items()
    for number, outage in enumerate(outages)
    for columns in [tuple(COLUMNS) if ALL else TURNS[number % 2]]
    for column in columns
]


@pytest.fixture(scope="module")
def row(
    request: pytest.FixtureRequest, local_supabase: LocalSupabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Row]:
    """One outage, over."""
    meant: Meant = request.param
    asyncio.run(local_supabase.renew())
    scene = Scene(local_supabase, meant.kind, tmp_path_factory.mktemp("outage"))
    row = Row(scene, meant.outage, meant.columns)
    try:
        row.suffer()
        yield row
    finally:
        row.close()
        local_supabase.clear_faults()
        local_supabase.revive()


@pytest.fixture(scope="module")
def cell(request: pytest.FixtureRequest, row: Row) -> Cell:
    """One of its columns."""
    return row.cell(request.param)


# By module: pytest then runs all three tests of a cell in turn, and an outage is lived through once.
@pytest.mark.parametrize(("row", "cell"), CELLS, indirect=True, scope="module")
class TestOutage:
    def test_every_accepted_metric_is_stored_once(self, cell: Cell) -> None:
        """All that was answered with 202 is in the database as it was sent, once, and nothing else is; none
        is a dead letter; the database counts it once; `forebay audit` balances."""
        assert cell.stored == sorted(cell.accepted)
        assert len(cell.accepted) >= 1_000
        assert cell.after["dead_lettered"] == cell.after["dead_letters"]["pending"] == 0
        assert cell.counted == len(cell.accepted)
        assert cell.audited.endswith("exit code 0"), cell.audited

    def test_metrics_are_taken_all_the_time(self, cell: Cell) -> None:
        """Every POST is answered with 202, and promptly; the process stays ready."""
        assert cell.answers == {202}
        assert statistics.median(cell.took) < PROMPT
        assert cell.readiness == {200}

    def test_people_are_told(self, cell: Cell) -> None:
        """Meanwhile the status says what is wrong, and afterwards nothing; no secret is in it, or in the log;
        whoever is told to stop meanwhile does so in time."""
        assert all(store["last_error"] and store["lag"] > 0 for store in cell.seen)
        (store,) = cell.after["stores"]
        assert (store["breaker"], store["last_error"], store["error_kind"]) == ("closed", None, None)
        told = cell.shown + cell.forebay.log()
        assert not [secret for secret in cell.scene.secrets if secret in told]
        assert cell.stopping < GRACEFUL + 10
