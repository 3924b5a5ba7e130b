"""Flags over the WebSocket, through a real client."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.web.serving import Running, serving, until
from tests.web.test_live import closed, receive, subscribed
from web.evaluations import FlagChange
from web.live import RETIRED


async def decide(running: Running, name: str, *change: Any, **more: Any) -> None:
    await running.flags.change(name, FlagChange(*change, **more))


async def flag(websocket: ClientConnection) -> dict[str, Any]:
    """The next frame, which is of a flag."""
    frame = await receive(websocket)
    assert frame.pop("type") == "flag"
    return frame


async def test_hello_carries_the_flags_of_the_session() -> None:
    """Each session is greeted with what it gets; without one, with what nobody in particular gets."""
    async with serving() as running:
        await decide(running, "dashboard.transport", "dual", session="s-1")
        for query, value in (("?session=s-1", "dual"), ("?session=s-2", "websocket"), ("", "websocket")):
            async with subscribed(running, query) as websocket:
                hello = await receive(websocket)
            assert hello["flags"].keys() == running.flags.definitions.keys()
            assert hello["flags"]["dashboard.transport"] == value


async def test_a_change_reaches_every_open_page() -> None:
    """Evaluated for each subscriber's own session, with the reason."""
    async with (
        serving() as running,
        subscribed(running, "?session=s-1") as one,
        subscribed(running, "?session=s-2") as other,
        subscribed(running) as program,
    ):
        for websocket in (one, other, program):
            await receive(websocket)
        await decide(running, "test.text", "new", session="s-1")
        expected = {"name": "test.text", "value": "new", "variant": "new", "reason": "TARGETING_MATCH"}
        assert await flag(one) == {**expected, "session": "s-1"}
        default = {"name": "test.text", "value": "", "variant": "", "reason": "DEFAULT"}
        assert await flag(other) == {**default, "session": "s-2"}
        assert await flag(program) == {**default, "session": ""}
        await decide(running, "test.text", None)
        assert await flag(one) == {**default, "session": "s-1"}


async def test_of_many_changes_the_last_arrives() -> None:
    """A subscriber that is behind is told of each flag what it gets in the end, and nothing twice."""
    async with serving() as running, subscribed(running, "?session=s-1") as websocket:
        await receive(websocket)
        for number in (*range(10), 4):
            await decide(running, "test.count", number)
        await decide(running, "test.text", "last")
        told = [await flag(websocket) for _ in range(2)]
    assert [(each["name"], each["value"]) for each in told] == [("test.count", 4), ("test.text", "last")]


async def test_a_change_during_a_backfill() -> None:
    """It is told between the frames of the past, and not after them."""
    async with serving() as running:
        running.live.publish(50_000)
        async with subscribed(running, "?from=0&session=s-1") as websocket:
            assert (await receive(websocket))["type"] == "hello"
            await decide(running, "test.text", "new")
            async with asyncio.timeout(5):
                while (frame := await receive(websocket))["type"] != "flag":
                    assert frame["last_offset"] < 49_999
            assert frame["value"] == "new"


async def test_retiring_the_websocket() -> None:
    """An open page is told of the flag and sent away with a code; other sessions and programs go on."""
    async with (
        serving() as running,
        subscribed(running, "?session=s-1") as page,
        subscribed(running, "?session=s-2") as other,
        subscribed(running) as program,
    ):
        for websocket in (page, other, program):
            await receive(websocket)
        await decide(running, "dashboard.websocket", False, session="s-1")
        assert (await flag(page))["value"] is False
        goodbye = await receive(page)
        assert (goodbye["type"], goodbye["code"]) == ("goodbye", "retired")
        assert goodbye["reconnect_after"] > 0
        assert await closed(page) == (RETIRED, goodbye["reason"])
        for websocket in (other, program):
            assert (await flag(websocket))["value"] is True
        await decide(running, "dashboard.websocket", False)
        assert (await flag(other))["value"] is False
        assert (await receive(other))["code"] == "retired"
        assert await flag(program) == {
            "name": "dashboard.websocket",
            "value": False,
            "variant": "off",
            "reason": "STATIC",
            "session": "",
        }
        await until(lambda: len(running.live.sinks) == 1)
        running.live.publish(1)
        assert (await receive(program))["type"] == "metrics"


@pytest.mark.parametrize("query", ["?session=s-1", "?session=s-1&from=0"])
async def test_a_retired_page_that_comes_anew(query: str) -> None:
    """It is let in, told the flags, and sent away with the same code; once the flag is on it may stay."""
    async with serving() as running:
        running.live.publish(5_000)
        await decide(running, "dashboard.websocket", False, 100)
        async with subscribed(running, query) as websocket:
            assert (await receive(websocket))["flags"]["dashboard.websocket"] is False
            goodbye = await receive(websocket)
            assert (goodbye["type"], goodbye["code"]) == ("goodbye", "retired")
            assert (await closed(websocket))[0] == RETIRED
        await decide(running, "dashboard.websocket", None)
        async with subscribed(running, "?session=s-1") as websocket:
            await receive(websocket)
            await until(lambda: running.live.sinks)
            running.live.publish(1)
            assert (await receive(websocket))["type"] == "metrics"


async def test_shutting_down_is_not_retiring() -> None:
    """The goodbye of a server that stops says so by its code."""
    async with serving() as running, subscribed(running, "?session=s-1") as websocket:
        await receive(websocket)
        running.server.request_stop()
        assert (await receive(websocket))["code"] == "stopping"


async def test_nobody_is_told_who_has_left() -> None:
    """A subscriber that leaves, or that is refused, is watched no more."""
    async with serving() as running:
        async with subscribed(running, "?session=s-1") as websocket:
            await receive(websocket)
            assert len(running.flags.watchers) == 1
        await until(lambda: not running.flags.watchers)
        async with subscribed(running, f"?session={'x' * 256}") as websocket:
            code, reason = await closed(websocket)
        assert (code, reason.split(":")[0]) == (1008, "session")
        assert not running.flags.watchers
