"""`forebay audit`: prove `accepted = persisted + dead-lettered + pending`, journal against every store.

Reads the journal once and the stores by ranges, in constant memory; changes nothing, and needs no lock,
so it can be run on a stopped process's directory and beside a running one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import msgspec

from actors.config import Loaded
from actors.core.audit import MAX_RANGES, Account, Differing, compare, repeats
from actors.dead_letters.offsets import dead_offsets
from actors.stores.base import HistoryStore
from actors.stores.factory import make_stores
from journal.events import MetricsAccepted, offsets_of
from journal.framing import Record
from journal.metric import Offset
from journal.reader import journal_id_of, reading, segment_offsets
from journal.replay import fold
from journal.state import State

WINDOW_BYTES = 1024 * 1024
"""Bytes of journal compared at a time: about 10,000 metrics."""

LAST_OFFSET = Offset(2**63 - 1)


class StoreAccount(msgspec.Struct, frozen=True):
    """The account of one store."""

    store: str
    cursor: Offset = Offset(0)
    persisted: int = 0
    dead_lettered: int = 0
    pending: int = 0
    missing: Differing = Differing()
    extra: Differing = Differing()
    unseen: int = 0
    """Retired metrics that the store does not hold and no dead letter explains. Nobody knows their offsets
    any more. Counted as missing, or as persisted where the store drops what is old."""
    balances: bool = False


class Audit(msgspec.Struct, frozen=True):
    """The whole account. Metrics before `first_offset` have been retired: every store of that time had passed
    them. What a store should hold of them is counted, not named."""

    journal_id: str
    first_offset: Offset
    next_offset: Offset
    accepted: int
    retired: int
    stores: list[StoreAccount]

    @property
    def balances(self) -> bool:
        """Whether every store's account does."""
        return all(each.balances for each in self.stores)


class _Retired(msgspec.Struct, frozen=True):
    """What a store holds from before the journal's first offset: distinct offsets, and repeated ones."""

    held: int = 0
    twice: Differing = Differing()


async def audit(
    directory: str, dead_letters: str, stores: list[HistoryStore], *, keeps_all: bool = True
) -> Audit:
    """Compare the journal in `directory`, and that of the queue in `dead_letters`, with each of `stores`,
    which drop nothing by themselves if `keeps_all`.

    Raises NoJournalError, JournalCorruptError, StoreError.
    """
    journal_id = journal_id_of(directory)
    # The cursors first: what is stored while the journal is read is then found, not missed.
    looked = {store.name: await store.look(journal_id) for store in stores}
    cursors = {name: cursor or Offset(0) for name, cursor in looked.items()}
    asked = [store for store in stores if looked[store.name] is not None]
    accounts = {store.name: Account() for store in stores}
    dead = {store.name: await dead_offsets(dead_letters, store.name) for store in stores}
    given_up = {name: frozenset(each.offsets) for name, each in dead.items()}
    first = segment_offsets(directory)[0]
    state, retired, end = State(), 0, first
    async for records in _windows(directory, first):
        if end == first:
            retired = fold(State(), records[:1]).accepted
        state = fold(state, records)
        until = records[-1].next_offset
        runs = [run for record in records for run in _metric_offsets(record)]
        for store in stores:
            held = await _held(store, end, until) if store in asked else []
            accounts[store.name] = compare(
                accounts[store.name], runs, held, given_up[store.name], cursors[store.name]
            )
        end = until
    for store in asked:
        beyond = await _held(store, end, LAST_OFFSET)
        if beyond and await _grown_past(directory, end, beyond[-1]):
            # The process went on meanwhile.
            beyond = []
        accounts[store.name] = compare(
            accounts[store.name], [], beyond, given_up[store.name], cursors[store.name]
        )
    closed: list[StoreAccount] = []
    for store in stores:
        before = await _retired(store, first) if retired and store in asked else _Retired()
        # The queue remembers how many were never stored, also where it cannot name them any more.
        given = dead[store.name].total - sum(offset >= first for offset in dead[store.name].offsets)
        closed.append(
            _closed(
                accounts[store.name],
                StoreAccount(store.name, cursors[store.name]),
                retired,
                before,
                given,
                keeps_all=keeps_all,
            )
        )
    return Audit(journal_id, first, end, state.accepted, retired, closed)


def _closed(
    account: Account, store: StoreAccount, retired: int, before: _Retired, dead: int, *, keeps_all: bool
) -> StoreAccount:
    """The account of `store`: `account` of what the journal still has, and of the `retired`, of which `dead`
    are or were dead letters."""
    held = min(retired, before.held)
    dead = min(retired - held, dead)
    unseen = retired - held - dead
    surplus = before.twice.count + before.held - held
    missing, extra = account.missing, account.extra
    if keeps_all:
        missing = msgspec.structs.replace(missing, count=missing.count + unseen)
    else:
        held += unseen
    extra = Differing(extra.count + surplus, (*before.twice.ranges, *extra.ranges)[:MAX_RANGES])
    return msgspec.structs.replace(
        store,
        persisted=held + account.found,
        dead_lettered=dead + account.dead_lettered,
        pending=account.pending,
        missing=missing,
        extra=extra,
        unseen=unseen,
        balances=not missing.count and not extra.count,
    )


async def _retired(store: HistoryStore, first: Offset) -> _Retired:
    """What `store` holds from before `first`, in constant memory."""
    held, twice, last = 0, Differing(), -1
    async for run in store.offsets(Offset(0), first):
        again = repeats([last, *run])
        held += len(run) - len(again)
        twice = twice.plus(again)
        last = run[-1]
    return _Retired(held, twice)


async def _held(store: HistoryStore, start: Offset, until: Offset) -> list[Offset]:
    return [offset async for some in store.offsets(start, until) for offset in some]


async def _windows(directory: str, first: Offset) -> AsyncIterator[list[Record]]:
    async with reading(directory, first) as reader:
        while records := await reader.read(WINDOW_BYTES):
            yield records


def _metric_offsets(record: Record) -> list[range]:
    if record.plain:
        return [range(record.base, record.next_offset)]
    return [
        range(offset, offset + len(event.metrics))
        for offset, event in offsets_of(record.events(), record.base)
        if isinstance(event, MetricsAccepted)
    ]


async def _grown_past(directory: str, end: Offset, offset: int) -> bool:
    async with reading(directory, end) as reader:
        while await reader.read(WINDOW_BYTES):
            if reader.next_offset > offset:
                return True
    return False


def run_audit(loaded: Loaded, *, as_json: bool) -> int:
    """Audit the data directory of `loaded`, print the account, and return 0 if it balances, else 1."""
    data = os.path.abspath(loaded.settings.data)
    stores = make_stores(loaded.settings, data)
    result = asyncio.run(_audit_and_close(data, stores, keeps_all=not loaded.settings.store_keep_days))
    print(msgspec.json.format(msgspec.json.encode(result)).decode() if as_json else describe(result))
    return 0 if result.balances else 1


async def _audit_and_close(data: str, stores: list[HistoryStore], *, keeps_all: bool) -> Audit:
    try:
        journal, letters = os.path.join(data, "journal"), os.path.join(data, "dead-letters")
        return await audit(journal, letters, stores, keeps_all=keeps_all)
    finally:
        for store in stores:
            await store.close()


def describe(result: Audit) -> str:
    """The account for people, in at most 80 columns."""
    lines = [
        f"journal {result.journal_id}",
        f"offsets {result.first_offset:,} to {result.next_offset:,} compared"
        + (f"; {result.retired:,} metrics before them are retired" if result.retired else ""),
    ]
    for each in result.stores:
        lines += [
            "",
            f"store {each.store}, cursor {each.cursor:,}",
            f"  accepted       {result.accepted:>20,}",
            f"  persisted      {each.persisted:>20,}",
            f"  dead-lettered  {each.dead_lettered:>20,}",
            f"  pending        {each.pending:>20,}",
            *_differing("missing", each.missing),
            *_unseen(each, result.first_offset),
            *_differing("extra", each.extra),
            "  balances: accepted = persisted + dead-lettered + pending"
            if each.balances
            else "  DOES NOT BALANCE",
        ]
    return "\n".join(lines)


def _unseen(account: StoreAccount, first: Offset) -> list[str]:
    if not account.unseen:
        return []
    where = f"of them {account.unseen:,} from before offset {first:,}"
    if account.missing.count:
        return [
            f"    {where}: the journal has retired them,",
            "    and the store, put back or added since, has not got them",
        ]
    return [f"    {where} are not in the store (any more: store_keep_days)"]


def _differing(what: str, differing: Differing) -> list[str]:
    if not differing.count:
        return []
    if not differing.ranges:
        return [f"  {what:<13}  {differing.count:>20,}"]
    runs = [str(run.first) + (f"-{run.last}" if run.last > run.first else "") for run in differing.ranges]
    shown = ", ".join(runs[:10]) + (", …" if len(runs) > 10 else "")
    return [f"  {what:<13}  {differing.count:>20,}", f"    offsets {shown}"]
