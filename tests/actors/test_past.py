"""The port of the past over a real journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from actors.past import AT_ONCE, MOST_WAITING, PastPort
from journal.events import CursorAdvanced
from journal.log import Journal, Options
from journal.metric import Offset
from journal.state import State
from tests.journal.building import metrics
from web.past import OutsideJournal, StateBusy, StateReport, StateUnknown

NOW = 4_000_000_000_000_000_000


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(str(tmp_path), options=Options(segment_bytes=64 * 1024, durability="os"))
    while len(opened.segments) < 4:
        await opened.append([metrics(0, 100)])
        await opened.append([CursorAdvanced("sqlite", opened.next_offset, opened.state.accepted)])
    yield opened
    await opened.close()


@pytest.fixture
def port(journal: Journal) -> PastPort:
    return PastPort(journal, lambda: NOW)


async def test_states_that_have_been(journal: Journal, port: PastPort) -> None:
    """As of an offset and as of its time the state is what it was then; the answer says what can be asked."""
    seen: dict[Offset, State] = {}
    times: dict[Offset, int] = {}
    for _ in range(3):
        done = await journal.append([metrics(0, 7)])
        times[journal.next_offset] = done.time
        seen[journal.next_offset] = journal.state
    for offset, state in seen.items():
        answer = await port.state(offset, None)
        assert isinstance(answer, StateReport)
        assert (answer.offset, answer.state) == (offset, state)
        assert (answer.first_offset, answer.next_offset) == (0, journal.next_offset)
        assert answer.journal_id == str(journal.id)
        assert answer.time == (NOW if offset == journal.next_offset else times[offset])
        answer = await port.state(None, times[offset] + 1)
        assert isinstance(answer, StateReport)
        assert (answer.offset, answer.time, answer.state) == (offset, times[offset], state)


async def test_now(journal: Journal, port: PastPort) -> None:
    """Without offset and time it is the present state."""
    answer = await port.state(None, None)
    assert isinstance(answer, StateReport)
    assert (answer.offset, answer.time, answer.state) == (journal.next_offset, NOW, journal.state)


async def test_outside(journal: Journal, port: PastPort) -> None:
    """Before what retention has left, and behind the end, there is nothing: the answer says what there is."""
    assert await port.state(Offset(journal.next_offset + 1), None) == OutsideJournal(
        Offset(0), journal.next_offset
    )
    gone = journal.segments[0].first_offset
    await journal.retire([gone])
    expected = OutsideJournal(journal.first_offset, journal.next_offset)
    assert expected.first_offset > 0
    assert await port.state(gone, None) == expected
    assert await port.state(None, 5) == expected
    assert isinstance(await port.state(journal.first_offset, None), StateReport)


async def test_a_damage(journal: Journal, port: PastPort) -> None:
    """Behind a damage of the journal the answer names it."""
    segment = journal.segments[1]
    path = Path(journal.directory, segment.name)
    with path.open("r+b") as file:  # noqa: ASYNC230 - a test may block
        file.seek(30_000)
        file.write(b"damage")
    end = journal.segments[2].first_offset
    answer = await port.state(Offset(end - 1), None)
    assert isinstance(answer, StateUnknown)
    assert segment.name in answer.detail
    assert isinstance(await port.state(end, None), StateReport)


async def test_a_crowd(journal: Journal, port: PastPort) -> None:
    """Of many at once some are told to come again, and all others are answered."""
    answers: list[object] = []

    async def ask(offset: int) -> None:
        answers.append(await port.state(Offset(offset), None))

    async with anyio.create_task_group() as tasks:
        for offset in range(3 * MOST_WAITING):
            tasks.start_soon(ask, offset)
    answered = [answer for answer in answers if isinstance(answer, StateReport)]
    assert len(answered) == AT_ONCE + MOST_WAITING
    assert all(isinstance(answer, (StateReport, StateBusy)) for answer in answers)


async def test_who_is_gone_is_read_for_no_more(journal: Journal, port: PastPort) -> None:
    """A cancelled question ends at once, its thread soon after, and the next one finds room."""
    for _ in range(20 * AT_ONCE):
        with anyio.move_on_after(0):
            await port.state(Offset(journal.next_offset - 1), None)
    async with asyncio.timeout(60):
        assert isinstance(await port.state(Offset(1), None), StateReport)


async def test_while_the_journal_goes_on(journal: Journal, port: PastPort) -> None:
    """States asked for while metrics are appended, segments are rolled and retired are never wrong."""
    end = time.monotonic() + 1.0
    folded = {Offset(journal.next_offset): journal.state}

    async def write() -> None:
        while time.monotonic() < end:
            await journal.append([metrics(0, 50)])
            folded[journal.next_offset] = journal.state
            if len(journal.segments) > 6:
                await journal.retire([journal.first_offset])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        asked = 0
        while time.monotonic() < end:
            offset = list(folded)[asked * 7 % len(folded)]
            answer = await port.state(offset, None)
            asked += 1
            if isinstance(answer, OutsideJournal):
                assert answer.first_offset > offset
            else:
                assert isinstance(answer, StateReport)
                assert answer.state == folded[offset]
    assert asked > 10
