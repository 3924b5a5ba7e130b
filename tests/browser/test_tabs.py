"""Tabs of one browser share one connection, and lose nothing where the tab that has it goes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from playwright.async_api import BrowserContext, Page, expect

from tests.browser.connections import connected, subscribers
from tests.process.forebay import Forebay, eventually

HOLDS, FOLLOWS = "This tab has the connection", "Another tab of this browser has the connection"
COUNTED = "This page has counted {:,} metrics, each once. None is missing."
HIDE = """(hidden) => {
  const value = hidden ? 'hidden' : 'visible';
  Object.defineProperty(document, 'visibilityState', {value, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""
DENY = """if (globalThis.LockManager) {
  LockManager.prototype.request = async () => { throw new DOMException('no', 'SecurityError') };
}"""


async def open_tab(context: BrowserContext, forebay: Forebay, says: str, query: str = "") -> Page:
    """A new tab that looks at its live data, once it says so of its connection."""
    page = await context.new_page()
    await page.goto(f"{forebay.url}/{query}#/transports")
    await expect(page.get_by_text(says)).to_be_visible()
    await expect(page.get_by_text("Live data comes by the WebSocket.")).to_be_visible()
    return page


@asynccontextmanager
async def sending(forebay: Forebay) -> AsyncIterator[list[int]]:
    """Send metrics all the time; the list has how many each request brought, all of them at the end."""
    sent: list[int] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(0.01):
            answer = forebay.post([{"name": "tabs.load", "value": len(sent)}] * 5)
            sent.append(answer.json()["accepted"])

    sender = asyncio.create_task(asyncio.to_thread(send))
    try:
        yield sent
    finally:
        stop.set()
        await sender


async def more(sent: list[int]) -> None:
    """Return when ten more requests were answered."""
    target = len(sent) + 10
    await asyncio.to_thread(eventually, lambda: len(sent) >= target, "ten more requests are answered")


async def test_two_tabs_share_one_connection(context: BrowserContext, forebay: Forebay) -> None:
    """The second tab opens no WebSocket, shows what the first one knew and what comes; one whose address asks
    for a transport has its own."""
    first = await open_tab(context, forebay, HOLDS)
    forebay.post([{"name": "tabs.before", "value": 1}] * 3)
    await expect(first.get_by_text(COUNTED.format(3))).to_be_visible()
    second = await open_tab(context, forebay, FOLLOWS)
    await expect(second.get_by_text(COUNTED.format(3))).to_be_visible()
    forebay.post([{"name": "tabs.after", "value": 1}] * 4)
    for page in (first, second):
        await expect(page.get_by_text(COUNTED.format(7))).to_be_visible()
    await expect(first.get_by_text("hands on what comes to 1 other tab")).to_be_visible()
    assert subscribers(forebay) == 1
    await open_tab(context, forebay, "a connection of its own", "?transport=websocket")
    await connected(forebay, 2)
    await expect(first.get_by_text("hands on what comes to 1 other tab")).to_be_visible()


async def test_closing_the_tab_that_has_the_connection_loses_nothing(
    context: BrowserContext, forebay: Forebay
) -> None:
    """Of three tabs under load the one with the connection is closed, then the next: the last has counted
    every metric that was accepted, once."""
    tabs = [await open_tab(context, forebay, says) for says in (HOLDS, FOLLOWS, FOLLOWS)]
    async with sending(forebay) as sent:
        for tab, heir in pairwise(tabs):
            await more(sent)
            await tab.close()
            await expect(heir.get_by_text(HOLDS)).to_be_visible()
        await more(sent)
    await expect(tabs[-1].get_by_text(COUNTED.format(sum(sent)))).to_be_visible()
    await connected(forebay, 1)


async def test_a_tab_that_hangs_is_replaced_and_catches_up(context: BrowserContext, forebay: Forebay) -> None:
    """While the tab with the connection stands still the other takes over; when it goes on, it follows and
    has every metric too."""
    first = await open_tab(context, forebay, HOLDS)
    second = await open_tab(context, forebay, FOLLOWS)
    devtools = await context.new_cdp_session(first)
    await devtools.send("Debugger.enable")
    async with sending(forebay) as sent:
        await more(sent)
        await devtools.send("Debugger.pause")
        await expect(second.get_by_text(HOLDS)).to_be_visible()
        await more(sent)
        await devtools.send("Debugger.resume")
        await more(sent)
    for page in (first, second):
        await expect(page.get_by_text(COUNTED.format(sum(sent)))).to_be_visible()
    await expect(first.get_by_text(FOLLOWS)).to_be_visible()
    await connected(forebay, 1)


async def test_a_hidden_tab_hands_over_to_one_that_is_seen(context: BrowserContext, forebay: Forebay) -> None:
    """The connection moves to where somebody looks, and nothing is lost on the way."""
    first = await open_tab(context, forebay, HOLDS)
    second = await open_tab(context, forebay, FOLLOWS)
    async with sending(forebay) as sent:
        await more(sent)
        await first.evaluate(HIDE, True)
        await expect(second.get_by_text(HOLDS)).to_be_visible()
        await expect(first.get_by_text(FOLLOWS)).to_be_visible()
        await more(sent)
    for page in (first, second):
        await expect(page.get_by_text(COUNTED.format(sum(sent)))).to_be_visible()


async def test_without_locks_each_tab_has_its_own_connection(
    context: BrowserContext, forebay: Forebay
) -> None:
    """Where the browser refuses locks to the site, as it does where it may keep nothing, two tabs are live
    and say that each has a connection."""
    await context.add_init_script(DENY)
    tabs = [await open_tab(context, forebay, "Each tab has a connection of its own") for _ in range(2)]
    await connected(forebay, 2)
    forebay.post([{"name": "tabs.load", "value": 1}] * 3)
    for tab in tabs:
        await expect(tab.get_by_text(COUNTED.format(3))).to_be_visible()


async def test_a_page_that_is_loaded_again_has_what_it_showed(page: Page, forebay: Forebay) -> None:
    """A reload counts again what the page had counted, more than a first look at a journal brings."""
    await page.goto(f"{forebay.url}/#/transports")
    await expect(page.get_by_text("Live data comes by the WebSocket.")).to_be_visible()
    for _ in range(5):
        forebay.post([{"name": "tabs.load", "value": 1}] * 1_000)
    await expect(page.get_by_text(COUNTED.format(5_000))).to_be_visible()
    await page.reload()
    await expect(page.get_by_text(COUNTED.format(5_000))).to_be_visible()
