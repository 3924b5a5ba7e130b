"""System: what runs, what crashed, what a store does, and its breaker in a person's hand."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from actors.stores.memory import MemoryStore
from tests.browser.axe import grave_findings
from tests.browser.conftest import NewContext
from tests.browser.problems import Problems
from tests.process.composed import composed
from tests.process.forebay import Forebay, numbers


@pytest.fixture(autouse=True)
def other_transport(problems: Problems) -> None:
    """On a slow machine the page may ask whether live data can come by Realtime; here it cannot."""
    problems.expect("/api/realtime")


async def test_a_crash_is_told_with_its_traceback(page: Page, tmp_path: Path) -> None:
    """Who opens an actor that has crashed sees error, traceback and restarts, at an address of its own; the
    next crash comes by itself; Escape closes it."""
    async with composed(tmp_path / "data", [MemoryStore()]) as system:
        await page.goto(f"{system.forebay.url}/#/system")
        ingest = page.get_by_role("row").filter(has=page.get_by_role("button", name="ingest", exact=True))
        await expect(ingest).to_contain_text("running")
        await page.get_by_role("button", name="ingest", exact=True).click()
        await expect(page.get_by_text("It has not crashed since the journal began.")).to_be_visible()
        assert page.url.endswith("#/system?actor=ingest")
        system.poison()
        traceback = page.get_by_label("Traceback")
        await expect(traceback).to_contain_text("Traceback (most recent call last)")
        await expect(traceback).to_contain_text("'NoneType' object has no attribute")
        # What killed it twice is given up: so often it was started again.
        await expect(ingest.get_by_role("cell").last).to_have_text("2")
        await expect(ingest).to_contain_text("running")
        assert not await grave_findings(page)
        await traceback.focus()
        await page.keyboard.press("Escape")
        await expect(traceback).to_be_hidden()
        assert page.url.endswith("#/system")
        # A page that lost its server complains.
        await page.close()


async def test_a_breaker_is_moved_by_hand(page: Page, forebay: Forebay, problems: Problems) -> None:
    """Opening asks first, and is told of with who holds it; metrics wait meanwhile; closing lets them go.
    Where it cannot be moved that is said, and hides nothing."""
    await page.goto(f"{forebay.url}/#/system")
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="sqlite", exact=True))
    await card.get_by_role("button", name="Open the breaker…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("nothing is written to sqlite; metrics wait in the journal")
    assert not await grave_findings(page)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    assert forebay.store()["breaker"] == "closed"

    problems.expect("ERR_FAILED")
    await page.route("**/api/stores/**", lambda route: route.abort())
    await card.get_by_role("button", name="Open the breaker…").click()
    await dialog.get_by_role("button", name="Open the breaker", exact=True).click()
    await expect(card).to_contain_text("Forebay does not answer")
    await expect(card).to_contain_text("Cursor")
    await page.unroute("**/api/stores/**")
    await card.get_by_role("button", name="Try again").click()
    await expect(card).to_contain_text("held by hand")
    await expect(card.get_by_role("button", name="Try again")).to_be_hidden()
    assert forebay.store()["breaker_by"] == "hand"
    forebay.post(numbers(0, 1234)).raise_for_status()
    await expect(card).to_contain_text("1,234")
    assert not await grave_findings(page)

    await card.get_by_role("button", name="Close the breaker").press("Enter")
    await expect(card).to_contain_text("following")
    await asyncio.to_thread(forebay.drained)
    await expect(card.get_by_role("button", name="Open the breaker…")).to_be_focused()
    assert forebay.values() == [float(value) for value in range(1234)]


async def test_segments_are_there_and_a_narrow_page_holds_all(
    new_context: NewContext, forebay: Forebay
) -> None:
    """The journal's segments are there with the store among them; in the dark and at 380 px nothing scrolls
    sideways, and axe finds nothing grave."""
    for begin in range(0, 40_000, 10_000):
        forebay.post(numbers(begin, 10_000)).raise_for_status()
    assert forebay.status()["journal"]["segments"] > 1
    narrow = {"width": 380, "height": 800}
    page = await (await new_context(color_scheme="dark", viewport=narrow)).new_page()
    await page.goto(f"{forebay.url}/#/system")
    table = page.get_by_role("table").filter(has=page.get_by_role("columnheader", name="From offset"))
    await expect(table.get_by_role("row").filter(has_text="active")).to_contain_text("sqlite")
    await expect(table.get_by_role("row").filter(has_text="sealed").first).to_be_visible()
    await expect(page.get_by_text(re.compile("sqlite has everything|behind: sqlite"))).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not await grave_findings(page)
