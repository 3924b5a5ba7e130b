"""An audit in lines of at most 80 columns, colours on a terminal only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from actors.cli.terminal import Colour, cut, paint
from actors.core.accounts import Audit, StoreAccount
from actors.core.audit import LostPart
from actors.core.differing import Difference, Differing
from journal.cli.terminal import harmless

WIDTH = 80
_RANGES = 10
"""Ranges that are told; --json tells more of them."""


def describe(result: Audit) -> str:
    """The account for people."""
    how = "by offset alone (--quick)" if result.quick else "row by row"
    lines = [
        f"journal {result.journal_id}",
        f"offsets {result.first_offset:,} to {result.next_offset:,} compared {how}",
    ]
    if result.retired:
        lines.append(f"{result.retired:,} metrics are retired: counted, not compared")
    if result.skipped:
        spans = ", ".join(f"{start:,}-{until - 1:,}" for start, until in result.skipped)
        lines += wrap(f"retention took offsets {spans} while this went on: counted, not compared", WIDTH)
    for each in result.stores:
        lines += ["", *_store(each, result)]
    return "\n".join(lines)


def _store(account: StoreAccount, result: Audit) -> Iterator[str]:
    yield cut(f"store {account.store}, cursor {account.cursor:,}", WIDTH)
    yield _number("accepted", result.accepted)
    yield _number("persisted", account.persisted)
    if account.edited:
        yield f"    {account.edited:,} of them as a person edited them while they were dead letters"
    if account.dropped:
        yield f"    {account.dropped:,} of them not any more, for their age (store_keep_days)"
    yield _number("dead-lettered", account.dead_lettered)
    yield _number("pending", account.pending)
    yield from _lost(account)
    yield from _differing("missing", account.missing, "red")
    if account.missing.ranges:
        # Rows that somebody deleted, or dead letters that the queue's journal has lost.
        yield "    the journal has them: `forebay journal replay --to STORE` sends them again"
    yield from _unseen(account, result.first_offset)
    yield from _differing("differing", account.differing, "red")
    yield from _differences(account.differences, account.differing.count)
    yield from _differing("extra", account.extra, "red")
    if account.ahead:
        yield paint(_number("ahead", account.ahead), "red")
        yield "    offsets that the cursor is beyond the journal's end: the newest part of the"
        yield "    journal is missing, and `forebay run` tells what can be done"
    yield _verdict(account, result)


def _verdict(account: StoreAccount, result: Audit) -> str:
    if not account.balances:
        return paint("  DOES NOT BALANCE", "red")
    sum_ = "accepted = persisted + dead-lettered + pending"
    if account.lost:
        return paint(f"  balances: {sum_} + lost", "yellow")
    rows = "" if result.quick else "; every row is right"
    return paint(f"  balances: {sum_}{rows}", "green")


def _number(what: str, count: int) -> str:
    return f"  {what:<13}  {count:>20,}"


def _lost(account: StoreAccount) -> Iterator[str]:
    if not account.lost:
        return
    most = "" if account.lost_exact else " at most"
    yield paint(f"{_number('lost', account.lost)}{most}", "yellow")
    yield "    to a damage of the journal before the store was given them; `journal repair`"
    yield "    gave them up, and keeps the damaged files in its quarantine"
    yield from _listed([_part(part) for part in account.lost_parts], "")
    named = sum(part.metrics for part in account.lost_parts)
    if account.lost > named:
        yield f"    {account.lost - named:,} of them at offsets that are retired, or not told here"


def _part(part: LostPart) -> str:
    most = "" if part.exact else " at most"
    return f"{part.metrics:,}{most} in {part.first}-{part.last}"


def _unseen(account: StoreAccount, first: int) -> Iterator[str]:
    if not account.unseen:
        return
    where = f"of them {account.unseen:,} from before offset {first:,}"
    if account.missing.count:
        yield f"    {where}: the journal has retired them,"
        yield "    and the store, put back or added since, has not got them"
    else:
        yield f"    {where} are not in the store (any more: store_keep_days)"


def _differing(what: str, differing: Differing, colour: Colour) -> Iterator[str]:
    if not differing.count:
        return
    yield paint(_number(what, differing.count), colour)
    runs = [str(run.first) + (f"-{run.last}" if run.last > run.first else "") for run in differing.ranges]
    yield from _listed(runs, "offsets ")


def _listed(items: Sequence[str], head: str) -> Iterator[str]:
    if items:
        told = ", ".join(items[:_RANGES]) + (", …" if len(items) > _RANGES else "")
        yield from wrap(told, WIDTH, initial_indent=f"    {head}", subsequent_indent="    ")


def _differences(shown: Sequence[Difference], count: int) -> Iterator[str]:
    for difference in shown:
        yield f"    offset {difference.offset}"
        for each in difference.fields:
            yield cut(f"      {each.field:<11}  journal  {harmless(each.journal)}", WIDTH)
            yield cut(f"      {'':<11}  store    {harmless(each.store)}", WIDTH)
    if count > len(shown):
        yield f"    and {count - len(shown):,} more"
