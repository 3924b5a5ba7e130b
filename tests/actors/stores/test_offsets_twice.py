"""An offset that a partitioned table holds twice, with two times, which its key allows."""

from __future__ import annotations

import pytest

from actors.core.audit import repeats
from actors.stores.base import HistoryStore
from actors.stores.postgres import PostgresStore
from actors.stores.supabase import SupabaseStore
from journal.metric import Offset
from tests.contracts.store_rows import new_journal, plain
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.stack import LocalSupabase

__all__ = ["local_databases", "local_postgres", "local_supabase", "supabase"]

PAGE = 4
TWICE = [0, 2, 3, 7, 9]


@pytest.mark.parametrize("kind", ["postgres", "supabase"])
async def test_no_cut_between_two_pages_hides_it(
    supabase: LocalSupabase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """`offsets` gives it twice wherever it stands, at the end and at the beginning of a page too."""
    monkeypatch.setattr("actors.stores.postgres.RUN", PAGE)
    monkeypatch.setattr("actors.stores.supabase.PAGE", PAGE)
    store: HistoryStore
    if kind == "postgres":
        store = PostgresStore(supabase.db_url, "postgres")
    else:
        store = SupabaseStore(supabase.url, supabase.service_role_key)
    journal_id = new_journal()
    try:
        await store.open(journal_id)
        await store.write(plain(0, 10), Offset(10))
        columns = 'journal_id, "offset", name, value'
        for offset in TWICE:
            supabase.postgres.execute(
                f'insert into metrics ({columns}, "time", time_ns) select {columns},'
                " forebay.moment(time_ns + 1000), time_ns + 1000 from metrics"
                f" where journal_id = '{journal_id}' and \"offset\" = {offset}",
                supabase.database,
                "postgres",
            )
        found = [offset async for run in store.offsets(Offset(0), Offset(100)) for offset in run]
        assert sorted(set(found)) == list(range(10))
        assert repeats(found) == TWICE
    finally:
        await store.close()
