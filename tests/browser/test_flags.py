"""Feature flags: what a person sees and changes, and that a change reaches pages that are open."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import httpx
from playwright.async_api import Page, expect

from tests.browser.axe import grave_findings
from tests.browser.conftest import NewContext
from tests.browser.connections import connected
from tests.browser.problems import Problems
from tests.process.forebay import LIMIT, Forebay
from tests.supabase.stack import LocalSupabase

TRANSPORT, WEBSOCKET = "dashboard.transport", "dashboard.websocket"
SESSIONS = 10_000
AT_ONCE = 50


def change(forebay: Forebay, name: str, **body: Any) -> None:
    """PUT a change of a flag, and return when it is durable."""
    answer = httpx.put(f"{forebay.url}/api/flags/{name}", json=body, trust_env=False, timeout=LIMIT)
    assert answer.status_code == 200, answer.text


async def given(forebay: Forebay, sessions: list[str]) -> dict[str, str]:
    """What each of `sessions` is given of TRANSPORT, asked by OFREP, several at once on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", forebay.port)
    values: dict[str, str] = {}
    for first in range(0, len(sessions), AT_ONCE):
        some = sessions[first : first + AT_ONCE]
        writer.write(b"".join(asking(session) for session in some))
        for session in some:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.startswith("http/1.1 200"), head
            length = int(head.split("content-length:")[1].split("\r\n")[0])
            values[session] = json.loads(await reader.readexactly(length))["value"]
    writer.close()
    await writer.wait_closed()
    return values


def asking(session: str) -> bytes:
    """The request by which `session` asks for TRANSPORT."""
    body = json.dumps({"context": {"targetingKey": session}})
    head = f"POST /ofrep/v1/evaluate/flags/{TRANSPORT} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return (head + body).encode()


async def test_a_rollout_takes_in_its_share_of_sessions(forebay: Forebay) -> None:
    """At 30 percent 30 of 100 sessions get the value, within a point over 10,000 of them, and they are those
    that the documented hash names."""
    change(forebay, TRANSPORT, value="dual", rollout=30)
    values = await given(forebay, [f"browser-{number}" for number in range(SESSIONS)])
    inside = {session for session, value in values.items() if value == "dual"}
    assert abs(len(inside) * 100 / SESSIONS - 30) < 1

    def bucket(session: str) -> float:
        digest = hashlib.sha256(f"{TRANSPORT}/{session}".encode()).digest()
        return int.from_bytes(digest[:4], "big") * 100 / 2**32

    assert inside == {session for session in values if bucket(session) < 30}


async def test_a_changed_flag_moves_an_open_page_to_the_other_transport(
    page: Page, forebay_on_supabase: Forebay, supabase: LocalSupabase
) -> None:
    """Without a reload the page goes to Realtime when the flag says so or the WebSocket is retired, and comes
    back when that is reset."""
    forebay = forebay_on_supabase
    await page.goto(f"{forebay.url}/#/transports")
    await page.evaluate("() => { window.still = true }")
    await expect(page.get_by_text("Live data comes by the WebSocket.")).to_be_visible()
    change(forebay, TRANSPORT, value="realtime")
    await expect(page.get_by_text("Live data comes by Supabase Realtime.")).to_be_visible()
    await connected(forebay, 0)
    change(forebay, TRANSPORT, value=None)
    await expect(page.get_by_text("Live data comes by the WebSocket.")).to_be_visible()
    change(forebay, WEBSOCKET, value=False)
    await expect(page.get_by_text("Live data comes by Supabase Realtime.")).to_be_visible()
    await connected(forebay, 0)
    change(forebay, WEBSOCKET, value=None)
    await expect(page.get_by_text("Live data comes by the WebSocket.")).to_be_visible()
    assert await page.evaluate("() => window.still")


async def test_a_person_changes_a_flag_and_another_sees_it(new_context: NewContext, forebay: Forebay) -> None:
    """A share that is none is refused at its field; a change is journaled and reaches somebody else's page,
    where what was being edited stays; a session's own value is shown among what was given."""
    ada, bob = [await (await new_context()).new_page() for _ in range(2)]
    for page in (ada, bob):
        await page.goto(f"{forebay.url}/#/flags")
        await expect(page.get_by_role("link", name=TRANSPORT)).to_be_visible()
    await bob.get_by_role("button", name="realtime").first.click()

    share = ada.get_by_label("Percent of the sessions", exact=True)
    await ada.get_by_role("button", name="dual").first.click()
    await share.fill("140")
    await share.press("Enter")
    await expect(ada.get_by_text("Write a number from 0 to 100.")).to_be_visible()
    await expect(share).to_be_focused()
    await share.fill("40")
    await ada.get_by_label("Your name").fill("Ada")
    change = ada.get_by_role("button", name="Change", exact=True)
    await change.press("Enter")
    decided = "dual for 40 % of the sessions, websocket for all others"
    for page in (ada, bob):
        await expect(page.get_by_role("row", name=TRANSPORT).get_by_text(decided)).to_be_visible()
    await expect(bob.get_by_role("main").get_by_text(f"Ada changed it just now: {decided}.")).to_be_visible()
    await expect(bob.get_by_role("button", name="realtime").first).to_have_attribute("aria-pressed", "true")
    await expect(change).to_be_focused()
    await expect(change).to_be_disabled()
    listed = forebay.get("/api/flags").json()["flags"][0]
    assert (listed["setting"], listed["by"]) == ({"value": "dual", "rollout": 40.0}, "Ada")

    own = ada.get_by_role("region", name="One session’s own value")
    await own.get_by_role("button", name="realtime").click()
    await own.get_by_role("button", name="Set for this session").click()
    await expect(own.get_by_role("button", name="Remove the value")).to_be_visible()
    got = ada.get_by_role("row", name="this browser").filter(has_text="its own value")
    await expect(got.get_by_text("realtime")).to_be_visible()
    assert not await grave_findings(ada)


async def test_what_cannot_be_shown_is_said(page: Page, forebay: Forebay, problems: Problems) -> None:
    """A server that does not answer, and a flag that does not exist, are told in words."""
    view = page.get_by_role("main")
    problems.expect("Failed to load resource")
    await page.route("**/api/flags?*", lambda route: route.abort())
    await page.goto(f"{forebay.url}/#/flags?flag=dashboard.nothing")
    await expect(view.get_by_text("Forebay does not answer. Is it running?")).to_be_visible()
    await page.unroute("**/api/flags?*")
    await page.get_by_role("button", name="Try again").click()
    await expect(view.get_by_text("there is no flag 'dashboard.nothing'")).to_be_visible()
    await page.get_by_role("link", name=WEBSOCKET).click()
    await expect(page.get_by_role("heading", name=WEBSOCKET)).to_be_visible()
    await expect(view.get_by_text("there is no flag")).to_be_hidden()
