"""How hard the process is pressed: whether clients wait for the journal, and for want of a processor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from actors.core.persistence import Pressure
from journal.log import Journal


class PressureGauge:
    """Reads the pressure since it was last read.

    `monotonic` and `processor_time` are seconds, the latter of all threads together, on `processors`.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        processor_time: Callable[[], float] = time.process_time,
        processors: int | None = None,
    ) -> None:
        self._journal = journal
        self._monotonic = monotonic
        self._processor_time = processor_time
        self._processors = processors or _available()
        self._last = self._now()

    def read(self) -> Pressure:
        """The shares of the time since the last reading; none of it where no time has passed."""
        before, self._last = self._last, self._now()
        elapsed, waited, used = (now - then for now, then in zip(self._last, before, strict=True))
        if elapsed <= 0:
            return Pressure(0.0, 0.0)
        return Pressure(waited / elapsed, used / elapsed / self._processors)

    def _now(self) -> tuple[float, float, float]:
        return self._monotonic(), self._journal.seconds_waited, self._processor_time()


def _available() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
