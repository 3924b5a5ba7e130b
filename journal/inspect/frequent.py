"""Which texts are the most frequent among any number of different ones, in bounded memory. Pure.

Up to MOST different texts each is counted exactly. Where there are more, the rarer half is forgotten, and
what comes new from then on may have been forgotten before: its count is a lower bound, and says by how much
at most it is too low. That is never more than one in MOST / 2 of all that came (Misra and Gries, "Finding
repeated elements", 1982): what is frequent is there, and is counted exactly where it came early.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Final

import msgspec

MOST: Final = 40_000
"""Different texts that are counted exactly: about 10 MB of them as names usually are."""

LONGEST: Final = 255
"""Characters of a text that tell it apart; a name has no more, a source may."""


class Share(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often `text` came, and up to `missed` times more."""

    text: str
    count: int
    missed: int = 0


class Frequent:
    """Counts texts."""

    def __init__(self, most: int = MOST) -> None:
        self.total = 0
        """How many came, whatever they were."""
        self.forgotten = 0
        """How often a text may have come that is not known any more; 0 while every one is."""
        self._most = most
        self._counts: Counter[str] = Counter()
        self._missed: dict[str, int] = {}
        """Of each text that was there when the rarer ones were forgotten: see Share."""

    @property
    def different(self) -> int:
        """How many different texts came, or how many of them are known."""
        return len(self._counts)

    def add(self, texts: Iterable[str], many: int) -> None:
        """Count `texts`, `many` of them."""
        counts = self._counts
        known = len(counts)
        counts.update(texts)
        self.total += many
        if len(counts) == known:
            return
        # A dict keeps what came last at its end.
        for text in list(islice(reversed(counts), len(counts) - known)):
            if len(text) > LONGEST:
                counts[text[:LONGEST]] += counts.pop(text)
        if len(counts) > self._most:
            self._forget()

    def top(self, many: int) -> list[Share]:
        """The `many` most frequent texts, the most frequent first."""
        return [
            Share(text, count, self._missed.get(text, self.forgotten))
            for text, count in self._counts.most_common(many)
        ]

    def _forget(self) -> None:
        counts, half = self._counts, self._most // 2
        bounds = {text: count + self._missed.get(text, self.forgotten) for text, count in counts.items()}
        ranked = sorted(bounds, key=bounds.__getitem__, reverse=True)
        kept = ranked[:half]
        self.forgotten = bounds[ranked[half]]
        self._missed = {text: bounds[text] - counts[text] for text in kept}
        self._counts = Counter({text: counts[text] for text in kept})
