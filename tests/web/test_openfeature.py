"""The official OpenFeature client of OFREP, unchanged, against the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from tests.web.serving import Running, serving
from tests.web.test_app import SECRET
from web.evaluations import FlagChange

T = TypeVar("T")
SESSION = EvaluationContext("s-1", {"page": "overview"})


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as running:
        yield running


@contextmanager
def client_of(url: str, token: str = "") -> Iterator[OpenFeatureClient]:
    """A client of the server at `url` until the block ends."""
    provider = OFREPProvider(
        url, headers_factory=lambda: {"Authorization": f"Bearer {token}"} if token else {}
    )
    provider.session.trust_env = False
    api.set_provider_and_wait(provider, "forebay")
    try:
        yield api.get_client("forebay")
    finally:
        api.clear_providers()
        provider.session.close()


async def asked(running: Running, ask: Callable[[OpenFeatureClient], T], token: str = "") -> T:
    """What a client is answered; it blocks, and so does it on a thread."""

    def run() -> T:
        with client_of(running.url, token) as client:
            return ask(client)

    return await asyncio.to_thread(run)


async def test_values_of_every_type(running: Running) -> None:
    """Booleans, strings, whole numbers and numbers arrive as such, with variant and reason."""
    await running.flags.change("test.share", FlagChange(2))
    found = await asked(
        running,
        lambda client: [
            client.get_boolean_details("dashboard.websocket", False, SESSION),
            client.get_string_details("dashboard.transport", "none", SESSION),
            client.get_integer_details("test.count", 0, SESSION),
            client.get_float_details("test.share", 0.0, SESSION),
        ],
    )
    assert [(each.value, each.variant, each.reason, each.error_code) for each in found] == [
        (True, "on", Reason.DEFAULT, None),
        ("websocket", "websocket", Reason.DEFAULT, None),
        (3, "3", Reason.DEFAULT, None),
        (2.0, "2.0", Reason.STATIC, None),
    ]


async def test_a_rollout_and_an_override(running: Running) -> None:
    """The client gets what its targeting key gets, with OpenFeature's own reasons."""
    await running.flags.change("dashboard.transport", FlagChange("dual", 0.0001))
    split = await asked(running, lambda client: client.get_string_details("dashboard.transport", "", SESSION))
    assert (split.value, split.reason) == ("websocket", Reason.SPLIT)
    await running.flags.change("dashboard.transport", FlagChange("dual", session="s-1"))
    own = await asked(running, lambda client: client.get_string_details("dashboard.transport", "", SESSION))
    assert (own.value, own.reason) == ("dual", Reason.TARGETING_MATCH)


async def test_errors_have_their_codes(running: Running) -> None:
    """Unknown flag, no targeting key, wrong context, other type: the default, and the code that says why."""
    await running.flags.change("test.count", FlagChange(5, 50))
    found = await asked(
        running,
        lambda client: [
            client.get_boolean_details("nothing", True, SESSION),
            client.get_integer_details("test.count", 9),
            client.get_integer_details("test.count", 9, EvaluationContext("x" * 300)),
            client.get_boolean_details("test.text", True, SESSION),
        ],
    )
    assert [(each.value, each.error_code) for each in found] == [
        (True, ErrorCode.FLAG_NOT_FOUND),
        (9, ErrorCode.TARGETING_KEY_MISSING),
        (9, ErrorCode.INVALID_CONTEXT),
        (True, ErrorCode.TYPE_MISMATCH),
    ]
    assert "there are: dashboard.transport" in (found[0].error_message or "")


async def test_a_token() -> None:
    """With the token as a bearer it is let in, and without it gets its default."""
    async with serving(SECRET) as running:

        def ask(client: OpenFeatureClient) -> bool:
            return client.get_boolean_value("dashboard.websocket", False, SESSION)

        assert await asked(running, ask) is False
        assert await asked(running, ask, "correct horse") is True
