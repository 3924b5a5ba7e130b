"""The in-memory ingest of these tests keeps the contract that the real one keeps."""

from __future__ import annotations

import pytest

from tests.contracts.ingest_suite import IngestContract
from tests.web.memory import MemoryIngest
from web.ports import Refused


class TestMemoryIngest(IngestContract):
    @pytest.fixture
    async def ingest(self) -> MemoryIngest:
        return MemoryIngest()

    @pytest.fixture
    async def refusing(self) -> MemoryIngest:
        ingest = MemoryIngest()
        ingest.refuse_with = Refused("stopping", "shutting down")
        return ingest
