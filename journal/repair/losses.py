"""What is lost: which offsets, and how many metrics were among them. Pure.

A snapshot says how many metrics had been accepted before it. So between two of them, what is lost is known to
the metric; where there are several gaps between, only their sum is, and it is shared out among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec
from msgspec.structs import replace

from journal.framing import SEGMENT_HEADER_SIZE
from journal.repair.rows import Row
from journal.repair.survey import Heads, Run
from journal.segment import DEFAULT_BYTES

LEAST_BYTES: Final = len(b'{"name":"a","value":0}')
"""Bytes that an offset takes at least: 22 as a client's JSON, 23 as our MessagePack, more for an event."""


class Gap(msgspec.Struct, frozen=True):
    """Offsets `[first, upto)` cannot be read; `metrics` of them were metrics, or that many at most unless
    `exact`. `heads` is what damaged records still say of themselves."""

    first: int
    upto: int
    what: str
    heads: Heads
    metrics: int = 0
    exact: bool = False
    snapshot: bool = False
    """The first of the offsets was the segment's snapshot, which is made anew."""
    leap: bool = False
    """How far it goes is not known: as far as it can have gone."""

    @property
    def lost(self) -> int:
        """Offsets that are lost, without a snapshot that is made anew."""
        return self.upto - self.first - self.snapshot


def gaps_of(row: Row, end: int | None, *, largest: int, given: int) -> list[Gap]:
    """The gaps of `row`, where the next segment begins at `end`; None: it is the newest.

    `largest` is the size of the largest segment; offsets before `given` are known to have been given.
    """
    survey = row.survey
    found: list[Gap] = []
    due = row.first
    heads_before = survey.heads_before if survey is not None else ()
    for index, run in enumerate(_runs(row)):
        if run.first > due:
            found.append(_gap(row, due, run.first, "records damaged", heads_before[index]))
        due = run.upto
    heads = Heads(due, 0, SEGMENT_HEADER_SIZE) if survey is None else survey.heads
    if end is None:
        if survey is None or not survey.runs or survey.tail == "rotten":
            found.append(_leap(row, due, heads, largest, given))
        elif due < given:
            what = "newest segments missing"
            found.append(Gap(due, given, what, heads, given - due, False, leap=True))
    elif due < end:
        what = "segment missing" if survey is None else "segment ends too early"
        if survey is not None and survey.tail != "clean":
            what = "records damaged, and none behind them"
        found.append(_gap(row, due, end, what, heads))
    return found


def _gap(row: Row, first: int, upto: int, what: str, heads: Heads) -> Gap:
    snapshot = first == row.first
    width = upto - first - snapshot
    gap = Gap(first, upto, what, heads, width, False, snapshot)
    whole = heads.upto == upto and heads.plain == width
    return replace(gap, metrics=heads.plain, exact=True) if whole or not width else gap


def _leap(row: Row, due: int, heads: Heads, largest: int, given: int) -> Gap:
    """To behind every offset that can have been there: a number that was given is never given again."""
    survey, source = row.survey, row.source
    snapshot = due == row.first
    if survey is None or source is None or not survey.runs:
        room = max(2 * max(largest, DEFAULT_BYTES), source.size if source is not None else 0)
        width = room // LEAST_BYTES
        upto = max(due + width + 1, given)
        return Gap(due, upto, "newest segment unreadable", heads, upto - due - 1, False, True, True)
    if heads.upto > due and survey.written_end <= heads.end:
        width = heads.upto - due - snapshot
        return Gap(due, heads.upto, "last records damaged", heads, width, heads.plain == width, snapshot)
    room = max(source.size, largest) - min(heads.end, source.size)
    written = max(survey.written_end - heads.end, 0)
    upto = max(heads.upto + -(-room // LEAST_BYTES) + 1, given)
    metrics = heads.upto - due - snapshot + -(-written // LEAST_BYTES)
    return Gap(due, upto, "end of the newest segment damaged", heads, metrics, False, snapshot, True)


def counted(rows: Sequence[Row], gaps: Sequence[list[Gap]]) -> list[list[Gap]]:
    """`gaps`, a list a row, with the metrics in them as exact as the snapshots around can tell."""
    found = [list(each) for each in gaps]
    known = [(index, *told) for index, row in enumerate(rows) if (told := _accepted(row)) is not None]
    if known and known[0][0] > 0:
        # Before the journal's beginning nothing had been accepted; before a later one, nobody knows.
        known.insert(0, (0, 0, rows[0].first == 0))
    for (start, before, exact), (stop, after, _) in pairwise(known):
        held = [run.metrics for row in rows[start:stop] for run in _runs(row)]
        if None not in held:
            _share(found, start, stop, after - before - sum(each or 0 for each in held), exact=exact)
    return found


def _share(found: list[list[Gap]], start: int, stop: int, total: int, *, exact: bool) -> None:
    """Say how many of `total` lost metrics were in each gap of the rows `[start, stop)`; not `exact`: there
    were so many at most."""
    places = [(row, index) for row in range(start, stop) for index in range(len(found[row]))]
    total -= sum(found[row][index].metrics for row, index in places if found[row][index].exact)
    vague = [(row, index) for row, index in places if not found[row][index].exact]
    room = sum(found[row][index].lost for row, index in vague)
    told = exact and (len(vague) == 1 or total in (0, room))
    total = max(0, min(total, room))
    for row, index in vague:
        gap = found[row][index]
        share = -(-total * gap.lost // room) if room else 0
        found[row][index] = replace(gap, metrics=share, exact=told)
        total, room = total - share, room - gap.lost


def _runs(row: Row) -> tuple[Run, ...]:
    return row.survey.runs if row.survey is not None else ()


def _accepted(row: Row) -> tuple[int, bool] | None:
    """How many metrics were accepted before the row, and whether that is exact; None where nothing tells."""
    snapshot = row.survey.snapshot if row.survey is not None else None
    return None if snapshot is None else (snapshot.accepted, all(each.exact for each in snapshot.lost))
