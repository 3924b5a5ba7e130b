"""A Supabase for each test and Forebays that write to it, for tests to import with all that they stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.process.forebay import say
from tests.process.outages import Cell, Scene
from tests.supabase.fixtures import local_databases, local_postgres, local_supabase
from tests.supabase.stack import LocalSupabase

__all__ = ["Launch", "launch", "local_databases", "local_postgres", "local_supabase", "scene"]

Launch = Callable[..., Cell]


@pytest.fixture
def scene(kind: str, local_supabase: LocalSupabase, tmp_path: Path) -> Iterator[Scene]:
    """A Supabase, migrated, empty and without faults, and which store of the two is meant."""
    asyncio.run(local_supabase.renew())
    yield Scene(local_supabase, kind, tmp_path)
    local_supabase.clear_faults()
    local_supabase.revive()


@pytest.fixture
def launch(scene: Scene) -> Iterator[Launch]:
    """Starts Forebays with these variables, `on` another scene if told; at the end none is left running."""
    made: list[Cell] = []

    def start(name: str = "edge", *, on: Scene = scene, **env: str) -> Cell:
        cell = Cell(on, name, env)
        made.append(cell)
        cell.forebay.start()
        return cell

    yield start
    for cell in made:
        cell.forebay.close()
        # pytest shows this where the test failed.
        say(f"--- log of {cell.source}\n{cell.forebay.log()[-8000:]}")
