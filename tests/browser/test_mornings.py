"""The day begins: a manager goes through what waits for him, a head looks after her people; on a phone too."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Demo, Visit, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def address(demo: Demo) -> str:
    return demo.address


def number(page: Page, tile: str) -> int:
    return int(page.locator(".tile", has_text=tile).locator(".tile-count").inner_text())


def test_a_managers_morning(visit: Visit) -> None:
    # The start page says what waits; my day is one press away.
    page = visit("/lang/en", user="manager")
    page.goto("/home/")
    late, unsorted = number(page, "You are late with"), number(page, "Unsorted leads")
    page.locator(".tile", has_text="You are late with").click()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#day-late .count")).to_have_text(str(late))

    # He has made the first call: what came of it, and what follows.
    first = page.locator(".day-late .day-item").first
    first.locator("[data-day-finish]").click()
    first.get_by_label("Result").fill("They want a sample first.")
    first.get_by_label("What is to be done next").fill("Send the sample of the morning")
    first.get_by_role("button", name="Done").last.click()
    page.wait_for_url("**/day/")
    if late > 1:
        expect(page.locator("#day-late .count")).to_have_text(str(late - 1))
    expect(page.locator(".day-undated")).to_contain_text("Send the sample of the morning")

    # The first of the unsorted leads is his: its clock stops, and its card offers the deal.
    page.goto("/unsorted/")
    page.wait_for_selector("html[data-ready]")
    expect(page.locator(".tabs [aria-current] .count")).to_have_text(str(unsorted))
    link = page.locator(".sort [data-open]").first
    name, where = link.inner_text(), link.get_attribute("href")
    page.locator(".sort [data-accept]").first.click()
    expect(page.locator(".sort", has_text=name)).to_have_count(0)
    page.goto(str(where))
    expect(page.locator("#card")).to_contain_text("In work")
    expect(
        page.get_by_role("button", name="Make a deal of it")
        .or_(page.locator("summary", has_text="Make a deal of it"))
        .first
    ).to_be_visible()

    # A deal goes on to the next stage by keys alone, and stays there.
    page.goto("/deal/board")
    page.wait_for_selector("html[data-ready]")
    columns = page.locator(".board-column")
    card = columns.nth(0).locator(".bcard").first
    key = card.get_attribute("data-id")
    card.locator(".bcard-title").focus()
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    expect(columns.nth(1).locator(f'.bcard[data-id="{key}"]')).to_have_count(1)
    page.reload()
    expect(columns.nth(1).locator(f'.bcard[data-id="{key}"]')).to_have_count(1)


@pytest.mark.parametrize("about", [{}, PHONE], ids=["desk", "phone"])
def test_a_heads_check(visit: Visit, about: dict[str, object]) -> None:
    # The day of her people: each number leads to the activities behind it.
    page = visit("/lang/en", user="head", **about)
    page.goto("/day/team")
    row = page.locator(".team-day tbody tr", has_text="Daan Hoekstra")
    late = row.locator("a.late")
    count = late.inner_text()
    assert violations(page) == []
    late.click()
    page.wait_for_selector("html[data-ready]")
    assert int(page.locator("main .head .count").first.inner_text()) >= int(count)

    # The board tells what each stage comes to, by currency, and what the chances make of it.
    page.goto("/deal/board")
    page.wait_for_selector("html[data-ready]")
    expect(page.locator(".board-head").first).to_contain_text(re.compile(r"[\d,.]+ EUR"))

    # What needs somebody: the three lists hold as many deals as their counters say.
    for name in ("Without a next step", "The next step is overdue", "Untouched for too long"):
        link = page.locator("nav.views a", has_text=name)
        expect(link.locator(".count")).to_have_text(re.compile(r"^\d+$"))
        there = link.locator(".count").inner_text()
        page.goto(str(link.get_attribute("href")).replace("/deal/board", "/deal/list/"))
        page.wait_for_selector("html[data-ready]")
        expect(page.locator("main .head .count").first).to_have_text(there)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    # And what one of her people makes of his leads.
    page.goto("/lead/list/?flt.owner.eq=" + str(row_owner(page)))
    page.wait_for_selector("html[data-ready]")
    owners = page.locator('tbody [data-label="Owner"]').all_inner_texts()
    assert len(owners) >= 1
    assert set(owners) == {"Daan Hoekstra"}


def row_owner(page: Page) -> str:
    """Return the key of the manager's account, from where the day of the team leads."""
    page.goto("/day/team")
    where = page.locator(".team-day tbody tr", has_text="Daan Hoekstra").locator("th a").get_attribute("href")
    return str(re.findall(r"flt\.owner\.eq=(\d+)", str(where))[0])
