"""`GET /api/state`: what is asked, what is answered, and who goes away."""

from __future__ import annotations

import pytest

from journal.metric import Offset
from journal.state import State
from tests.web.serving import serving, until
from tests.web.test_app import problem
from web.past import OutsideJournal, StateAnswer, StateBusy, StateUnknown
from web.ports import EdgeSettings

pytestmark = pytest.mark.slow  # whole systems or programs of their own

TIME = 1_795_435_200_500_000_000
ASKED = {
    "": (None, None),
    "?offset=0": (0, None),
    "?offset=41": (41, None),
    f"?time={TIME}": (None, TIME),
    "?time=2026-11-23T12:00:00.5Z": (None, TIME),
    "?time=2026-11-23T13:00:00.5+01:00": (None, TIME),
}


@pytest.mark.parametrize("query", ASKED)
async def test_what_is_asked(query: str) -> None:
    """By offset, by time in the two forms of /api/series, or now; every field of the state is there."""
    async with serving() as running, running.client() as client:
        answer = await client.get(f"/api/state{query}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        found = answer.json()
        assert set(found) == {"offset", "time", "journal_id", "first_offset", "next_offset", "state"}
        assert found["state"]["accepted"] == 7
        assert set(found["state"]) == set(State.__struct_fields__)
        assert running.past.asked == [ASKED[query]]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("offset=-1", "offset"),
        ("offset=1.5", "offset"),
        ("offset=", "offset"),
        ("offset=1" + "0" * 30, "offset"),
        ("time=yesterday", "time"),
        ("offset=1&time=2", "time"),
        ("until=3", "until"),
    ],
)
async def test_what_cannot_be_asked(query: str, parameter: str) -> None:
    """A parameter that is wrong or unknown is named, and nobody is asked."""
    async with serving() as running, running.client() as client:
        answer = await client.get(f"/api/state?{query}")
        assert problem(answer, 400)["parameter"] == parameter
        assert running.past.asked == []


ANSWERS: list[tuple[StateAnswer, int, str]] = [
    (OutsideJournal(Offset(10), Offset(99)), 404, "from 10 to 99"),
    (StateUnknown("segment 7: byte 9: record damaged"), 500, "byte 9"),
    (StateBusy(), 503, "too many"),
]


@pytest.mark.parametrize(("answer", "status", "told"), ANSWERS)
async def test_where_there_is_no_state(answer: StateAnswer, status: int, told: str) -> None:
    """Outside the journal, behind a damage and under a crowd: a problem that says what may be done."""
    async with serving() as running, running.client() as client:
        running.past.answer = answer
        said = problem(await client.get("/api/state?offset=7"), status)
        assert told in said["detail"]
        assert said.get("parameter", "offset") == "offset"


async def test_who_goes_away_is_read_for_no_more() -> None:
    """A client that hangs up before the answer ends the reading, and the next one is answered."""
    async with serving() as running:
        running.past.hold.clear()
        wire = await running.connect()
        await wire.send(b"GET /api/state?offset=3 HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: running.past.asked)
        await wire.close()
        await until(lambda: running.past.given_up == 1)
        running.past.hold.set()
        async with running.client() as client:
            assert (await client.get("/api/state")).status_code == 200


async def test_requests_behind_it_on_one_connection() -> None:
    """Waiting for a client to leave takes nothing from the requests that it sends meanwhile."""
    async with serving() as running:
        running.past.hold.clear()
        wire = await running.connect()
        await wire.send(
            b"GET /api/state HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        await until(lambda: running.past.asked)
        running.past.hold.set()
        assert (await wire.response()).json()["journal_id"] == "journal-1"
        assert (await wire.response()).json() == {"alive": True}
        await wire.close()


async def test_a_token_is_needed_where_one_is_set() -> None:
    """As for everything else that can be read."""
    async with serving(EdgeSettings(token="secret-token")) as running, running.client() as client:
        problem(await client.get("/api/state"), 401)
        answer = await client.get("/api/state", headers={"authorization": "Bearer secret-token"})
        assert answer.status_code == 200
