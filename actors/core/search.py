"""Which rows of a batch are guilty: a binary search for any number of them, lowest offsets first.

A batch begins as one piece. A piece that is refused is cut in two, until the guilty stand alone; k guilty
ones among n take at most `2 k (log2(n / k) + 2) + 1` writes (test_search.py holds it to that).
Where the left half of a refused piece passes, the right one must be guilty, and is cut without being asked.
A store that names the guilty is believed, and the search is shorter: see `cleared`.

Rows go in order, so the cursor follows: it stands before the first row that is neither stored nor given up.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace


class Piece(msgspec.Struct, frozen=True):
    """The rows `[start, end)` of a batch, to be written together; `attempts` at them have failed by chance.

    `left`: with the piece behind it, it was refused, so if it passes that one is guilty. `suspect`: it is
    known that something in here will be refused. `crowded`: the store has named a guilty one of it, or near
    it, and may know but one at a time.
    """

    start: int
    end: int
    attempts: int = 0
    left: bool = False
    suspect: bool = False
    crowded: bool = False

    @property
    def size(self) -> int:
        """Rows."""
        return self.end - self.start


class Search(msgspec.Struct, frozen=True):
    """What of a batch is not settled yet: `pieces` in order of their rows, and single rows that were put off
    because they failed by chance too often; `stored` writes have passed since the first of those."""

    pieces: tuple[Piece, ...] = ()
    put_off: tuple[Piece, ...] = ()
    stored: int = 0

    @property
    def is_over(self) -> bool:
        """Whether every row is settled."""
        return not self.pieces and not self.put_off

    @property
    def first_unsettled(self) -> int | None:
        """The first row that is neither stored nor given up; None if there is none."""
        starts = [piece.start for piece in (*self.pieces[:1], *self.put_off)]
        return min(starts, default=None)


def begin(rows: int) -> Search:
    """The search through a batch of `rows`."""
    return Search((Piece(0, rows),) if rows else ())


def limited(search: Search, limit: int) -> Search:
    """The same, its first piece no larger than `limit`, and no larger than makes sense to write."""
    head, *rest = search.pieces
    if head.suspect and head.size > 1:
        search = replace(search, pieces=(*_halves(head, informed=True), *rest))
        return limited(search, limit)
    if head.size <= limit:
        return search
    # What is known of the whole is known of no part.
    cut = head.start + limit
    return replace(search, pieces=(Piece(head.start, cut), Piece(cut, head.end), *rest))


def passed(search: Search) -> Search:
    """The search after its first piece was stored."""
    head, *rest = search.pieces
    if head.left and rest:
        rest[0] = replace(rest[0], suspect=True)
    return Search(tuple(rest), search.put_off, search.stored + bool(search.put_off))


def given_up(search: Search) -> Search:
    """The search after its first piece, a single row, became a dead letter."""
    return replace(search, pieces=search.pieces[1:])


def refused(search: Search, *, informed: bool) -> Search:
    """The search after its first piece, of more than one row, was refused. `informed`: for what is in it,
    not for its size."""
    head, *rest = search.pieces
    return replace(search, pieces=(*_halves(head, informed=informed), *rest))


def failed(search: Search) -> Search:
    """The search after an attempt at its first piece failed by chance."""
    head, *rest = search.pieces
    return replace(search, pieces=(replace(head, attempts=head.attempts + 1), *rest))


def put_off(search: Search) -> Search:
    """The search with its first piece, a single row, left for the end: if its neighbours pass, it is to
    blame and not the weather."""
    head, *rest = search.pieces
    return replace(search, pieces=tuple(rest), put_off=(*search.put_off, head))


def once_more(search: Search) -> Search:
    """The search with every row that was put off to be written again, after all others."""
    return replace(search, pieces=(*search.pieces, *search.put_off), put_off=())


def cleared(search: Search, named: Sequence[int]) -> Search:
    """The search after the guilty rows of its first piece at the places `named` were taken out.

    A store that names one at a time is sent the whole piece again only once: after that the piece is cut at
    each guilty row, and halved behind it. k guilty ones take at most 3 k + 1 writes, of few rows where they
    stand close.
    """
    head, *rest = search.pieces
    if len(named) > 1 or not head.crowded:
        return replace(search, pieces=(Piece(head.start, head.end, crowded=len(named) == 1), *rest))
    behind = named[0] + 1
    middle = (behind + head.end) // 2
    parts = ((head.start, named[0]), (behind, middle), (middle, head.end))
    pieces = (Piece(start, end, crowded=True) for start, end in parts if start < end)
    return replace(search, pieces=(*pieces, *rest))


def _halves(piece: Piece, *, informed: bool) -> tuple[Piece, Piece]:
    middle = (piece.start + piece.end) // 2
    return Piece(piece.start, middle, left=informed), Piece(middle, piece.end)
