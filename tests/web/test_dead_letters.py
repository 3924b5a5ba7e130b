"""The dead-letter table of the contract, through httpx."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest

from journal.metric import Metric
from tests.contracts.dead_letters_suite import HOUR, METRIC, THEN
from tests.web.memory_letters import MemoryDeadLetters
from tests.web.serving import serving
from tests.web.test_app import problem
from web.letters import DeadLettersUnavailableError, Letter, LetterPage, LetterUnderWayError

PATH = "/api/dead-letters"


def fill(queue: MemoryDeadLetters) -> list[int]:
    """Three letters: of two causes and two stores, accepted an hour apart."""
    return [
        queue.bury(METRIC, "sqlite", "check", "breaks a check", THEN, weather=False),
        queue.bury(Metric("mem", 2.0), "sqlite", "nul-byte", "has a NUL", THEN + HOUR, weather=False),
        queue.bury(METRIC, "supabase", "check", "breaks a check", THEN + 2 * HOUR, weather=True),
    ]


def page(answer: httpx.Response) -> LetterPage:
    assert answer.status_code == 200
    return msgspec.json.decode(answer.content, type=LetterPage)


async def test_the_queue_is_listed() -> None:
    """All of it by default, oldest first, without payloads, and counted."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        listed = page(await client.get(PATH))
    assert [letter.id for letter in listed.letters] == ids
    assert (listed.matched, listed.pending, listed.cursor) == (3, 3, None)
    assert {letter.metric for letter in listed.letters} == {None}


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({"cause": "check"}, [0, 2]),
        ({"name": "mem"}, [1]),
        ({"source": ""}, [1]),
        ({"store": "supabase"}, [2]),
        ({"cause": "check", "store": "sqlite"}, [0]),
        ({"after": str(THEN + 1)}, [1, 2]),
        ({"before": "2023-11-14T23:13:20Z"}, [0]),
        ({"after": "2023-11-14T23:13:20Z", "before": str(THEN + 2 * HOUR)}, [1]),
    ],
)
@pytest.mark.slow
async def test_a_filter_is_a_query(query: dict[str, str], places: list[int]) -> None:
    """Each field of the contract, times in nanoseconds or as RFC 3339."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        listed = page(await client.get(PATH, params=query))
    assert [letter.id for letter in listed.letters] == [ids[place] for place in places]
    assert (listed.matched, listed.pending) == (len(places), 3)


async def test_pages_follow_each_other() -> None:
    """The cursor of one page asks for the next, under the same filter."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        query = {"cause": "check", "limit": "1"}
        first = page(await client.get(PATH, params=query))
        assert first.cursor is not None
        second = page(await client.get(PATH, params=query | {"cursor": first.cursor}))
    assert [letter.id for letter in first.letters + second.letters] == [ids[0], ids[2]]
    assert second.cursor is None


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"cursor": "bogus"}, "cursor"),
        ({"after": "yesterday"}, "after"),
        ({"before": "9" * 19}, "before"),
        ({"after": "5", "before": "5"}, "after"),
        ({"casue": "check"}, "casue"),
        ({"ids": "1,x"}, "ids"),
        ({"ids": ""}, "ids"),
        ({"ids": "1," * 1000 + "1"}, "ids"),
        ({"whole": "yes"}, "whole"),
        ({"whole": "true", "limit": "201"}, "limit"),
    ],
)
@pytest.mark.slow
async def test_a_bad_query_parameter_is_named(query: dict[str, str], parameter: str) -> None:
    """400 with the parameter that is wrong."""
    async with serving() as running, running.client() as client:
        assert problem(await client.get(PATH, params=query), 400)["parameter"] == parameter


async def test_a_page_is_whole_if_asked() -> None:
    """With the metrics as they were accepted, of the ids that were asked for."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        query = {"whole": "true", "ids": f"{ids[2]},{ids[0]},99", "limit": "200"}
        listed = page(await client.get(PATH, params=query))
    assert [(letter.id, letter.metric) for letter in listed.letters] == [(ids[0], METRIC), (ids[2], METRIC)]
    assert (listed.matched, listed.cursor) == (2, None)


async def test_one_letter_is_whole() -> None:
    """With the metric as it was accepted."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        answer = await client.get(f"{PATH}/{ids[0]}")
        letter = msgspec.json.decode(answer.content, type=Letter)
    assert (answer.status_code, letter.id, letter.metric) == (200, ids[0], METRIC)


@pytest.mark.parametrize("id_", ["7", "9" * 19, "9" * 30, "seven", "-1", "1.5", "redrive/redrive"])
@pytest.mark.slow
async def test_no_such_letter(id_: str) -> None:
    """404 with a problem document, whatever stands where the id should."""
    async with serving() as running, running.client() as client:
        problem(await client.get(f"{PATH}/{id_}"), 404)
        problem(await client.delete(f"{PATH}/{id_}"), 404)
        problem(await client.post(f"{PATH}/{id_}/redrive"), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", PATH, {"GET", "HEAD"}),
        ("DELETE", PATH, {"GET", "HEAD"}),
        ("PUT", f"{PATH}/0", {"GET", "HEAD", "DELETE"}),
        ("GET", f"{PATH}/0/redrive", {"POST"}),
        ("GET", f"{PATH}/redrive", {"POST"}),
        ("DELETE", f"{PATH}/discard", {"POST"}),
    ],
)
@pytest.mark.slow
async def test_a_wrong_method_is_told_which_is_right(method: str, path: str, allowed: set[str]) -> None:
    """405 with Allow, and nothing happens."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        answer = await client.request(method, path)
        problem(answer, 405)
        assert set(answer.headers["allow"].split(", ")) == allowed
        assert list(running.dead_letters.letters) == ids


async def test_a_discarded_letter_is_gone() -> None:
    """204, and then 404."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        answer = await client.delete(f"{PATH}/{ids[1]}")
        assert (answer.status_code, answer.content) == (204, b"")
        problem(await client.delete(f"{PATH}/{ids[1]}"), 404)
        assert list(running.dead_letters.letters) == [ids[0], ids[2]]


async def test_one_is_redriven() -> None:
    """200 once its store has it."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        answer = await client.post(f"{PATH}/{ids[0]}/redrive")
        assert (answer.status_code, answer.json()["outcome"]) == (200, "redriven")
        assert running.dead_letters.stored["sqlite"] == [METRIC]


async def test_one_that_is_edited_is_validated_as_if_it_were_ingested() -> None:
    """What ingest takes is stored in place of the letter's metric, RFC 3339 time and all."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        body = {"metric": {"name": "mended", "value": 1, "time": "1970-01-01T00:00:01Z"}}
        assert (await client.post(f"{PATH}/{ids[1]}/redrive", json=body)).status_code == 200
        assert [(m.name, m.time) for m in running.dead_letters.stored["sqlite"]] == [("mended", 10**9)]
        assert (await client.post(f"{PATH}/{ids[0]}/redrive", json={})).status_code == 200
        assert running.dead_letters.stored["sqlite"][1] == METRIC


@pytest.mark.parametrize(
    ("metric", "field"),
    [
        ({"name": "", "value": 1}, "name"),
        ({"name": "a", "value": "1"}, "value"),
        ({"name": "a", "value": 1, "time": "noon"}, "time"),
        ({"name": "a", "vlaue": 1}, "vlaue"),
        (None, "metric"),
        ([{"name": "a", "value": 1}], "metric"),
        (5, "metric"),
    ],
)
@pytest.mark.slow
async def test_an_invalid_edit_is_refused_by_field(metric: Any, field: str) -> None:
    """400 that names the field, and the letter stays."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        details = problem(await client.post(f"{PATH}/{ids[0]}/redrive", json={"metric": metric}), 400)
        assert [error["field"] for error in details["errors"]] == [field]
        assert list(running.dead_letters.letters) == ids


async def test_a_store_that_is_away_gets_it_later() -> None:
    """202: queued."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        running.dead_letters.moods["sqlite"] = "away"
        answer = await client.post(f"{PATH}/{ids[0]}/redrive")
        assert (answer.status_code, answer.json()) == (
            202,
            {"id": ids[0], "outcome": "queued", "letter": None},
        )


async def test_one_that_is_refused_again_is_a_conflict() -> None:
    """409 with what the store says now, and the letter as it stands."""
    async with serving() as running, running.client() as client:
        ids = fill(running.dead_letters)
        running.dead_letters.moods["sqlite"] = "refuses"
        details = problem(await client.post(f"{PATH}/{ids[0]}/redrive"), 409)
        assert details["detail"] == "refused again"
        assert (details["letter"]["id"], details["letter"]["attempts"]) == (ids[0], 2)


async def test_one_that_is_under_way_is_a_conflict() -> None:
    """It may be in its store by now: it can be given up once that has answered."""
    async with serving() as running, running.client() as client:
        running.dead_letters.error = LetterUnderWayError(0)
        answer = await client.delete(f"{PATH}/0")
        assert "on its way" in problem(answer, 409)["detail"]
        assert answer.headers["retry-after"] == "1"


async def test_a_queue_that_cannot_is_a_503() -> None:
    """With what its trouble is, and when to try again; for every way in."""
    async with serving() as running, running.client() as client:
        running.dead_letters.error = DeadLettersUnavailableError("the queue's disk is full")
        for method, path, body in (
            ("GET", PATH, None),
            ("GET", f"{PATH}/0", None),
            ("DELETE", f"{PATH}/0", None),
            ("POST", f"{PATH}/0/redrive", None),
            ("POST", f"{PATH}/redrive", {"all": True}),
            ("POST", f"{PATH}/discard", {"all": True}),
        ):
            answer = await client.request(method, path, json=body)
            assert problem(answer, 503)["detail"] == "the queue's disk is full"
            assert answer.headers["retry-after"] == "5"


async def test_what_clients_sent_comes_out_as_json() -> None:
    """Control characters, quotes and what is no ASCII in a letter are escaped, not broken."""
    async with serving() as running, running.client() as client:
        metric = Metric('a"\x1b[2J\u2028ü\x00', 1.0, source="<script>")
        running.dead_letters.bury(metric, "sqlite", "nul-byte", "\x07", THEN, weather=False)
        [letter] = json.loads((await client.get(PATH)).content)["letters"]
    assert (letter["name"], letter["source"], letter["error"]) == (metric.name, "<script>", "\x07")
