"""Which metrics and events of a journal somebody wants to see. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Final, get_args

import msgspec

from journal.events import ControlEvent
from journal.metric import Kind, Metric, Nanoseconds

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
    name and no source, so asking for one leaves them out.
    """

    since: Bound = Bound()
    until: Bound = Bound()
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    limit: int | None = None

    def wants_control(self, kind: str) -> bool:
        """Whether control events of `kind` are asked for."""
        return not (self.names or self.sources) and (not self.kinds or kind in self.kinds)

    def metric_test(self) -> Callable[[Metric], bool] | None:
        """Says whether a metric is asked for; None where every one is."""
        tests: list[Callable[[Metric], bool]] = []
        if self.kinds:
            kinds = frozenset(self.kinds)
            tests.append(lambda metric: metric.kind in kinds)
        if self.names:
            name = _text_test(self.names)
            tests.append(lambda metric: name(metric.name))
        if self.sources:
            source = _text_test(self.sources)
            tests.append(lambda metric: source(metric.source))
        if len(tests) < 2:
            return tests[0] if tests else None
        return lambda metric: all(test(metric) for test in tests)


def _text_test(patterns: Sequence[str]) -> Callable[[str], bool]:
    if not any(_WILD.search(pattern) for pattern in patterns):
        return frozenset(patterns).__contains__
    found = re.compile("|".join(map(translate, patterns))).match
    return lambda text: found(text) is not None
