"""Faces of lists in Chromium: a card is dragged, moved by keys, sent back; a calendar is turned by keys."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PHONE, Visit, violations

pytestmark = pytest.mark.browser


def opened(visit: Visit, path: str, **options: object) -> Page:
    page = visit(path, **options)
    page.wait_for_selector("html[data-ready]")
    return page


def column(page: Page, key: str) -> Locator:
    return page.locator(f'.board-column[data-column="{key}"]')


def test_a_gallery_is_a_switch_away_and_keeps_what_was_searched(visit: Visit) -> None:
    page = opened(visit, "/party/list/?q=ромашка")
    page.get_by_role("navigation", name="Show as").get_by_role("link", name="Gallery").click()
    expect(page.locator(".gcard")).to_have_count(1)
    expect(page.locator("#q")).to_have_value("ромашка")
    expect(page).to_have_title(re.compile("Gallery"))
    page.fill("#q", "tulpen")
    expect(page.locator(".gcard .row-link")).to_have_text(["Tulpen & Zonen B.V."])
    assert "/party/gallery?q=tulpen" in page.url
    page.get_by_role("navigation", name="Show as").get_by_role("link", name="List").click()
    expect(page.locator(".row-link")).to_have_count(1)
    page.go_back()
    expect(page.locator(".gcard")).to_have_count(1)
    assert violations(page) == []


@pytest.mark.parametrize(
    "path", ["/order/board", "/invoice/board", "/order/calendar", "/payment/calendar", "/party/gallery"]
)
@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_faces_can_be_used_by_everybody(visit: Visit, path: str, look: dict[str, object]) -> None:
    page = opened(visit, path, **look)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_a_calendar_is_turned_by_keys(visit: Visit) -> None:
    page = opened(visit, "/order/calendar?on=2026-03-15")
    title = page.locator(".cal-title")
    expect(title).to_have_text("March 2026")
    page.keyboard.press("ArrowRight")
    expect(title).to_have_text("April 2026")
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text("March 2026")
    page.keyboard.press("w")
    page.wait_for_url("**span=week**")
    expect(title).to_contain_text("Mar")
    page.keyboard.press("d")
    assert page.locator("td[data-day]").count() >= 1
    expect(page.locator('[data-go="day"]')).to_have_attribute("aria-current", "true")
    page.keyboard.press("m")
    expect(title).to_have_text("March 2026")
    page.go_back()
    expect(page.locator('[data-go="day"]')).to_have_attribute("aria-current", "true")
