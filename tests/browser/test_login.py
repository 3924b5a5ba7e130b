"""The login with FOREBAY_TOKEN set, in a real Chromium, and what somebody else's page cannot do with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.axe import grave_findings
from tests.browser.problems import Problems
from tests.process.conftest import Launch
from tests.process.forebay import Forebay

TOKEN = "correct-horse-battery-staple"
VIEW = "#/explore?metrics=cpu"
"""A view with parameters, as somebody may have kept it."""
REFUSED = r"40[13] \((Unauthorized|Forbidden)\)|favicon|Refused to apply style"
"""What Chromium says in the console of a refusal, of one that it shows as a page, of one that is a view's."""
ATTACK = """async (url) => {
  const body = { method: 'POST', credentials: 'include', mode: 'no-cors', body: '{"all":true}' };
  await fetch(`${url}/api/dead-letters/discard`, body);
  const form = document.createElement('form');
  Object.assign(form, { method: 'POST', action: `${url}/logout` });
  document.body.append(form);
  form.submit();
}"""


@pytest.fixture
def forebay(launch: Launch) -> Forebay:
    """One that wants a token."""
    return launch(env={"FOREBAY_TOKEN": TOKEN}).start()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of another server of the same machine: another origin, but to browsers the same site, so
    that they do send the cookie along."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><link rel=icon href=data:,><title>Elsewhere</title>")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def log_in(page: Page, token: str = TOKEN) -> None:
    await page.get_by_label("Access token").fill(token)
    await page.get_by_role("button", name="Log in").click()


async def test_the_login_leads_back_to_the_view_that_was_asked_for(
    page: Page, forebay: Forebay, problems: Problems
) -> None:
    """After a wrong token too, which is said; and again when the login has expired under an open page."""
    problems.expect(REFUSED)
    await page.goto(f"{forebay.url}/{VIEW}")
    await expect(page.get_by_label("Access token")).to_be_focused()
    assert await grave_findings(page) == []
    await log_in(page, "wrong")
    await expect(page.get_by_role("alert")).to_have_text("That is not the token.")
    assert await grave_findings(page) == []
    await log_in(page)
    await expect(page).to_have_url(f"{forebay.url}/{VIEW}")
    await expect(page.locator("#connection-text")).to_have_text("Live")
    assert TOKEN not in await page.evaluate("document.cookie + JSON.stringify(localStorage)")
    await page.context.clear_cookies()
    await page.evaluate("location.hash = '#/dead-letters'")
    # Whichever view asks first is the one that is open.
    await expect(page).to_have_url(re.compile(r"/login#/(dead-letters|explore\?metrics=cpu)$"))
    view = page.url.partition("#")[2]
    await log_in(page)
    await expect(page).to_have_url(f"{forebay.url}/#{view}")
    await expect(page.locator("#connection-text")).to_have_text("Live")


async def test_whoever_has_logged_in_can_log_out(
    page: Page, forebay: Forebay, launch: Launch, problems: Problems
) -> None:
    """By a button, that a Forebay without a token has not; what was open is then behind the login again."""
    problems.expect(REFUSED)
    await page.goto(forebay.url)
    await log_in(page)
    await page.get_by_role("button", name="Log out").click()
    await expect(page).to_have_url(f"{forebay.url}/login")
    await page.goto(f"{forebay.url}/{VIEW}")
    await expect(page.get_by_label("Access token")).to_be_visible()
    await page.goto(launch().start().url)
    await expect(page.locator("#connection-text")).to_have_text("Live")
    await expect(page.get_by_role("button", name="Log out")).to_be_hidden()


async def test_another_page_does_nothing_with_the_login(
    context: BrowserContext, forebay: Forebay, elsewhere: str, problems: Problems
) -> None:
    """What it posts is refused though the browser sends the cookie along, and it logs nobody out."""
    problems.expect(REFUSED)
    page = await context.new_page()
    await page.goto(forebay.url)
    await log_in(page)
    await expect(page.locator("#connection-text")).to_have_text("Live")
    evil = await context.new_page()
    await evil.goto(elsewhere)
    async with (
        evil.expect_response(re.compile("/discard$")) as discard,
        evil.expect_response(re.compile("/logout$")) as logout,
    ):
        await evil.evaluate(ATTACK, forebay.url)
    for answer in (await discard.value, await logout.value):
        assert answer.status == 403  # without the cookie it would be 401
    await page.reload()
    await expect(page.locator("#connection-text")).to_have_text("Live")
