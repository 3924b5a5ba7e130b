"""What `forebay top` knows of a process, and the frame that tells it."""

from __future__ import annotations

from typing import Final

import msgspec

from actors.cli.exits import CommandError
from actors.cli.overview import WIDTH, overview
from actors.cli.pulse import Flow, Pulse
from actors.cli.terminal import cut, paint
from journal.metric import Nanoseconds
from web.health import Health, health, span
from web.report import StatusReport

_AWAY: Final = "still trying; below is how it was"


class View(msgspec.Struct, frozen=True):
    """A line of `forebay top --json`. `status` is None, and `error` says why, where nobody answered."""

    at: Nanoseconds
    health: Health
    accepted_per_second: float | None
    persisted_per_second: float | None
    status: StatusReport | None
    error: str | None = None


class Watch:
    """The latest status of the process at `url`, and since when there is none."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pulse = Pulse()
        self._report: StatusReport | None = None
        self._seen_at: Nanoseconds = 0
        self._flow: Flow | None = None
        self._away_since = 0.0
        self.trouble: CommandError | None = None
        """Why the last look told nothing; None if it did."""

    def saw(self, report: StatusReport, at: float, now: Nanoseconds) -> None:
        """The process answered, `at` seconds of a steady clock, which is `now`."""
        self.trouble = None
        self._flow = self._pulse.feel(report, at)
        self._report, self._seen_at = report, now

    def missed(self, error: CommandError, at: float) -> None:
        """It did not."""
        if self.trouble is None:
            self._away_since = at
        self.trouble = error

    def frame(self, at: float, now: Nanoseconds, room: int | None) -> list[str]:
        """What there is to see, in at most `room` columns and never more than WIDTH."""
        room = min(room or WIDTH, WIDTH)
        if self.trouble is None:
            return [] if self._report is None else overview(self._report, now, room, self._flow)
        away = f"no status from {self._url} for {span(at - self._away_since)}: {_AWAY}"
        told = [paint(cut(away, room), "red")]
        if self._report is not None:
            told += overview(self._report, self._seen_at, room)
        return told

    def as_json(self, now: Nanoseconds) -> str:
        """The same for programs, in one line."""
        if self.trouble is not None or self._report is None:
            error = str(self.trouble)
            view = View(now, Health("bad", f"No status from {self._url}."), None, None, None, error)
        else:
            flow = self._flow
            view = View(
                now,
                health(self._report, now),
                None if flow is None else round(flow.accepted, 3),
                None if flow is None else round(flow.persisted, 3),
                self._report,
            )
        return msgspec.json.encode(view).decode()
