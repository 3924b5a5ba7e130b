"""Flags over a real journal: durable, remembered, told of."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from actors.flags import MOST_SEEN, MOST_SHOWN, FlagsPort
from actors.stores.memory import MemoryStore, MemoryTables
from journal.flags import FlagState
from journal.log import Journal, Options
from tests.process.composed import Composed, composed, until
from web.evaluations import Definition, FlagChange, FlagChangeError, NoSuchFlagError, Share
from web.ports import Refused

TRANSPORT = "dashboard.transport"
NOW = 4_000_000_000_000_000_000
MIXED = (
    Definition("count", "integer", 1, ""),
    Definition("share", "number", 1.0, ""),
    Definition("switch", "boolean", True, ""),
)


async def opened(directory: Path) -> Journal:
    return await Journal.open(str(directory), options=Options(segment_bytes=64 * 1024))


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = await opened(tmp_path)
    yield journal
    await journal.close()


async def test_a_change_survives_the_process(tmp_path: Path) -> None:
    """What was answered is there after a restart: value, rollout, overrides, when and by whom."""
    journal = await opened(tmp_path)
    flags = FlagsPort(journal, lambda: NOW)
    before = time.time_ns()
    await flags.change(TRANSPORT, FlagChange("dual", 12.5))
    report = await flags.change(TRANSPORT, FlagChange("realtime", session="s-1", by="eve"))
    assert not isinstance(report, Refused)
    assert (report.value, report.by) == ("realtime", "eve")
    assert before <= report.updated_at <= time.time_ns()
    await journal.close()
    journal = await opened(tmp_path)
    again = FlagsPort(journal, lambda: NOW).overview("s-1").flags[0]
    await journal.close()
    assert again == report


async def test_the_store_has_the_flags_as_they_are(tmp_path: Path) -> None:
    """A store's table of flags has all of them after a start, and each change soon."""
    tables = MemoryTables()

    def mirrored(running: Composed) -> dict[str, tuple[object, float]]:
        return {row.name: (row.value, row.rollout) for row in tables.flags.get(str(running.journal.id), ())}

    async with composed(tmp_path / "data", [MemoryStore(tables=tables)]) as running:
        undecided = {TRANSPORT: ("websocket", 100.0), "dashboard.websocket": (True, 100.0)}
        await until(lambda: mirrored(running) == undecided, "the table has the defaults")
        async with running.client() as client:
            await client.put(f"/api/flags/{TRANSPORT}", json={"value": "dual", "rollout": 20})
            changed = undecided | {TRANSPORT: ("dual", 20.0)}
            await until(lambda: mirrored(running) == changed, "the table has the change")
            await client.put(f"/api/flags/{TRANSPORT}", json={"value": None})
            await until(lambda: mirrored(running) == undecided, "the table has the defaults again")


async def test_changes_at_one_time_know_of_each_other(journal: Journal) -> None:
    """A rollout that comes while a value is being written is one of that value."""
    flags = FlagsPort(journal, lambda: NOW)
    await flags.change(TRANSPORT, FlagChange("dual"))
    await asyncio.gather(
        flags.change(TRANSPORT, FlagChange("realtime")), flags.change(TRANSPORT, FlagChange(rollout=20.0))
    )
    state = journal.state.flags[TRANSPORT]
    assert (state.value, state.rollout) == ("realtime", 20.0)


async def test_a_change_that_is_wrong_leaves_no_event(journal: Journal) -> None:
    """An unknown flag and a value that is not allowed are errors before anything is journaled."""
    flags = FlagsPort(journal, lambda: NOW)
    end = journal.next_offset
    with pytest.raises(NoSuchFlagError):
        await flags.change("nothing", FlagChange(True))
    with pytest.raises(FlagChangeError):
        await flags.change(TRANSPORT, FlagChange("smoke"))
    for look in (flags.show, flags.evaluate):
        with pytest.raises(NoSuchFlagError):
            look("nothing", "s-1")
    assert journal.next_offset == end


async def test_a_closed_journal_refuses(tmp_path: Path) -> None:
    """On the way down a change is refused, and nobody is told of one."""
    journal = await opened(tmp_path)
    flags = FlagsPort(journal, lambda: NOW)
    await journal.close()
    told: list[str] = []
    with flags.watch(told.append):
        refused = await flags.change(TRANSPORT, FlagChange("dual"))
    assert isinstance(refused, Refused)
    assert (refused.reason, told) == ("stopping", [])


async def test_whoever_watches_is_told_though_nobody_waits(journal: Journal) -> None:
    """A change whose client hangs up is made all the same, and told of; after the block no more."""
    flags = FlagsPort(journal, lambda: NOW)
    told = asyncio.Queue[str]()
    with flags.watch(told.put_nowait):
        changing = asyncio.create_task(flags.change(TRANSPORT, FlagChange("dual")))
        await asyncio.sleep(0)
        changing.cancel()
        async with asyncio.timeout(60):
            assert await told.get() == TRANSPORT
    assert flags.evaluate(TRANSPORT, "s-1").value == "dual"
    await flags.change(TRANSPORT, FlagChange(None))
    assert told.empty()
    assert journal.state.flags == {}


async def test_changes_at_the_same_time(journal: Journal) -> None:
    """All are journaled, and the last to come holds."""
    flags = FlagsPort(journal, lambda: NOW)
    await asyncio.gather(*(flags.change(TRANSPORT, FlagChange("dual", rollout)) for rollout in range(50)))
    assert journal.state.events == 52  # with the opening, and the snapshot before it
    state = journal.state.flags[TRANSPORT]
    assert (state.value, state.rollout) == ("dual", 49.0)


async def test_who_was_given_what(journal: Journal) -> None:
    """Every session that asked counts once, with what it was given last; looking is not asking."""
    flags = FlagsPort(journal, lambda: NOW, MIXED)
    flags.evaluate_all("s-1")
    flags.evaluate("count", "s-2")
    flags.evaluate("count", "")
    flags.show("count", "s-3")
    flags.overview("s-3")
    await flags.change("count", FlagChange(5, session="s-1"))
    assert flags.show("count", "").shares == [Share(1, "DEFAULT", 2)]
    flags.evaluate("count", "s-1")
    details = flags.show("count", "s-1")
    assert sorted(details.shares, key=str) == [Share(1, "DEFAULT", 1), Share(5, "TARGETING_MATCH", 1)]
    assert [(each.session, each.value, each.at) for each in details.seen] == [
        ("s-1", 5, NOW),
        ("s-2", 1, NOW),
    ]
    assert [each.sessions for each in flags.show("switch", "").shares] == [1]
    kinds = [type(flags.show(name, "").shares[0].value) for name in ("count", "share", "switch")]
    assert kinds == [int, float, bool]


async def test_what_is_remembered_is_bounded(journal: Journal) -> None:
    """The sessions that asked longest ago are forgotten; of those that are not, the latest are shown."""
    flags = FlagsPort(journal, lambda: NOW)
    for number in range(MOST_SEEN + 10):
        flags.evaluate_all("kept" if number % 100 == 0 else f"s-{number}")
    details = flags.show(TRANSPORT, "")
    assert sum(share.sessions for share in details.shares) == MOST_SEEN
    assert len(details.seen) == MOST_SHOWN
    assert details.seen[0].session == f"s-{MOST_SEEN + 9}"


def live(running: Composed, query: str) -> connect:
    return connect(running.forebay.url.replace("http", "ws") + f"/api/live{query}", proxy=None)


async def frame(wire: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of this type."""
    async with asyncio.timeout(60):
        while (found := json.loads(await wire.recv()))["type"] != kind:
            pass
    return found


@pytest.mark.slow
async def test_from_the_change_to_the_page(tmp_path: Path) -> None:
    """While metrics flow, 20 changes each reach 20 open pages, at the median within half a second of
    being asked; and a restart greets with the last of them."""
    async with composed(tmp_path / "data", [MemoryStore()]) as running, running.client() as client:
        wires = [await live(running, f"?session=s-{number}").__aenter__() for number in range(20)]
        for wire in wires:
            await frame(wire, "hello")
        stopped = asyncio.Event()

        async def stream() -> None:
            while not stopped.is_set():
                await running.offer(100)

        streaming = asyncio.create_task(stream())
        took: list[float] = []
        for number in range(20):
            value = ("dual", "realtime")[number % 2]
            began = time.monotonic()
            changing = asyncio.create_task(client.put(f"/api/flags/{TRANSPORT}", json={"value": value}))
            for wire in wires:
                assert (await frame(wire, "flag"))["value"] == value
            took.append(time.monotonic() - began)
            assert (await changing).status_code == 200
        stopped.set()
        await streaming
        for wire in wires:
            await wire.close()
        details = (await client.get(f"/api/flags/{TRANSPORT}")).json()
        assert details["shares"] == [{"value": "realtime", "reason": "STATIC", "sessions": 20}]
        assert running.journal.state.flags[TRANSPORT] == FlagState(
            "realtime", updated_at=details["updated_at"]
        )
    assert sorted(took)[10] < 0.5
    async with composed(tmp_path / "data", [MemoryStore()]) as running, live(running, "") as wire:
        assert (await frame(wire, "hello"))["flags"][TRANSPORT] == "realtime"
