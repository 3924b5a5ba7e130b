"""One replay: every metric of a part to a store, from the first, or from where an earlier one was stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

import msgspec

from actors.replay.bookmark import Bookmark, BookmarkFile
from actors.replay.feed import Count, Letters, Piece, letters_of, pieces
from actors.replay.part import Part, part_of
from actors.replay.sender import (
    InterruptedReplayError,
    Limits,
    Listener,
    NothingPassesError,
    Sender,
    StoreChangedError,
)
from actors.stores.base import OutageError, Row, Store
from journal.inspect import Selection
from journal.metric import Offset
from journal.reader import journal_id_of
from journal.segment import JournalCorruptError

KEEP_EVERY = 1.0
"""Seconds between two times that a bookmark is written, and a cursor brought up."""


class Order(msgspec.Struct, frozen=True):
    """What to send: of the journal in `directory` what `selection` asks for, without the dead letters whose
    queue has its journal in `dead_letters` (None: with them). `anew`: not from where an earlier one was."""

    directory: str
    dead_letters: str | None
    selection: Selection
    limits: Limits = Limits()
    anew: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What came of a replay. `begun_at` is where this one began, `done` up to where it has come; the earlier
    ones that it continues had sent `sent_before`. `cursor` is the store's, `moved` if by the replay."""

    part: Part
    begun_at: Offset
    done: Offset
    complete: bool
    sent: int
    sent_before: int
    refused: int
    left_out: int
    lost: int
    seconds: float
    cursor: Offset | None
    moved: bool


class Watcher(Listener):
    """Whom a replay tells how it is doing; does nothing with it."""

    def begun(self, part: Part, begun_at: Offset, sent_before: int) -> None:
        """It is known what is to be done."""

    def at(self, offset: Offset, sent: int) -> None:
        """Everything before `offset` is settled, after `sent` rows of this replay."""

    def begins_again(self, why: str) -> None:
        """What an earlier replay, or this one, had sent is not there any more."""

    def forgetful(self, error: OSError) -> None:
        """Where it stops cannot be kept."""


class Replay:
    """A replay into `store`, which it opens and closes; `stop` ends it after the write that is under way."""

    def __init__(
        self,
        store: Store,
        order: Order,
        bookmark: BookmarkFile,
        stop: asyncio.Event,
        watcher: Watcher,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._order = order
        self._bookmark = bookmark
        self._stop = stop
        self._watcher = watcher
        self._clock = clock
        self._journal_id = journal_id_of(order.directory)
        self._sender = self._new_sender()
        self._part: Part | None = None
        self._mark: Bookmark | None = None
        self._whole = False
        self._done = Offset(0)
        self._left_out = 0
        self._lost = 0
        self._kept_at = 0.0

    async def run(self) -> Outcome:
        """Send everything; an Outcome that is not complete where it was stopped.

        Raises StoreError, JournalCorruptError, UnknownEventError, OffsetRetiredError, NoJournalError,
        OSError; what was sent until then stays, and the bookmark says how far it came.
        """
        try:
            part = self._part = await part_of(self._order.directory, self._order.selection)
            letters = await self._letters()
            await self._sender.open()
            mark = None if self._order.anew else self._bookmark.read()
            while True:
                began = self._clock()
                begun_at = await self._begin(part, mark)
                self._watcher.begun(part, begun_at, self._sent_before)
                try:
                    complete = await self._send(part.from_offset(begun_at), letters)
                except StoreChangedError as error:
                    self._watcher.begins_again(str(error))
                    mark, self._left_out, self._lost = None, 0, 0
                    self._sender = self._new_sender()
                    await self._sender.open()
                    continue
                return self._outcome(part, begun_at, complete=complete, seconds=self._clock() - began)
        finally:
            await self._store.close()

    async def count(self) -> tuple[Outcome, Count]:
        """What `run` would send, and nothing is sent: the store is only looked at. Raises as `run` does."""
        try:
            part = await part_of(self._order.directory, self._order.selection)
            letters = await self._letters()
            self._sender.cursor = await self._store.look(self._journal_id)
            began = self._clock()
            begun_at = await self._begin(part, None if self._order.anew else self._bookmark.read())
            self._watcher.begun(part, begun_at, self._sent_before)
            count = Count()
            async with aclosing(pieces(part.from_offset(begun_at), letters)) as found:
                async for piece in found:
                    count = count.plus(piece)
                    self._watcher.at(piece.end, count.metrics)
                    if self._stop.is_set():
                        break
            seconds = self._clock() - began
            return self._outcome(part, begun_at, complete=not self._stop.is_set(), seconds=seconds), count
        finally:
            await self._store.close()

    def _new_sender(self) -> Sender:
        return Sender(self._store, self._journal_id, self._order.limits, self._stop, self._watcher)

    @property
    def sent(self) -> int:
        """Rows that this replay has sent so far."""
        return self._sender.sent

    @property
    def _sent_before(self) -> int:
        return self._mark.sent if self._mark is not None else 0

    async def _letters(self) -> Letters:
        if self._order.dead_letters is None:
            return Letters()
        return await letters_of(self._order.dead_letters, self._store.name)

    async def _begin(self, part: Part, mark: Bookmark | None) -> Offset:
        """Where to begin, by what an earlier replay has left, if the store still has that."""
        if mark is not None and mark.done > part.begin and not await self._still_holds(mark):
            self._watcher.begins_again("the store no longer holds what an earlier replay has sent")
            mark = None
        self._mark = mark if mark is not None and mark.done > part.begin else None
        if self._mark is None:
            self._whole = part.is_whole and self._sender.cursor is None
            self._done = part.begin
            return part.begin
        # What was retired since then, and lay before that, was not sent by anybody.
        self._whole = self._mark.whole and part.is_whole and self._mark.done >= part.first_offset
        self._done = Offset(min(self._mark.done, part.end))
        return self._done

    async def _still_holds(self, mark: Bookmark) -> bool:
        cursor = self._sender.cursor
        if mark.cursor is not None and (cursor is None or cursor < mark.cursor):
            return False
        if mark.last is None:
            return True
        try:
            runs = self._store.offsets(mark.last, Offset(mark.last + 1))
            return any([len(run) > 0 async for run in runs])
        except OutageError:
            # Looked at, and not there.
            return False

    async def _send(self, part: Part, letters: Letters) -> bool:
        """Send `part`; False where it was stopped."""
        sender, ahead = self._sender, list[Row]()
        self._kept_at = self._clock()
        complete = False
        try:
            damage: JournalCorruptError | None = None
            try:
                async with aclosing(pieces(part, letters)) as found:
                    async for piece in found:
                        self._left_out += piece.left_out
                        self._lost += piece.lost
                        ahead += piece.rows
                        while len(ahead) >= sender.rows:
                            ahead = await self._write(ahead)
                        await self._settled(piece, ahead)
            except JournalCorruptError as error:
                damage = error
            while ahead:
                ahead = await self._write(ahead)
            if damage is not None:
                raise damage
            self._done = part.end
            await self._bring_up_cursor()
            complete = True
        except InterruptedReplayError:
            return False
        finally:
            if complete:
                self._bookmark.drop()
            else:
                self._keep()
        return True

    async def _write(self, rows: list[Row]) -> list[Row]:
        """What is left of `rows` after one batch of them."""
        sender = self._sender
        size = sender.rows
        try:
            await sender.send(rows[:size])
        except NothingPassesError as error:
            sender.settled = self._done = min(self._done, error.since)
            raise
        finally:
            self._done = max(self._done, sender.settled)
        self._watcher.at(self._done, sender.sent)
        return rows[size:]

    async def _settled(self, piece: Piece, ahead: list[Row]) -> None:
        if not ahead:
            self._done = max(self._done, piece.end)
            self._watcher.at(self._done, self._sender.sent)
        if self._stop.is_set():
            raise InterruptedReplayError
        if self._clock() >= self._kept_at + KEEP_EVERY:
            await self._bring_up_cursor()
            self._keep()

    async def _bring_up_cursor(self) -> None:
        """Say in the store how far it is, where nobody else does and nothing was left out."""
        if self._moves_cursor and (self._sender.cursor is None or self._done > self._sender.cursor):
            await self._sender.advance(self._done)

    @property
    def _moves_cursor(self) -> bool:
        """Whether it may: not past what was refused or lost, which a running process has to account for."""
        return self._whole and not self._sender.refused and not self._lost

    def _keep(self) -> None:
        """Write down how far it is."""
        sender, mark = self._sender, self._mark
        self._kept_at = self._clock()
        try:
            self._bookmark.write(
                Bookmark(
                    self._bookmark.asked,
                    self._done,
                    sender.last if sender.last is not None else mark and mark.last,
                    sender.cursor,
                    self._moves_cursor,
                    self._sent_before + sender.sent,
                    (mark.refused if mark else 0) + sender.refused,
                    (mark.left_out if mark else 0) + self._left_out,
                )
            )
        except OSError as error:
            self._watcher.forgetful(error)

    def _outcome(self, part: Part, begun_at: Offset, *, complete: bool, seconds: float) -> Outcome:
        mark = self._mark
        return Outcome(
            part,
            begun_at,
            self._done,
            complete,
            self._sender.sent,
            self._sent_before,
            (mark.refused if mark else 0) + self._sender.refused,
            (mark.left_out if mark else 0) + self._left_out,
            self._lost,
            seconds,
            self._sender.cursor,
            self._moves_cursor,
        )
