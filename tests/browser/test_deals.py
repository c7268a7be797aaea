"""A manager's way with a deal: from stage to stage on the board, what is next, lost with a reason, and back again."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PHONE, Demo, Visit, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def address(demo: Demo) -> str:
    return demo.address


def column(page: Page, place: int) -> Locator:
    return page.locator(".board-column").nth(place)


def test_a_deal_goes_on_is_lost_with_a_reason_and_comes_back(visit: Visit) -> None:
    page = visit("/deal/board", user="head")
    page.wait_for_selector("html[data-ready]")
    expect(page.locator(".board-column")).to_have_count(6)
    assert violations(page) == []
    card = column(page, 0).locator(".bcard").first
    key = card.get_attribute("data-id")
    card.locator(".bcard-title").focus()
    page.keyboard.press("m")
    page.keyboard.press("Enter")  # the first stage that is offered is the next one
    expect(column(page, 1).locator(f'.bcard[data-id="{key}"]')).to_have_count(1)
    page.goto(f"/deal/show/{key}")
    expect(page.locator(".stage-bar .is-now")).to_have_text(re.compile("Qualified|Gekwalificeerd"))
    assert violations(page) == []
    page.locator(".stage-bar .state-step").last.locator("a").click()
    dialog = page.locator("#act-lose")
    dialog.locator("select").evaluate("select => { select.value = select.options[1].value; }")
    dialog.locator("textarea").fill("They took another one.")
    dialog.get_by_role("button").last.click()
    expect(page.locator(".alert-warning").first).to_contain_text("They took another one.")
    page.get_by_role("button", name="Reopen").click()
    expect(page.locator(".stage-bar .is-now")).to_have_text(re.compile("Qualified|Gekwalificeerd"))


def test_on_a_phone_nothing_is_wider_than_the_screen(visit: Visit) -> None:
    for path in ("/deal/board", "/deal/list/", "/deal/show/1", "/deal/forecast"):
        page = visit(path, user="head", **PHONE)
        assert page.evaluate("document.documentElement.scrollWidth <= 360"), path
