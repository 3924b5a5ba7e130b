"""Databases with rules that their owner has added, and what to look for in them after poison has come."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import asyncpg

from actors.stores.base import HistoryStore
from actors.stores.postgres import PostgresStore
from actors.stores.sqlite import SqliteStore
from actors.stores.supabase import SupabaseStore
from tests.process.poison import KINDS, NO_RULES, RULES, SQLITE_KINDS, SQLITE_RULES, Kind
from tests.supabase.stack import LocalSupabase


class Place:
    """A store's database, to look into and to change past the store."""

    kinds: tuple[Kind, ...] = KINDS
    rules, no_rules = RULES, NO_RULES

    def __init__(self, supabase: LocalSupabase, home: Path) -> None:
        self.supabase = supabase
        self.home = home

    def store(self) -> HistoryStore:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What lets the real process use this store."""
        raise NotImplementedError

    async def prepare(self) -> None:
        """Let there be tables."""

    async def add_rules(self) -> None:
        await self.execute(self.rules)

    async def execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.supabase.db_url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def select(self, sql: str) -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(self.supabase.db_url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()


class InSupabase(Place):
    def store(self) -> HistoryStore:
        return SupabaseStore(self.supabase.url, self.supabase.service_role_key)

    def environment(self) -> dict[str, str]:
        return {**self.supabase.environment(), "FOREBAY_STORE": "supabase:"}


class InPostgres(Place):
    def store(self) -> HistoryStore:
        return PostgresStore(self.supabase.db_url, "postgres")

    def environment(self) -> dict[str, str]:
        return {"FOREBAY_STORE": self.supabase.db_url}


class InSqlite(Place):
    kinds = SQLITE_KINDS
    rules, no_rules = SQLITE_RULES, "drop trigger value_not_negative; drop trigger unit_allowed"

    def store(self) -> HistoryStore:
        return SqliteStore(str(self.home / "forebay.db"))

    async def prepare(self) -> None:
        self.home.mkdir(exist_ok=True)
        store = self.store()
        await store.open("none")
        await store.close()

    async def execute(self, sql: str) -> None:
        with contextlib.closing(sqlite3.connect(self.home / "forebay.db", timeout=30)) as database:
            database.executescript(sql)

    async def select(self, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.home / "forebay.db", timeout=30)) as database:
            return database.execute(sql).fetchall()
