"""The page is loaded by a real Chromium, and shows what is sent."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import grave_findings
from tests.browser.conftest import NewContext
from tests.browser.problems import Problems
from tests.process.forebay import Forebay, eventually
from tests.supabase.stack import LocalSupabase

BUDGET = 150_000
"""Bytes that a first visit may cost."""


async def test_a_metric_is_seen_as_it_comes(page: Page, forebay: Forebay) -> None:
    """The page as it was built needs nothing that its policy refuses, and needs no reload for a metric."""
    await page.goto(forebay.url)
    await expect(page).to_have_title(re.compile("Forebay"))
    forebay.post([{"name": "smoke.temperature", "value": 21.5}])
    await expect(page.get_by_text("smoke.temperature").first).to_be_visible()


async def test_a_first_visit_is_light(page: Page, forebay: Forebay) -> None:
    """Everything that a browser loads until the page is live is below 150 kB on the wire."""
    await page.goto(forebay.url)
    forebay.post([{"name": "smoke.temperature", "value": 21.5}])
    await expect(page.get_by_text("smoke.temperature").first).to_be_visible()
    weights: dict[str, int] = await page.evaluate(
        """() => Object.fromEntries(
          [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
            .map((it) => [it.name, it.encodedBodySize]))"""
    )
    assert any(url.endswith(".js") for url in weights)
    assert sum(weights.values()) < BUDGET, weights


async def test_supabase_lets_the_page_in(
    page: Page, forebay_on_supabase: Forebay, supabase: LocalSupabase
) -> None:
    """The policy of the page and the answers of Supabase let a browser ask PostgREST with the anon key, and
    open Realtime's socket; and Forebay publishes for a page that has asked for a ticket."""
    await page.goto(forebay_on_supabase.url)
    status = await page.evaluate(
        "([url, apikey]) => fetch(url, {headers: {apikey}}).then((answer) => answer.status)",
        [f"{supabase.url}/rest/v1/metrics?limit=1", supabase.anon_key],
    )
    assert status == 200
    socket = await page.evaluate(
        """(url) => new Promise((done) => {
          const socket = new WebSocket(url);
          socket.onopen = () => done('open');
          socket.onerror = () => done('refused');
        })""",
        f"{supabase.url}/realtime/v1/websocket?apikey={supabase.anon_key}&vsn=2.0.0".replace("http", "ws", 1),
    )
    assert socket == "open"
    ticket = "() => fetch('/api/realtime?session=smoke').then((answer) => answer.status)"
    assert await page.evaluate(ticket) == 200

    def published() -> bool:
        forebay_on_supabase.post([{"name": "smoke.temperature", "value": 21.5}])
        return bool(supabase.realtime.hub.published)

    await asyncio.to_thread(eventually, published, "a frame is published")


async def test_problems_are_found(new_context: NewContext, problems: Problems, forebay: Forebay) -> None:
    """An inline script, an exception and an error in the console are each told of."""
    page = await (await new_context()).new_page()
    await page.goto(forebay.url)
    await page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'stolen = 1';
          document.body.append(script);
          console.error('said so');
          setTimeout(() => { throw new Error('thrown') });
        }"""
    )
    await page.wait_for_timeout(0)
    await page.evaluate("() => new Promise((done) => setTimeout(done))")
    for what in ("Content-Security-Policy: script-src-elem refused inline", "said so", "thrown"):
        assert any(what in each for each in problems.unexpected()), (what, problems.found)
    problems.expect("script-src|Content.Security.Policy|said so|thrown")


async def test_axe_judges(page: Page) -> None:
    """A picture without words is found, and nothing in a page that is well made."""
    whole = '<!doctype html><html lang="en"><title>t</title><main><h1>t</h1>%s</main></html>'
    await page.set_content(whole % "")
    assert not await grave_findings(page)
    await page.set_content(whole % "<img>")
    assert any(each.startswith("image-alt: img") for each in await grave_findings(page))


async def test_a_view_that_cannot_be_loaded_says_so(page: Page, forebay: Forebay, problems: Problems) -> None:
    """As after an upgrade of Forebay: the page is loaded anew, once, and then says what it lacks; it is whole
    again when it is there."""
    problems.expect("assets/flags|ERR_FAILED")
    loads: list[str] = []
    page.on("load", lambda it: loads.append(it.url))
    await page.goto(forebay.url)
    await expect(page.locator("#connection-text")).to_have_text("Live")
    await page.route("**/assets/flags-*.js", lambda route: route.abort())
    await page.get_by_role("link", name="Flags", exact=True).click()
    await expect(page.get_by_text("This view could not be loaded")).to_be_visible()
    await expect(page.locator("#connection-text")).to_have_text("Live")
    assert loads == [f"{forebay.url}/#/overview", f"{forebay.url}/#/flags"]
    await page.unroute("**/assets/flags-*.js")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("link", name="dashboard.transport")).to_be_visible()


async def test_a_view_first_opened_in_an_outage_comes_by_itself(
    page: Page, forebay: Forebay, problems: Problems
) -> None:
    """Who opens a view while Forebay is away is told so without the name of a file, and sees the view, whole,
    when Forebay is back, whether they stayed or came back to it."""
    problems.expect("ERR_CONNECTION")
    await page.goto(forebay.url)
    await expect(page.locator("#connection-text")).to_have_text("Live")
    await asyncio.to_thread(forebay.kill)
    await page.get_by_role("link", name="Flags", exact=True).click()
    away = page.get_by_text("Forebay does not answer. It comes when Forebay is back.")
    await expect(away).to_be_visible()
    await page.get_by_role("link", name="Overview", exact=True).click()
    await asyncio.to_thread(forebay.start)
    await expect(page.locator("#connection-text")).to_have_text("Live")
    await page.get_by_role("link", name="Flags", exact=True).click()
    await expect(page.get_by_role("link", name="dashboard.transport")).to_be_visible()
    sheets = await page.evaluate("() => [...document.styleSheets].map(({href}) => href).join()")
    assert "assets/flags-" in sheets

    await asyncio.to_thread(forebay.kill)
    await page.get_by_role("link", name="Time", exact=True).click()
    await expect(away).to_be_visible()
    await asyncio.to_thread(forebay.start)
    await expect(page.get_by_role("button", name="Play")).to_be_visible()


async def test_an_address_of_no_view_leads_to_overview(page: Page, forebay: Forebay) -> None:
    """Also with a view open, which would else stand under an address that is not its own; the link that skips
    the navigation stays where it is."""
    await page.goto(f"{forebay.url}/#/flags")
    await expect(page.get_by_role("link", name="dashboard.transport")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{forebay.url}/#view")
    await expect(page.get_by_role("link", name="dashboard.transport")).to_be_visible()
    await page.goto(f"{forebay.url}/#/flag")
    await expect(page).to_have_url(f"{forebay.url}/#/overview")
    await expect(page.get_by_role("region", name="Live metrics")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_is_shown_in_both_colours(new_context: NewContext, forebay: Forebay, scheme: str) -> None:
    """What the system prefers is what the page looks like."""
    page = await (await new_context(color_scheme=scheme)).new_page()
    await page.goto(forebay.url)
    background = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(each) for each in background.strip("rgba()").split(",")[:3])
    assert (brightness < 384) == (scheme == "dark")
