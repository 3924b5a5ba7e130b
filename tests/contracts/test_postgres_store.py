from __future__ import annotations

import pytest

from actors.stores.postgres import PostgresStore
from tests.contracts.postgres_tables import PostgresTables
from tests.contracts.store_suite import Connect
from tests.supabase.fixtures import local_databases, local_postgres, migrated_database
from tests.supabase.postgres import Postgres

__all__ = ["local_databases", "local_postgres", "migrated_database"]


class TestPostgresStore(PostgresTables):
    @pytest.fixture
    def connect(self, local_postgres: Postgres, migrated_database: str) -> Connect:
        self.dsn = local_postgres.dsn(database=migrated_database)
        return lambda: PostgresStore(self.dsn, "postgres")
