"""The board of orders: a card goes to another column by hand or by keys, and back; what may not go stays."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Demo, Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def address(demo: Demo) -> str:
    return demo.address


def opened(visit: Visit) -> Page:
    page = visit("/order/board", user="head")
    page.wait_for_selector("html[data-ready]")
    return page


def column(page: Page, key: str) -> Locator:
    return page.locator(f'.board-column[data-column="{key}"]')


def counted(place: Locator) -> int:
    return int(place.locator(".board-head .count").inner_text())


def drag(page: Page, card: Locator, to: Locator) -> None:
    """Take a card by its edge and put it on a column, as a hand does: not at once."""
    start, end = card.bounding_box(), to.locator(".board-cards").bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 20, start["y"] + start["height"] - 8)
    page.wait_for_selector(".board-cards[data-ready]")  # what drags is fetched when the mouse comes
    page.mouse.down()
    for step in range(1, 21):
        page.mouse.move(
            start["x"] + 20 + (end["x"] + 60 - start["x"] - 20) * step / 20,
            start["y"] + (end["y"] + 40 - start["y"]) * step / 20,
        )
        page.wait_for_timeout(30)
    page.mouse.up()


def test_a_card_is_dragged_to_its_next_state_and_taken_back(visit: Visit) -> None:
    page = opened(visit)
    draft, confirmed = column(page, "draft"), column(page, "confirmed")
    before = counted(draft), counted(confirmed)
    card = draft.locator(".bcard:not(.is-fixed)").first
    key = card.get_attribute("data-id")
    drag(page, card, confirmed)
    expect(confirmed.locator(f'.bcard[data-id="{key}"]')).to_have_count(1)
    expect(page.locator(".toast").last).to_contain_text("is now in “Confirmed”")
    expect(draft.locator(".board-head .count")).to_have_text(str(before[0] - 1))
    expect(confirmed.locator(".board-head .count")).to_have_text(str(before[1] + 1))
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    page.wait_for_url("**/order/board*")
    expect(column(page, "draft").locator(f'.bcard[data-id="{key}"]')).to_have_count(1)


def test_a_card_is_moved_by_keys(visit: Visit) -> None:
    page = opened(visit)
    card = column(page, "draft").locator(".bcard:not(.is-fixed)").first
    key = card.get_attribute("data-id")
    card.locator(".bcard-title").focus()
    page.keyboard.press("m")
    menu = card.locator(".bcard-menu .drop-body")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.keyboard.press("m")
    for _press in range(menu.get_by_role("button").count()):
        if "Confirmed" in page.evaluate("document.activeElement.textContent"):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(column(page, "confirmed").locator(f'.bcard[data-id="{key}"] .bcard-title')).to_be_focused()
    page.reload()
    expect(column(page, "confirmed").locator(f'.bcard[data-id="{key}"]')).to_have_count(1)


def test_what_may_not_move_stays(visit: Visit) -> None:
    page = opened(visit)
    drafts = column(page, "draft")
    card = drafts.locator(".bcard").first
    key = card.get_attribute("data-id")
    drag(page, card, column(page, "in_progress"))  # deliveries and invoices bring it there
    expect(drafts.locator(f'.bcard[data-id="{key}"]')).to_have_count(1)
    page.reload()
    expect(drafts.locator(f'.bcard[data-id="{key}"]')).to_have_count(1)


def test_the_filter_is_kept_from_face_to_face(visit: Visit) -> None:
    page = visit("/order/list/?flt.currency.eq=EUR", user="head")
    for face in ("Board", "Calendar", "List"):
        page.get_by_role("navigation", name="Show as").get_by_role("link", name=face).click()
        page.wait_for_selector("html[data-ready]")
        expect(page.locator(".chip-group, .chips").first).to_contain_text("EUR")
