"""Flags over HTTP, through httpx."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.serving import serving
from tests.web.test_app import BEARER, SECRET, problem
from web.evaluations import MAX_SESSION
from web.ports import Refused

PATH = "/api/flags"
TRANSPORT = "/api/flags/dashboard.transport"


async def test_all_flags_as_a_session_gets_them() -> None:
    """Sorted by name, each with its definition, what was decided, and what this session gets."""
    async with serving() as running, running.client() as client:
        await client.put(TRANSPORT, json={"value": "dual", "rollout": 0, "by": "eve"})
        await client.put(TRANSPORT, json={"value": "realtime", "session": "s-1"})
        listed = (await client.get(PATH, params={"session": "s-1"})).json()
        nobody = (await client.get(PATH)).json()
    names = [flag["name"] for flag in listed["flags"]]
    assert names == sorted(names) == list(running.flags.definitions)
    assert listed["session"] == "s-1"
    [flag] = [flag for flag in listed["flags"] if flag["name"] == "dashboard.transport"]
    assert flag.pop("updated_at") > 0
    assert flag == {
        "name": "dashboard.transport",
        "value": "realtime",
        "variant": "realtime",
        "reason": "TARGETING_MATCH",
        "definition": {
            "name": "dashboard.transport",
            "type": "string",
            "default": "websocket",
            "description": running.flags.definitions["dashboard.transport"].description,
            "allowed": ["websocket", "realtime", "dual"],
        },
        "setting": {"value": "dual", "rollout": 0.0},
        "overrides": {"s-1": "realtime"},
        "by": "",
    }
    [flag] = [flag for flag in nobody["flags"] if flag["name"] == "dashboard.transport"]
    assert (nobody["session"], flag["value"], flag["reason"]) == ("", "websocket", "DISABLED")


async def test_one_flag() -> None:
    """It is answered as in the list, with who was given what."""
    async with serving() as running, running.client() as client:
        flag = (await client.get(TRANSPORT, params={"session": "s-1"})).json()
        [listed] = [each for each in (await client.get(PATH)).json()["flags"] if each["name"] == flag["name"]]
    assert flag.pop("shares") == flag.pop("seen") == []
    assert flag == listed
    assert (flag["setting"], flag["updated_at"]) == (None, 0)


@pytest.mark.parametrize(
    ("name", "body", "value", "setting"),
    [
        ("dashboard.transport", {"value": "dual"}, "dual", {"value": "dual", "rollout": 100.0}),
        (
            "dashboard.transport",
            {"value": "dual", "rollout": 0.5},
            "websocket",
            {"value": "dual", "rollout": 0.5},
        ),
        ("dashboard.websocket", {"value": False}, False, {"value": False, "rollout": 100.0}),
        ("test.count", {"value": 7}, 7, {"value": 7, "rollout": 100.0}),
        ("test.share", {"value": 7}, 7.0, {"value": 7.0, "rollout": 100.0}),
        ("test.text", {"value": "ü"}, "ü", {"value": "ü", "rollout": 100.0}),
        ("test.text", {"value": None}, "", None),
        ("test.count", {"value": 7, "session": "s-1"}, 7, None),
        ("test.count", {"value": None, "session": "s-1"}, 3, None),
    ],
)
async def test_a_change_is_answered_with_the_flag(name: str, body: Any, value: Any, setting: Any) -> None:
    """As it is now, for the session of an override or for nobody in particular."""
    async with serving() as running, running.client() as client:
        answer = await client.put(f"{PATH}/{name}", json=body)
    assert answer.status_code == 200
    flag = answer.json()
    assert (flag["name"], flag["value"], flag["setting"]) == (name, value, setting)
    assert type(flag["value"]) is type(value)


@pytest.mark.parametrize(
    ("name", "body", "field", "said"),
    [
        ("dashboard.transport", {"value": "smoke"}, "value", "one of websocket, realtime, dual"),
        ("dashboard.websocket", {"value": "off"}, "value", "true or false"),
        ("test.count", {"value": 11}, "value", "a whole number from 0 to 10"),
        ("test.share", {"value": "1"}, "value", "a number"),
        ("dashboard.transport", {}, "value", "null resets"),
        ("dashboard.transport", {"rollout": 5}, "rollout", "which value"),
        ("dashboard.transport", {"value": "dual", "rollout": 5, "session": "s"}, "rollout", "one session"),
    ],
)
async def test_a_change_that_is_not_allowed(name: str, body: Any, field: str, said: str) -> None:
    """400, the field by name, and what is allowed; nothing is changed."""
    async with serving() as running, running.client() as client:
        details = problem(await client.put(f"{PATH}/{name}", json=body), 400)
    assert said in details["detail"]
    assert details["errors"][0]["field"] == field
    assert running.flags.flags == {}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"vlaue": true}', "vlaue"),
        (b'{"value": {}}', "value"),
        (b'{"value": true, "rollout": 101}', "<= 100"),
        (b'{"value": true, "rollout": -1}', ">= 0"),
        (b'{"value": true, "session": ""}', "session"),
        (b'{"value": true, "session": "%s"}' % (b"x" * (MAX_SESSION + 1)), "session"),
    ],
)
async def test_a_body_that_is_none(body: bytes, said: str) -> None:
    """400, and where it is wrong."""
    headers = {"content-type": "application/json"}
    async with serving() as running, running.client() as client:
        answer = await client.put(f"{PATH}/dashboard.websocket", content=body, headers=headers)
        assert said in problem(answer, 400)["detail"]


@pytest.mark.parametrize("name", ["nothing", "a/b", "%00", "dashboard.Transport"])
async def test_an_unknown_flag(name: str) -> None:
    """404 with those that there are, for looking and for changing."""
    async with serving() as running, running.client() as client:
        for answer in (
            await client.get(f"{PATH}/{name}"),
            await client.put(f"{PATH}/{name}", json={"value": 1}),
        ):
            assert "there are: dashboard.transport, " in problem(answer, 404)["detail"]


async def test_a_parameter_that_is_none() -> None:
    """400 by its name; a session has its bounds."""
    async with serving() as running, running.client() as client:
        assert problem(await client.get(PATH, params={"sesion": "s"}), 400)["parameter"] == "sesion"
        long = {"session": "x" * (MAX_SESSION + 1)}
        assert problem(await client.get(TRANSPORT, params=long), 400)["parameter"] == "session"
        put = await client.put(TRANSPORT, params={"session": "s"}, json={"value": "dual"})
        assert problem(put, 400)["parameter"] == "session"


async def test_a_change_that_cannot_be_journaled() -> None:
    """The status says why, and when to come again."""
    async with serving() as running, running.client() as client:
        running.flags.refuse_with = Refused("disk-full", "the disk is full; nothing was taken", 5.0)
        answer = await client.put(TRANSPORT, json={"value": "dual"})
    assert problem(answer, 507)["detail"].startswith("the disk is full")
    assert answer.headers["retry-after"] == "5"


async def test_who_may_look_and_change() -> None:
    """With a token nobody else; and never a page of another origin, nor a body in disguise."""
    async with serving(SECRET) as running, running.client() as client:
        assert (await client.get(PATH)).status_code == 401
        assert (await client.put(TRANSPORT, json={"value": "dual"})).status_code == 401
        evil = {**BEARER, "origin": "https://evil.example"}
        problem(await client.put(TRANSPORT, json={"value": "dual"}, headers=evil), 403)
        disguised = {**BEARER, "content-type": "text/plain"}
        problem(await client.put(TRANSPORT, content=b'{"value": "dual"}', headers=disguised), 415)
        assert running.flags.flags == {}
        assert (await client.put(TRANSPORT, json={"value": "dual"}, headers=BEARER)).status_code == 200
        problem(await client.post(TRANSPORT, json={"value": "dual"}, headers=BEARER), 405)
