from __future__ import annotations

import pytest

from actors.stores.supabase import SupabaseStore
from tests.contracts.postgres_tables import PostgresTables
from tests.contracts.store_suite import Connect
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase, supabase
from tests.supabase.stack import LocalSupabase

__all__ = ["local_databases", "local_postgres", "local_supabase", "supabase"]


class TestSupabaseStore(PostgresTables):
    cursor_with_rows = False

    @pytest.fixture
    def connect(self, supabase: LocalSupabase) -> Connect:
        self.dsn = supabase.db_url
        return lambda: SupabaseStore(supabase.url, supabase.service_role_key)
