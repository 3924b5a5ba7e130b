"""What can be wrong with a configuration, told so that it can be mended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong: where it stands, and what is allowed there. Never holds a secret."""

    key: str
    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` are all the reasons, never empty."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where one of `known` is near `name`, otherwise nothing."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
