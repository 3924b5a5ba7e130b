"""Dead letters as they go over HTTP: see `web.ports.DeadLetters` for who hands them out."""

from __future__ import annotations

from typing import Literal

import msgspec

from journal.metric import Metric, Nanoseconds, Offset


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A dead letter: a metric that `store` refused. `offset` and `accepted_at` are those of the metric in the
    journal. `weather`: nothing is known to be wrong with it. `metric` only where one
    letter or a whole page is asked for, and there missing where a damage has taken it."""

    id: int
    store: str
    offset: Offset
    accepted_at: Nanoseconds
    name: str
    source: str
    cause: str
    error: str
    attempts: int
    first_failed_at: Nanoseconds
    last_failed_at: Nanoseconds
    weather: bool = False
    redriving: bool = False
    metric: Metric | None = None


class LetterFilter(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which dead letters: those that match everything that is given; all, if nothing is. `before` and
    `after`: accepted then, in nanoseconds."""

    ids: list[int] | None = None
    store: str | None = None
    cause: str | None = None
    name: str | None = None
    source: str | None = None
    after: Nanoseconds | None = None
    before: Nanoseconds | None = None


class LetterPage(msgspec.Struct, frozen=True):
    """Some dead letters, oldest first; `matched` of the `pending` ones match; `cursor` asks for the next
    page, None: this is the last."""

    letters: list[Letter]
    cursor: str | None
    matched: int
    pending: int


class Redriven(msgspec.Struct, frozen=True):
    """What became of one redriven letter. "queued": its store is away, and gets it once it is back;
    "refused": it stays a dead letter, with `letter` as it is now."""

    id: int
    outcome: Literal["redriven", "queued", "refused"]
    letter: Letter | None = None


class Bulk(msgspec.Struct, frozen=True):
    """How many dead letters matched, and whether that was all: nothing is done in a dry run. What is
    redriven is queued by now, and goes at the rate that was asked for; the status counts it."""

    matched: int
    dry_run: bool


class NoSuchLetterError(LookupError):
    """No dead letter of that id waits."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"no dead letter {id_} is waiting: it may have been redriven, discarded or expired")


class DeadLettersUnavailableError(Exception):
    """The queue cannot do that now; the message says why. Nothing is lost."""


class LetterTimeError(ValueError):
    """An edit has another time than its letter."""

    def __init__(self, id_: int, time: Nanoseconds) -> None:
        super().__init__(f"an edit of dead letter {id_} keeps its time, {time}: leave `time` out")


class LetterUnderWayError(DeadLettersUnavailableError):
    """The letter is on its way to its store, and may be there already."""

    def __init__(self, id_: int) -> None:
        super().__init__(f"dead letter {id_} is on its way to its store; ask again once it has been answered")


class LetterLostError(DeadLettersUnavailableError):
    """A damage took the letter's metric, and no journal has it any more."""

    def __init__(self, id_: int) -> None:
        super().__init__(
            f"the metric of dead letter {id_} was lost with a damage of the journal: redrive it with an edit "
            "that says what it was, or discard it"
        )


class StoreNotFedError(DeadLettersUnavailableError):
    """Nothing is brought to the store that the letters are of."""

    def __init__(self, store: str) -> None:
        super().__init__(f"nothing is brought to store {store}: configure it, then redrive; its letters stay")
