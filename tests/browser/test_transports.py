"""Live data by the WebSocket and by Realtime, in a real Chromium: each metric counts once, whatever fails."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, expect

from tests.browser.axe import grave_findings
from tests.browser.problems import Problems
from tests.process.forebay import Forebay
from tests.supabase.stack import LocalSupabase

FALLEN = """() => new Promise((done) => {
  const from = performance.now();
  const words = document.querySelector('.transports .alert');
  const look = () => words.textContent.includes('comes by the WebSocket')
    ? done(performance.now() - from) : requestAnimationFrame(look);
  look();
})"""
"""Milliseconds until the page relies on the WebSocket."""


async def post(forebay: Forebay, count: int) -> None:
    """Send `count` metrics, ten a request, not faster than a page can be told of each."""
    for start in range(0, count, 10):
        metrics = [{"name": "transport.load", "value": each} for each in range(start, min(start + 10, count))]
        answer = await asyncio.to_thread(forebay.post, metrics)
        assert answer.status_code == 202, answer.text
        await asyncio.sleep(0.05)


async def counted(page: Page, number: int) -> None:
    """Wait until the page has counted `number` metrics, no less and no more, and lacks none."""
    words = f"counted {number} metrics, each once. None is missing."
    await expect(page.get_by_text(words)).to_be_visible()


def relied(page: Page, words: str) -> object:
    """Wait until the page says that of what it relies on."""
    return expect(page.locator(".transports .alert")).to_contain_text(re.compile(words))


async def set_websocket(forebay: Forebay, value: str) -> None:
    """Set the flag dashboard.websocket, as a person does."""
    arguments = ("flags", "set", "dashboard.websocket", value, "--url", forebay.url)
    done = await asyncio.to_thread(forebay.command, *arguments)
    assert done.returncode == 0, done.stderr


async def test_both_transports_bring_the_same_and_losses_are_told(
    page: Page, forebay_on_supabase: Forebay, supabase: LocalSupabase
) -> None:
    """With both open nothing counts twice; what Realtime drops is shown all the same, and held against it."""
    forebay = forebay_on_supabase
    await page.goto(f"{forebay.url}/#/transports")
    await page.get_by_role("button", name="Both").click()
    await relied(page, "comes by both")
    await post(forebay, 100)
    await counted(page, 100)
    lost = page.get_by_role("row", name=re.compile("^Lost metrics"))
    await expect(lost.get_by_role("cell")).to_have_text(["0", "0"])
    supabase.realtime.faults.drop_every = 3
    await post(forebay, 200)
    await counted(page, 300)
    await expect(page.locator(".transports-verdict")).to_contain_text("Realtime lost")
    await expect(lost.get_by_role("cell").first).to_have_text("0")
    assert not await grave_findings(page)


async def test_the_page_falls_back_and_returns(
    page: Page, forebay_on_supabase: Forebay, supabase: LocalSupabase, problems: Problems
) -> None:
    """When Realtime falls silent live data comes by the WebSocket, and the page says so; when it is back
    so is the page. Nothing is missing, and nothing is counted twice."""
    forebay = forebay_on_supabase
    problems.expect("realtime/v1/websocket")
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    await page.goto(f"{forebay.url}/?transport=realtime#/transports")
    await relied(page, "comes by Supabase Realtime")
    assert not [url for url in sockets if "/api/live" in url]
    await post(forebay, 100)
    await counted(page, 100)
    supabase.realtime.faults.black_hole = True
    await relied(page, "Supabase Realtime (is silent|was lost).*; live data comes by the WebSocket")
    await post(forebay, 100)
    await counted(page, 200)
    supabase.realtime.faults.black_hole = False
    await page.get_by_role("link", name="Overview").click()
    await expect(page.get_by_role("complementary", name="Notice about live data")).to_be_hidden()
    await page.get_by_role("link", name="Live data").first.click()
    await relied(page, "comes by Supabase Realtime")
    await post(forebay, 100)
    await counted(page, 300)


async def test_silence_is_told_within_two_seconds(
    page: Page, forebay_on_supabase: Forebay, supabase: LocalSupabase, problems: Problems
) -> None:
    """A Realtime that hangs, nothing closed: the page relies on the WebSocket within two seconds. That is
    the best of three times: a machine that runs other tests may pause as long itself."""
    problems.expect("realtime/v1/websocket")
    await page.goto(f"{forebay_on_supabase.url}/?transport=realtime#/transports")
    took: list[float] = []
    for _ in range(3):
        await relied(page, "comes by Supabase Realtime")
        falling = asyncio.ensure_future(page.evaluate(FALLEN))
        supabase.realtime.faults.black_hole = True
        took.append(await falling)
        supabase.realtime.faults.black_hole = False
        if took[-1] < 2_000:
            break
    assert took[-1] < 2_000, took


async def test_a_channel_that_ends_is_joined_anew(
    page: Page, forebay_on_supabase: Forebay, supabase: LocalSupabase
) -> None:
    """Whether the server closes the channel, ends its token or its socket: the page relies on the WebSocket
    within two seconds and joins again, which the clients do not always, and nothing is missing."""
    forebay, realtime = forebay_on_supabase, supabase.realtime
    await page.goto(f"{forebay.url}/?transport=realtime#/transports")
    await relied(page, "comes by Supabase Realtime")
    again = page.get_by_role("row", name=re.compile("^Opened again")).get_by_role("cell").last
    for times, fault in enumerate(
        (realtime.close_channels, realtime.expire_tokens, realtime.close_sockets), 1
    ):
        falling = asyncio.ensure_future(page.evaluate(FALLEN)) if times == 1 else None
        await asyncio.to_thread(fault)
        if falling is not None:
            assert await falling < 2_000
        await expect(again).to_have_text(str(times))
        await post(forebay, 50)
        await counted(page, 50 * times)


async def test_what_came_while_offline_is_asked_for(page: Page, forebay: Forebay, problems: Problems) -> None:
    """A browser without a network says since when; with it again nothing is missing, and nothing is twice."""
    problems.expect("ERR_INTERNET_DISCONNECTED")
    await page.goto(f"{forebay.url}/#/transports")
    await relied(page, "comes by the WebSocket")
    await post(forebay, 50)
    await counted(page, 50)
    await page.context.set_offline(True)
    await relied(page, "The WebSocket (is silent|was lost)|no live connection")
    await post(forebay, 100)
    await page.context.set_offline(False)
    await counted(page, 150)
    await relied(page, "comes by the WebSocket")


async def test_a_restart_leaves_no_hole(page: Page, forebay: Forebay, problems: Problems) -> None:
    """After a crash of the server the page goes on where it was: what came meanwhile is counted too."""
    problems.expect("api/live|ERR_CONNECTION")
    await page.goto(f"{forebay.url}/#/transports")
    await relied(page, "comes by the WebSocket")
    await post(forebay, 100)
    await counted(page, 100)
    await asyncio.to_thread(forebay.kill)
    await expect(page.locator("#health")).to_contain_text("lost")
    await asyncio.to_thread(forebay.start)
    await post(forebay, 100)
    await counted(page, 200)


async def test_a_retired_websocket_is_done_without(page: Page, forebay: Forebay) -> None:
    """With dashboard.websocket off and no Realtime the page says why it is not live, and asks for what comes;
    with it on again it is live, without a reload."""
    await page.goto(f"{forebay.url}/#/transports")
    await relied(page, "comes by the WebSocket")
    await set_websocket(forebay, "off")
    await relied(page, "WebSocket is refused .*Realtime is refused .*every few seconds instead")
    await post(forebay, 50)
    await counted(page, 50)
    await set_websocket(forebay, "on")
    await relied(page, "comes by the WebSocket")
    await post(forebay, 50)
    await counted(page, 100)
