"""The feature flags of a running process, for the edge: `web.evaluations.Flags` over the journal."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Final, NamedTuple

import msgspec
import structlog

from actors.core.flags import DEFINITIONS, UNDECIDED, by_name, decide, defined, evaluate, report
from actors.ingest import refusal
from journal.committer import JournalFailedError, JournalFullError
from journal.flags import FlagChanged, FlagEvent, FlagOverridden, FlagState, FlagValue
from journal.log import Appended, Journal, JournalClosedError
from journal.metric import Nanoseconds
from web.evaluations import (
    Definition,
    Evaluation,
    FlagChange,
    FlagDetails,
    FlagList,
    FlagReport,
    Reason,
    Share,
    Sighting,
)
from web.ports import Refused

MOST_SEEN: Final = 1_000
"""Sessions of which it is remembered what they were given."""

MOST_SHOWN: Final = 50
"""Sessions that are shown one by one."""

log = structlog.get_logger("flags")


class _Given(NamedTuple):
    value: FlagValue
    reason: Reason
    at: Nanoseconds


class Seen:
    """What the last MOST_SEEN sessions that asked were given, in memory only."""

    def __init__(self, now: Callable[[], Nanoseconds]) -> None:
        self._now = now
        self._sessions: OrderedDict[str, dict[str, _Given]] = OrderedDict()

    def note(self, session: str, evaluations: Iterable[Evaluation]) -> None:
        """Remember what `session` was given just now; nobody in particular is not remembered."""
        if not session:
            return
        given = self._sessions.setdefault(session, {})
        self._sessions.move_to_end(session)
        for each in evaluations:
            given[each.name] = _Given(each.value, each.reason, self._now())
        if len(self._sessions) > MOST_SEEN:
            self._sessions.popitem(last=False)

    def of(self, name: str) -> tuple[list[Share], list[Sighting]]:
        """The shares of the flag `name`, the largest first, and its latest sightings, the last first."""
        given = [
            (session, flags[name]) for session, flags in reversed(self._sessions.items()) if name in flags
        ]
        # By its JSON as well: to Python, 1 is 1.0 and True.
        counts: Counter[tuple[bytes, Reason]] = Counter(
            (msgspec.json.encode(each.value), each.reason) for _, each in given
        )
        shares = [
            Share(msgspec.json.decode(value, type=FlagValue), reason, count)
            for (value, reason), count in counts.most_common()
        ]
        return shares, [Sighting(session, *each) for session, each in given[:MOST_SHOWN]]


class FlagsPort:
    """See web.evaluations.Flags. A change is an event; what holds is the journal's state."""

    def __init__(
        self,
        journal: Journal,
        now: Callable[[], Nanoseconds],
        definitions: Iterable[Definition] = DEFINITIONS,
    ) -> None:
        self._journal = journal
        self._definitions = by_name(definitions)
        self._seen = Seen(now)
        self._watchers: dict[object, Callable[[str], None]] = {}
        # A change is decided by what holds, which the one before it has to be part of.
        self._changing = asyncio.Lock()

    def evaluate(self, name: str, session: str) -> Evaluation:
        """See Flags."""
        evaluation = evaluate(defined(self._definitions, name), self._state(name), session)
        self._seen.note(session, [evaluation])
        return evaluation

    def evaluate_all(self, session: str) -> list[Evaluation]:
        """See Flags."""
        evaluations = [evaluate(each, self._state(name), session) for name, each in self._definitions.items()]
        self._seen.note(session, evaluations)
        return evaluations

    def overview(self, session: str) -> FlagList:
        """See Flags."""
        return FlagList(session, [self._report(name, session) for name in self._definitions])

    def show(self, name: str, session: str) -> FlagDetails:
        """See Flags."""
        shares, seen = self._seen.of(name)
        about = msgspec.structs.asdict(self._report(name, session))
        return FlagDetails(**about, shares=shares, seen=seen)

    async def change(self, name: str, change: FlagChange) -> FlagReport | Refused:
        """See Flags."""
        async with self._changing:
            event = decide(self._definitions, self._journal.state.flags, name, change)
            refused = await self._write(event)
        if refused is not None:
            return refused
        match event:
            case FlagChanged(value=None):
                log.info("flag reset", flag=name, by=event.by)
            case FlagChanged():
                log.info("flag changed", flag=name, value=event.value, rollout=event.rollout, by=event.by)
            case FlagOverridden(session=session):
                log.info("flag overridden", flag=name, session=session, value=event.value, by=event.by)
        return self._report(name, event.session if isinstance(event, FlagOverridden) else "")

    async def _write(self, event: FlagEvent) -> Refused | None:
        try:
            appended = self._journal.append([event])
        except JournalClosedError as error:
            return refusal(error)

        def done(appended: asyncio.Future[Appended]) -> None:
            if appended.exception() is None:
                self._tell(event.name)

        # Whoever asked may hang up: the event stands, and the pages are told all the same.
        appended.add_done_callback(done)
        try:
            await asyncio.shield(appended)
        except (JournalFullError, JournalFailedError) as error:
            return refusal(error)
        return None

    @contextmanager
    def watch(self, changed: Callable[[str], None]) -> Generator[None]:
        """See Flags."""
        key = object()
        self._watchers[key] = changed
        try:
            yield
        finally:
            del self._watchers[key]

    def _tell(self, name: str) -> None:
        for changed in tuple(self._watchers.values()):
            changed(name)

    def _report(self, name: str, session: str) -> FlagReport:
        return report(defined(self._definitions, name), self._state(name), session)

    def _state(self, name: str) -> FlagState:
        return self._journal.state.flags.get(name, UNDECIDED)
