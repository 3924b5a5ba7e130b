"""How fast metrics come in and go out, from one status to the next. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from web.report import StatusReport

SHOWN: Final = 40
"""Samples in a sparkline."""
_BARS: Final = "▁▂▃▄▅▆▇█"


class Flow(msgspec.Struct, frozen=True):
    """Metrics a second, and how that has been: the latest SHOWN samples as a sparkline, both on one scale."""

    accepted: float
    persisted: float
    accepted_line: str = ""
    persisted_line: str = ""


class Pulse:
    """Remembers the latest statuses."""

    def __init__(self) -> None:
        self._last: tuple[float, StatusReport] | None = None
        self._samples: deque[tuple[float, float]] = deque(maxlen=SHOWN)

    def feel(self, report: StatusReport, at: float) -> Flow | None:
        """The flow up to `report`, seen `at` seconds of any steady clock; None for the first of a journal."""
        last, self._last = self._last, (at, report)
        if last is None or last[1].journal.id != report.journal.id:
            self._samples.clear()
            return None
        before, seconds = last[1], max(at - last[0], 1e-6)
        accepted = max(report.accepted - before.accepted, 0) / seconds
        persisted = max(report.persisted - before.persisted, 0) / seconds
        self._samples.append((accepted, persisted))
        most = max(max(sample) for sample in self._samples)
        return Flow(
            accepted,
            persisted,
            sparkline([sample[0] for sample in self._samples], most),
            sparkline([sample[1] for sample in self._samples], most),
        )


def sparkline(values: list[float], most: float) -> str:
    """A bar a value, the full one for `most`; the lowest stands for nothing or next to it."""
    if most <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(int(value / most * len(_BARS)), len(_BARS) - 1)] for value in values)
