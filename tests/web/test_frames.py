"""`GET /api/frames` through a real client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from time import monotonic
from typing import Any

import anyio
import httpx
import pytest

import web.frames
from tests.web.serving import Running, serving, until
from web.frames import AT_ONCE, LONGEST_PAUSE, PAUSE, Pace
from web.ports import Frame
from web.queries import MAX_OFFSETS

pytestmark = pytest.mark.slow  # whole systems or programs of their own


async def ask(running: Running, first: object, last: object) -> httpx.Response:
    async with running.client() as client:
        return await client.get("/api/frames", params={"first_offset": str(first), "last_offset": str(last)})


def frames(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_range_comes_as_frames_without_a_hole() -> None:
    """Both ends included, a frame a line, cut at what live frames have covered."""
    async with serving() as running:
        running.live.publish(95)
        for first, last, end in ((0, 0, 0), (7, 51, 51), (90, 500, 94)):
            found = frames(await ask(running, first, last))
            offsets = [metric["offset"] for frame in found for metric in frame["metrics"]]
            assert offsets == list(range(first, end + 1))
            assert [frame["first_offset"] for frame in found[1:]] == [
                f["last_offset"] + 1 for f in found[:-1]
            ]
        assert frames(await ask(running, 95, 200)) == []
        assert not running.live.sinks


async def test_what_retention_deleted_is_a_gap() -> None:
    """It is named first, the rest follows."""
    async with serving() as running:
        running.live.retired_before = 100
        running.live.publish(120)
        gap, *rest = frames(await ask(running, 5, 119))
    assert gap == {"type": "gap", "first_offset": 5, "last_offset": 99, "reason": "retired"}
    assert [metric["offset"] for frame in rest for metric in frame["metrics"]] == list(range(100, 120))


@pytest.mark.parametrize(
    ("first", "last", "parameter"),
    [
        ("", 5, "first_offset"),
        (-1, 5, "first_offset"),
        (0, "x", "last_offset"),
        (6, 5, "first_offset"),
        (0, MAX_OFFSETS, "last_offset"),
        (0, 10**19, "last_offset"),
    ],
)
async def test_a_range_that_is_none_or_too_long_is_refused(
    first: object, last: object, parameter: str
) -> None:
    """400 with the parameter and a way out; exactly the longest is answered."""
    async with serving() as running:
        running.live.frame_size = 5_000
        running.live.publish(MAX_OFFSETS + 1)
        answer = await ask(running, first, last)
        assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)
        assert len(frames(await ask(running, 1, MAX_OFFSETS))) == 4


async def test_few_are_answered_at_once() -> None:
    """Clients that do not read hold their places; one more is told 429 and when to come again. When they go,
    reading for them ends and there is room."""
    async with serving() as running:
        running.live.frame_size = 1_000
        running.live.publish(MAX_OFFSETS)
        request = f"GET /api/frames?first_offset=0&last_offset={MAX_OFFSETS - 1} HTTP/1.1\r\nHost: x\r\n\r\n"
        wires = [await running.connect() for _ in range(AT_ONCE)]
        for wire in wires:
            wire.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await wire.send(request.encode())
        await until(lambda: running.live.backfilling == AT_ONCE, 30)
        refused = await ask(running, 0, 5)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert await running.still_serves()
        for wire in wires:
            wire.writer.transport.abort()
        await until(lambda: running.live.backfilling == 0, 30)
        assert len(frames(await ask(running, 0, 5))) == 1


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place is free again when its time is over, although it never hung up."""
    monkeypatch.setattr(web.frames, "TIMEOUT", 0.2)
    async with serving() as running:
        running.live.frame_size = 1_000
        running.live.publish(MAX_OFFSETS)
        wire = await running.connect()
        wire.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await wire.send(b"GET /api/frames?first_offset=0&last_offset=19999 HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: running.live.backfilling == 1, 30)
        await until(lambda: running.live.backfilling == 0, 30)
        wire.writer.transport.abort()


async def test_ingest_goes_on_beside_it() -> None:
    """Between two frames of an answer others have their turns: metrics are accepted while it is under way."""
    async with serving() as running:
        running.live.frame_size = 10
        running.live.publish(MAX_OFFSETS)
        asking = asyncio.ensure_future(ask(running, 0, MAX_OFFSETS - 1))
        await until(lambda: running.live.backfilling, 30)
        assert await running.still_serves()
        assert running.live.backfilling == 1
        assert len(frames(await asking)) == MAX_OFFSETS // 10


async def test_frames_of_all_answers_are_made_one_at_a_time_with_pauses() -> None:
    """However many ask: the next frame begins when the last has been done for longer than it took."""
    made: list[tuple[float, float]] = []

    async def slow() -> AsyncIterator[Frame]:
        for _ in range(3):
            began = monotonic()
            await anyio.sleep(0.01)
            made.append((began, monotonic()))
            yield Frame("{}")

    async def read(pace: Pace) -> None:
        frames = slow()
        while await pace.next(frames) is not None:
            pass

    pace = Pace()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(read, pace)
    assert len(made) == 9
    for (began, ended), (following, _) in pairwise(made):
        # The loop's clock has milliseconds.
        assert following - ended >= min((ended - began) * PAUSE, LONGEST_PAUSE) - 0.002
