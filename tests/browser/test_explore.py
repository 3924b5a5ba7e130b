"""Explore: charts of chosen metrics, live and back in time, by mouse, keyboard and address."""

from __future__ import annotations

import asyncio
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import grave_findings
from tests.browser.conftest import NewContext
from tests.browser.problems import Problems
from tests.process.forebay import Forebay

SECOND = 1_000_000_000
COUNTED = """(sent) => [...document.querySelectorAll('.explore-table tbody tr')]
  .reduce((sum, row) => sum + Number(row.lastElementChild.textContent.replaceAll(',', '')), 0) === sent"""
"""The rows of the open table count as many metrics as were sent."""


@pytest.fixture(autouse=True)
def other_transport(problems: Problems) -> None:
    """On a slow machine the page may ask whether live data can come by Realtime; here it cannot."""
    problems.expect("/api/realtime")


def measured(name: str, count: int, *, until: int | None = None, **extra: object) -> list[dict[str, object]]:
    """`count` metrics, one a second, the last one at `until` (nanoseconds; now)."""
    end = time.time_ns() if until is None else until
    return [
        {"name": name, "value": number % 50, "time": end - (count - 1 - number) * SECOND, **extra}
        for number in range(count)
    ]


def chart(page: Page, name: str) -> Locator:
    """The card of the chart of `name`."""
    return page.get_by_role("region", name=name, exact=True)


def address(page: Page) -> dict[str, list[str]]:
    """The parameters in the page's address."""
    return parse_qs(urlsplit(page.url).fragment.partition("?")[2])


async def test_history_and_live_metrics_meet(page: Page, forebay: Forebay) -> None:
    """While metrics come, a chart is opened: none is missing where history ends and live data begins, and
    none counts twice, however long one looks; and the line is drawn."""
    begun = time.time_ns()
    sent = 0
    opened = False
    while time.time_ns() - begun < 5 * SECOND:
        await asyncio.to_thread(forebay.post, [{"name": "seam", "value": 7, "unit": "ms"} for _ in range(3)])
        sent += 3
        if not opened and time.time_ns() - begun > 2 * SECOND:
            opened = True
            await page.goto(f"{forebay.url}/#/explore?name=seam")
            await page.get_by_role("button", name="Table of seam").click()
        await asyncio.sleep(0.05)
    card = chart(page, "seam")
    count = card.locator(".explore-legend tbody td").last
    await expect(count).to_have_text(f"{sent:,}")
    await asyncio.to_thread(forebay.drained)
    # What the history has in the end is what the page had made of both.
    [series] = forebay.get("/api/series?name=seam&step=1s").json()
    assert sum(point["count"] for point in series["points"]) == sent
    await page.wait_for_function(COUNTED, arg=sent)
    await expect(count).to_have_text(f"{sent:,}")
    colours = await card.locator("canvas").evaluate(
        """(canvas) => new Set(new Uint32Array(
          canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    )
    assert colours > 3


async def test_metrics_are_picked_and_narrowed_and_shared(
    page: Page, forebay: Forebay, new_context: NewContext
) -> None:
    """The busiest names are one press away; typing finds more, by name and source; an attribute narrows a
    chart; and the address shows the same to somebody else, and in this browser next time."""
    forebay.post(
        [
            *measured("rooms.busy", 90, source="a"),
            *measured("rooms.door", 30, source="north", attributes={"floor": 1}),
            *measured("rooms.door", 20, source="south", attributes={"floor": 2}),
        ]
    )
    await asyncio.to_thread(forebay.drained)
    await page.goto(f"{forebay.url}/#/explore")
    await page.get_by_role("button", name=re.compile("^rooms.busy")).click()
    await expect(chart(page, "rooms.busy").get_by_role("cell", name="90", exact=True)).to_be_visible()
    picker = page.get_by_role("combobox", name="Add a metric")
    await picker.fill("door south")
    await expect(page.get_by_role("option")).to_have_text(["rooms.door from south"])
    await picker.fill("door")
    await expect(page.get_by_role("option").first).to_contain_text("rooms.door")
    await picker.press("Enter")
    door = chart(page, "rooms.door")
    await expect(door.get_by_role("rowheader")).to_have_text(["north", "south"])
    await page.get_by_role("button", name="Filter rooms.door").click()
    await door.get_by_role("combobox", name="Attribute").fill("floor")
    await page.get_by_role("option", name=re.compile("floor=2")).click()
    await expect(door.get_by_role("rowheader")).to_have_text(["south"])
    await expect(door.get_by_role("cell", name="20", exact=True)).to_be_visible()
    assert address(page) == {"name": ["rooms.busy", "rooms.door"], "attribute": ["floor=2"]}

    other = await (await new_context()).new_page()
    await other.goto(page.url)
    await expect(chart(other, "rooms.door").get_by_role("rowheader")).to_have_text(["south"])
    await expect(chart(other, "rooms.busy")).to_be_visible()
    await page.goto(f"{forebay.url}/#/overview")
    await page.get_by_role("link", name="Explore", exact=True).click()
    await expect(door.get_by_role("rowheader")).to_have_text(["south"])


async def test_time_is_moved_by_hand_and_by_keys(page: Page, forebay: Forebay) -> None:
    """Dragging zooms all charts, keys move them and their one crosshair, which is read aloud; Escape goes
    back to the window that was live before; and each step of it is in the address."""
    forebay.post([*measured("one", 200, unit="s"), *measured("two", 200, unit="bytes")])
    await asyncio.to_thread(forebay.drained)
    await page.goto(f"{forebay.url}/#/explore?name=one&name=two")
    plot = page.get_by_role("group", name="Chart of one", exact=True)
    legends = page.locator(".explore-legend thead th:first-child")
    await expect(chart(page, "two").locator(".explore-legend tbody td").last).to_have_text("200")
    box = await plot.bounding_box()
    assert box
    await page.mouse.move(box["x"] + 250, box["y"] + 60)
    await expect(legends.first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d"))
    assert len(set(await legends.all_inner_texts())) == 1, "one crosshair for both"
    await page.mouse.down()
    await page.mouse.move(box["x"] + 350, box["y"] + 60, steps=4)
    await page.mouse.up()
    await page.wait_for_url(re.compile("from="))
    zoomed = {key: int(value[0]) for key, value in address(page).items() if key in ("from", "to")}
    assert 20_000 < zoomed["to"] - zoomed["from"] < 150_000
    await plot.focus()
    await page.keyboard.press("ArrowLeft")
    await page.wait_for_url(re.compile(f"from=(?!{zoomed['from']})"))
    moved = {key: int(value[0]) for key, value in address(page).items() if key in ("from", "to")}
    assert moved["to"] - moved["from"] == zoomed["to"] - zoomed["from"]
    assert moved["from"] < zoomed["from"]
    await page.keyboard.press("End")
    await page.keyboard.press("Shift+ArrowLeft")
    await expect(page.locator("#announcement")).to_contain_text("no source")
    await page.keyboard.press("Escape")
    await page.wait_for_url(re.compile(r"name=two$"))
    await expect(page.get_by_text("Live: the last 5 min")).to_be_visible()
    await page.keyboard.press("Space")
    await page.wait_for_url(re.compile("from="))
    await page.get_by_role("button", name="Back to live").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()


async def test_where_nothing_is_the_way_there_is_shown(page: Page, forebay: Forebay) -> None:
    """A chart without data in its window says when the last was, and leads there."""
    forebay.post(measured("nightly", 60, until=time.time_ns() - 3 * 3600 * SECOND))
    await asyncio.to_thread(forebay.drained)
    await page.goto(f"{forebay.url}/#/explore?name=nightly")
    await expect(
        page.get_by_text(re.compile(r"No data between .* The last one came 3 hr\. ago\."))
    ).to_be_visible()
    await page.get_by_role("button", name="Go there").click()
    await expect(chart(page, "nightly").get_by_role("cell", name="60", exact=True)).to_be_visible()


async def test_live_goes_on_while_the_store_is_away(page: Page, forebay: Forebay, problems: Problems) -> None:
    """Where the store cannot be asked its own sentence stands at the chart, live metrics are drawn all the
    same, and what was missing comes when it answers again."""
    problems.expect("503")
    forebay.post(measured("lasting", 5000, source="a", until=time.time_ns() - 3600 * SECOND))
    forebay.post(measured("lasting", 30, source="a", until=time.time_ns() - 60 * SECOND))
    forebay.post(measured("other", 4000))
    await asyncio.to_thread(forebay.drained)
    away = {"title": "Unavailable", "status": 503, "detail": "store sqlite: the disk is gone"}
    await page.route("**/api/series?*", lambda route: route.fulfill(status=503, json=away))
    await page.goto(f"{forebay.url}/#/explore?name=lasting")
    card = chart(page, "lasting")
    count = card.locator(".explore-legend tbody td").last
    await expect(card.locator(".alert")).to_contain_text("the disk is gone")
    forebay.post(measured("lasting", 3, source="a"))
    await expect(count).to_have_text("3")
    await page.unroute("**/api/series?*")
    await card.get_by_role("button", name="Try again").click()
    await expect(count).to_have_text("33")
    await expect(card.locator(".alert")).to_be_hidden()


async def test_everybody_can_use_it(new_context: NewContext, forebay: Forebay) -> None:
    """At 380 pixels nothing goes beyond the page, filter, table and options open; axe-core finds nothing
    grave; the chart says in words what it shows."""
    forebay.post(measured("some.latency", 60, source="host-0", unit="ms"))
    forebay.post([metric for n in range(14) for metric in measured("many", 20, source=f"host-{n}")])
    await asyncio.to_thread(forebay.drained)
    context = await new_context(viewport={"width": 380, "height": 800}, color_scheme="dark")
    page = await context.new_page()
    await page.goto(f"{forebay.url}/#/explore?name=some.latency&name=many")
    await expect(chart(page, "some.latency").get_by_role("rowheader")).to_have_text(["host-0"])
    await page.get_by_text("More", exact=True).click()
    await page.get_by_role("button", name="Filter some.latency").click()
    await page.get_by_role("button", name="Table of some.latency").click()
    await page.keyboard.press("Escape")
    await chart(page, "many").scroll_into_view_if_needed()
    await expect(page.get_by_text(re.compile("2 more sources are not drawn"))).to_be_visible()
    await expect(chart(page, "many").get_by_role("rowheader")).to_have_count(12)
    assert not await page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    assert not await grave_findings(page)
    await page.emulate_media(color_scheme="light")
    assert not await grave_findings(page)
    said = re.compile(r"host-0: last .* from 0.ms to 49.ms, 60 metrics")
    words = chart(page, "some.latency").get_by_text(said)
    await expect(words).to_have_count(1)


async def test_a_chart_out_of_sight_asks_in_steps_of_the_window_that_was_chosen(
    page: Page, forebay: Forebay
) -> None:
    """Who looks at the last chart and presses a longer window has no chart above that asks for millions of
    points, which is refused (the console would say so): all ask in steps of what they will show."""
    names = [f"name.{number}" for number in range(12)]
    forebay.post([{"name": name, "value": 1} for name in names]).raise_for_status()
    asked: list[dict[str, list[str]]] = []
    page.on(
        "request",
        lambda it: asked.append(parse_qs(urlsplit(it.url).query)) if "/api/series" in it.url else None,
    )
    await page.goto(f"{forebay.url}/#/explore?{'&'.join(f'name={name}' for name in names)}&last=1s")
    for name in (names[0], names[-1]):
        await chart(page, name).scroll_into_view_if_needed()
        await expect(chart(page, name)).to_contain_text(re.compile("Loading|No metric|No data"))
        await expect(chart(page, name)).not_to_contain_text("Loading")
    asked.clear()
    await page.evaluate("location.hash = location.hash.replace('last=1s', 'last=30d')")
    await expect(chart(page, names[-1]).locator(".explore-legend tbody td").last).to_have_text("1")
    await chart(page, names[0]).scroll_into_view_if_needed()
    await expect(chart(page, names[0]).locator(".explore-legend tbody td").last).to_have_text("1")
    points = [(int(each["to"][0]) - int(each["from"][0])) // int(each["step"][0]) for each in asked]
    assert max(points, default=0) <= 10_000
