"""Which metrics and events of a journal somebody wants to see. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Any, Final, get_args

import msgspec

from journal.events import ControlEvent
from journal.inspect.lines import Measured, event_text, metric_text
from journal.metric import Kind, Nanoseconds

METRIC_KINDS: Final[tuple[str, ...]] = get_args(Kind)
CONTROL_KINDS: Final[tuple[str, ...]] = tuple(
    str(cls.__struct_config__.tag).partition("/")[0] for cls in get_args(ControlEvent)
)

_WILD = re.compile(r"[*?\[]")


class Bound(msgspec.Struct, frozen=True):
    """A place in a journal, by offset or by when it was accepted; one of the two is None."""

    offset: int | None = None
    time: Nanoseconds | None = None


class Selection(msgspec.Struct, frozen=True):
    """From `since` on, up to and without `until`; of `kinds`, `names` and `sources` those asked for.

    A name or source may hold the wildcards of a shell. An empty tuple asks for all; control events have no
    name and no source, so asking for one leaves them out. `grep` is a regular expression that must be found
    in a line's kind or in what it says; "" is in every one. A re.error where it is none shows when a test is
    made.
    """

    since: Bound = Bound()
    until: Bound = Bound()
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    limit: int | None = None
    grep: str = ""

    @property
    def narrows(self) -> bool:
        """Whether it asks for more than a range of offsets or times."""
        return bool(self.kinds or self.names or self.sources or self.grep or self.limit is not None)

    @property
    def wants_metrics(self) -> bool:
        """Whether any metric may be asked for, and not only control events."""
        return not self.kinds or not set(self.kinds).isdisjoint(METRIC_KINDS)

    def wants_control(self, kind: str) -> bool:
        """Whether control events of `kind` may be asked for, whatever they say."""
        return not (self.names or self.sources) and (not self.kinds or kind in self.kinds)

    def control_test(self) -> Callable[[str, Mapping[str, Any]], bool]:
        """Says whether a control event of a kind, with its fields, is asked for."""
        if not self.grep:
            return lambda kind, _: self.wants_control(kind)
        found = re.compile(self.grep).search
        return lambda kind, fields: (
            self.wants_control(kind) and bool(found(kind) or found(event_text(fields)))
        )

    def metric_test(self) -> Callable[[Measured], bool] | None:
        """Says whether a metric is asked for; None where every one is."""
        tests: list[Callable[[Measured], bool]] = []
        if self.kinds:
            kinds = frozenset(self.kinds)
            tests.append(lambda metric: metric.kind in kinds)
        if self.names:
            name = _text_test(self.names)
            tests.append(lambda metric: name(metric.name))
        if self.sources:
            source = _text_test(self.sources)
            tests.append(lambda metric: source(metric.source))
        if self.grep:
            found = re.compile(self.grep).search
            found_kinds = frozenset(filter(found, METRIC_KINDS))
            tests.append(lambda metric: metric.kind in found_kinds or bool(found(metric_text(metric))))
        if len(tests) < 2:
            return tests[0] if tests else None
        return lambda metric: all(test(metric) for test in tests)


def _text_test(patterns: Sequence[str]) -> Callable[[str], bool]:
    if not any(_WILD.search(pattern) for pattern in patterns):
        return frozenset(patterns).__contains__
    found = re.compile("|".join(map(translate, patterns))).match
    return lambda text: found(text) is not None
