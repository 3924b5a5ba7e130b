"""One sound journal for all tests here, and a copy of it for each."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.journal.repair.scene import Written, make_journal, truth_of


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "journal"
    asyncio.run(make_journal(path, records=40))
    return path


@pytest.fixture
def journal(original: Path, tmp_path: Path) -> Path:
    path = tmp_path / "data" / "journal"
    shutil.copytree(original, path)
    return path


@pytest.fixture
def truth(original: Path) -> list[Written]:
    return truth_of(original)
