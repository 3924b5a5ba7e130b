"""The feature flags in memory: web.evaluations.Flags over the same core, without a journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from actors.core.flags import DEFINITIONS, UNDECIDED, by_name, decide, defined, evaluate, report
from journal.flags import FlagState, evolve_flags
from web.evaluations import Definition, Evaluation, FlagChange, FlagDetails, FlagList, FlagReport
from web.ports import Refused

MORE = (
    Definition("test.count", "integer", 3, "A whole number", minimum=0, maximum=10),
    Definition("test.share", "number", 0.5, "A number"),
    Definition("test.text", "string", "", "Any string"),
)


class MemoryFlags:
    """Every change holds at once; `refuse_with` refuses it. Nobody is remembered."""

    def __init__(self, definitions: Iterable[Definition] = (*DEFINITIONS, *MORE)) -> None:
        self.definitions = by_name(definitions)
        self.flags: dict[str, FlagState] = {}
        self.refuse_with: Refused | None = None
        self.watchers: list[Callable[[str], None]] = []
        self._clock = 1_700_000_000_000_000_000

    def evaluate(self, name: str, session: str) -> Evaluation:
        """As web.evaluations.Flags says."""
        return evaluate(defined(self.definitions, name), self.flags.get(name, UNDECIDED), session)

    def evaluate_all(self, session: str) -> list[Evaluation]:
        """As web.evaluations.Flags says."""
        return [self.evaluate(name, session) for name in self.definitions]

    def overview(self, session: str) -> FlagList:
        """As web.evaluations.Flags says."""
        return FlagList(session, [self._report(name, session) for name in self.definitions])

    def show(self, name: str, session: str) -> FlagDetails:
        """As web.evaluations.Flags says."""
        return FlagDetails(**msgspec.structs.asdict(self._report(name, session)), shares=[], seen=[])

    async def change(self, name: str, change: FlagChange) -> FlagReport | Refused:
        """As web.evaluations.Flags says."""
        event = decide(self.definitions, self.flags, name, change)
        if self.refuse_with is not None:
            return self.refuse_with
        self._clock += 1
        self.flags = evolve_flags(self.flags, event, self._clock)
        for changed in tuple(self.watchers):
            changed(name)
        return self._report(name, change.session or "")

    @contextmanager
    def watch(self, changed: Callable[[str], None]) -> Iterator[None]:
        """As web.evaluations.Flags says."""
        self.watchers.append(changed)
        try:
            yield
        finally:
            self.watchers.remove(changed)

    def _report(self, name: str, session: str) -> FlagReport:
        return report(defined(self.definitions, name), self.flags.get(name, UNDECIDED), session)
