"""What a store's own table of feature flags is told, for the people who look there."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from actors.core.flags import DEFINITIONS, flag_rows
from actors.persistence.guard import GuardedStore
from actors.stores.base import StoreError
from journal.flags import FlagState
from journal.log import Journal

AGAIN_AFTER = 60.0
"""Seconds after which a table that could not be written is tried again."""

log = structlog.get_logger("persistence")


class FlagMirror:
    """Keeps `store`'s table of flags as the journal has them. `clock` is monotonic, in seconds."""

    def __init__(self, journal: Journal, store: GuardedStore, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._store = store
        self._clock = clock
        self._told: dict[str, FlagState] | None = None
        self._not_before = float("-inf")

    def forget(self) -> None:
        """The table may be another one now: write the flags again."""
        self._told = None

    async def bring_up_to_date(self) -> None:
        """Write the flags if they have changed since they were last written, or never were. A convenience: a
        failure is logged, and tried again after a while."""
        flags = self._journal.state.flags
        if flags == self._told or self._clock() < self._not_before:
            return
        try:
            await self._store.mirror_flags(flag_rows(DEFINITIONS, flags))
        except StoreError as error:
            self._not_before = self._clock() + AGAIN_AFTER
            log.warning("feature flags are not mirrored for now", store=self._store.name, error=str(error))
        else:
            self._told = flags
