"""The OpenFeature Remote Evaluation Protocol, status by status and shape by shape."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.web.serving import Running, serving
from tests.web.test_app import BEARER, SECRET
from web.evaluations import MAX_SESSION, FlagChange

pytestmark = pytest.mark.slow  # whole systems or programs of their own

PATH = "/ofrep/v1/evaluate/flags"
SESSION = {"context": {"targetingKey": "s-1"}}


async def decide(running: Running, name: str, *change: Any, **more: Any) -> None:
    await running.flags.change(name, FlagChange(*change, **more))


async def test_one_flag() -> None:
    """Key, value, reason and variant, for the targeting key; the rest of the context decides nothing."""
    async with serving() as running, running.client() as client:
        await decide(running, "dashboard.transport", "dual", session="s-1")
        context = {"targetingKey": "s-1", "email": "eve@example.org", "nested": {"a": [1]}}
        answer = await client.post(f"{PATH}/dashboard.transport", json={"context": context})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "key": "dashboard.transport",
        "value": "dual",
        "reason": "TARGETING_MATCH",
        "variant": "dual",
    }


@pytest.mark.parametrize("body", [b"", b"{}", b'{"context": {}}', b'{"context": null}'])
async def test_a_flag_that_needs_no_targeting_key(body: bytes) -> None:
    """Whatever all sessions get is evaluated without one."""
    async with serving() as running, running.client() as client:
        answer = await client.post(f"{PATH}/test.share", content=body)
    assert answer.json() == {"key": "test.share", "value": 0.5, "reason": "DEFAULT", "variant": "0.5"}


def failed(answer: httpx.Response, status: int, code: str, key: str | None) -> None:
    """`answer` is a failure as the protocol has it: a code, details, and the key where there is one."""
    assert answer.status_code == status
    body = answer.json()
    assert body.pop("errorDetails")
    assert body == {"errorCode": code} | ({} if key is None else {"key": key})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b"[" * 100_000, "PARSE_ERROR"),
        (b'{"context": []}', "INVALID_CONTEXT"),
        (b'{"context": "s-1"}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "%s"}}' % (b"x" * (MAX_SESSION + 1)), "INVALID_CONTEXT"),
    ],
)
async def test_a_request_that_is_wrong(body: bytes, code: str) -> None:
    """400 with OpenFeature's code, for one flag with its key and for all without."""
    async with serving() as running, running.client() as client:
        failed(await client.post(f"{PATH}/test.text", content=body), 400, code, "test.text")
        failed(await client.post(PATH, content=body), 400, code, None)


@pytest.mark.parametrize("key", ["nothing", "a/b"])
async def test_an_unknown_flag(key: str) -> None:
    """404, FLAG_NOT_FOUND."""
    async with serving() as running, running.client() as client:
        failed(await client.post(f"{PATH}/{key}", json=SESSION), 404, "FLAG_NOT_FOUND", key)


@pytest.mark.parametrize("body", [{}, {"context": {}}, {"context": {"targetingKey": ""}}])
async def test_a_rollout_needs_the_targeting_key(body: dict[str, Any]) -> None:
    """One flag: 400, TARGETING_KEY_MISSING; among all it is the failure, and the others are evaluated."""
    async with serving() as running, running.client() as client:
        await decide(running, "test.count", 7, 50)
        failed(await client.post(f"{PATH}/test.count", json=body), 400, "TARGETING_KEY_MISSING", "test.count")
        answer = await client.post(PATH, json=body)
    flags = {each["key"]: each for each in answer.json()["flags"]}
    assert answer.status_code == 200
    assert flags.keys() == running.flags.definitions.keys()
    assert [key for key, each in flags.items() if "errorCode" in each] == ["test.count"]
    assert flags["test.count"]["errorCode"] == "TARGETING_KEY_MISSING"


async def test_a_value_that_the_flag_cannot_have_any_more() -> None:
    """GENERAL: the client goes on with its own default, and the details say what to do."""
    async with serving() as running, running.client() as client:
        await decide(running, "test.text", "fine")
        running.flags.flags["test.count"] = running.flags.flags.pop("test.text")
        failed(await client.post(f"{PATH}/test.count", json=SESSION), 400, "GENERAL", "test.count")


async def test_all_flags_and_their_tag() -> None:
    """A known ETag is answered 304 without a body until something changes for that session."""
    async with serving() as running, running.client() as client:
        first = await client.post(PATH, json=SESSION)
        tag = first.headers["etag"]
        assert tag.startswith('"')
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await client.post(PATH, json=SESSION, headers={"if-none-match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (
            await client.post(PATH, json=SESSION, headers={"if-none-match": '"other"'})
        ).status_code == 200
        await decide(running, "dashboard.transport", "dual", session="another")
        again = await client.post(PATH, json=SESSION, headers={"if-none-match": tag})
        assert again.status_code == 304
        await decide(running, "dashboard.transport", "dual", session="s-1")
        changed = await client.post(PATH, json=SESSION, headers={"if-none-match": tag})
    assert (changed.status_code, first.status_code) == (200, 200)
    assert changed.headers["etag"] != tag
    flags = {each["key"]: each["value"] for each in changed.json()["flags"]}
    assert flags == {each.name: each.value for each in running.flags.evaluate_all("s-1")}


async def test_who_may_ask() -> None:
    """With a token nobody else, and never a page of another origin."""
    async with serving(SECRET) as running, running.client() as client:
        assert (await client.post(PATH, json=SESSION)).status_code == 401
        assert (await client.post(PATH, json=SESSION, headers=BEARER)).status_code == 200
        evil = {**BEARER, "origin": "https://evil.example"}
        assert (await client.post(PATH, json=SESSION, headers=evil)).status_code == 403
