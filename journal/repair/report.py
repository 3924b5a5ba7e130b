"""What a repair does, or would do, told segment by segment. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from journal.inspect.findings import Gravity
from journal.repair.plan import BEGUN, OUT_OF_ORDER, Mended, Plan
from journal.segment import first_offset_of

Deed: TypeAlias = Literal["rewritten", "made anew", "renamed", "brought back", "taken out", "begun"]

_MILD = (
    BEGUN,
    "torn tail, never acknowledged",
    "bytes that are no record behind the last one",
)


class Loss(msgspec.Struct, frozen=True):
    """Offsets `first` to `last`, both inclusive; `metrics` of them were metrics, or that many at most unless
    `exact`. `leap`: how many there were is not known, and none of their numbers is given again."""

    first: int
    last: int
    metrics: int
    exact: bool
    what: str
    leap: bool = False


class Work(msgspec.Struct, frozen=True):
    """What is wrong with a file, and what becomes of it. `name` is the segment's; `source` is the file that
    its records are taken from, where that is another."""

    name: str
    wrong: tuple[str, ...]
    deed: Deed
    records: int = 0
    metrics: int = 0
    lost: tuple[Loss, ...] = ()
    source: str | None = None


class Report(msgspec.Struct, frozen=True):
    """All that a repair does. `quarantine` is where the originals go; None where there is nothing to do.

    `strange` counts records that only another version of Forebay can read: they stay as they are.
    """

    directory: str
    journal_id: str
    gravity: Gravity
    applied: bool
    quarantine: str | None
    segments: int
    work: tuple[Work, ...]
    lost_offsets: int
    lost_metrics: int
    exact: bool
    next_offset: int
    strange: int
    unreadable_bytes: int


def report_of(directory: str, plan: Plan, quarantine: str, *, applied: bool) -> Report:
    """The report of `plan`."""
    work = [_work(mended) for mended in plan.segments if mended.touched]
    work += [Work(each.path, (each.why,), "taken out") for each in plan.leaving]
    work.sort(key=lambda each: first_offset_of(os.path.basename(each.name)) or 0)
    losses = [loss for each in work for loss in each.lost]
    surveys = [mended.row.survey for mended in plan.segments if mended.row.survey is not None]
    return Report(
        directory,
        str(plan.segments[0].header.journal_id),
        _gravity(plan, work),
        applied,
        quarantine if work else None,
        len(plan.segments),
        tuple(work),
        sum(loss.last - loss.first + 1 for loss in losses),
        sum(loss.metrics for loss in losses),
        all(loss.exact for loss in losses),
        plan.segments[-1].upto,
        sum(survey.strange for survey in surveys),
        sum(survey.unreadable for survey in surveys),
    )


def _gravity(plan: Plan, work: Sequence[Work]) -> Gravity:
    if not work:
        return "note"
    mild = not plan.leaving and all(
        each.deed == "rewritten" and not each.lost and all(why in _MILD for why in each.wrong)
        for each in work
    )
    return "warning" if mild else "corrupt"


def _work(mended: Mended) -> Work:
    row = mended.row
    source, survey = row.source, row.survey
    lost = tuple(
        Loss(gap.first + gap.snapshot, gap.upto - 1, gap.metrics, gap.exact, gap.what, gap.leap)
        for gap in mended.gaps
        if gap.lost
    )
    if mended.why == (BEGUN,):
        return Work(row.name, (BEGUN,), "begun")
    if source is None or survey is None:
        return Work(row.name, ("missing",), "made anew", lost=lost)
    before = sum(each.metrics for each in survey.lost if row.first <= each.first < mended.upto)
    metrics = sum(run.metrics or 0 for run in survey.runs) - before
    moved = source.path != row.name
    deed: Deed = "rewritten" if survey.runs else "made anew"
    if moved and mended.as_it_is:
        deed = "brought back" if os.path.dirname(source.path) else "renamed"
    wrong = (f"stands under the name {source.path}",) if moved else ()
    # What was found says more than that records are damaged.
    why = [each for each in mended.why if not (survey.whats and each in ("records damaged", OUT_OF_ORDER))]
    return Work(
        row.name,
        (*wrong, *why, *survey.whats),
        deed,
        sum(run.records for run in survey.runs),
        max(metrics, 0),
        lost,
        source.path if moved else None,
    )
