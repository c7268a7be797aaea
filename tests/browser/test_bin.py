"""Deleting and toasts in Chromium: the way back, what leaves by itself and what stays, keys, phones, no scripts."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visit, violations

pytestmark = pytest.mark.browser
NAME = "Koster Elektrotechniek"


def opened(visit: Visit, path: str, **options: object) -> Page:
    page = visit(path, **options)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_function("'toast' in countinghouse")
    return page


def say(page: Page, text: str, category: str = "success") -> None:
    page.evaluate("([text, category]) => { countinghouse.toast(text, { category }); }", [text, category])


def shown(page: Page) -> list[str]:
    return page.locator("#toasts .alert-text").all_inner_texts()


def test_a_deleted_record_is_back_with_one_press(visit: Visit) -> None:
    page = opened(visit, "/party/list/?q=koster", user="admin")
    page.get_by_role("link", name=NAME).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    card = page.url
    page.locator("#more > summary").click()
    page.locator('form[action*="/party/delete/"] button').click()
    expect(page.locator("#confirm-text")).to_have_text(f"Delete {NAME}? It stays in the bin for 30 days.")
    page.locator('#confirm [value="yes"]').click()
    expect(page.locator("#toasts .alert-text")).to_have_text([f"Deleted: {NAME}"])
    page.locator("#toasts .toast").hover()  # it waits for whoever looks at it
    assert violations(page) == []
    place = page.url
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts .alert-text")).to_have_text([f"Restored: {NAME}"])
    assert page.url == place
    page.goto(card)
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)


def test_good_news_leave_unless_looked_at_and_bad_ones_stay(visit: Visit) -> None:
    page = opened(visit, "/home/")
    page.clock.install()
    say(page, "Saved")
    say(page, "Broken", "danger")
    page.get_by_text("Saved", exact=True).hover()
    page.clock.fast_forward(9_000)
    assert shown(page) == ["Saved", "Broken"]
    page.mouse.move(5, 5)
    page.clock.fast_forward(8_100)
    assert shown(page) == ["Broken"]
    page.clock.fast_forward(600_000)
    assert shown(page) == ["Broken"]
    assert page.locator("#toasts .toast").get_attribute("role") == "alert"


def test_escape_closes_the_last_one_and_leaves_fields_alone(visit: Visit) -> None:
    page = opened(visit, "/party/list/")
    say(page, "First", "warning")
    say(page, "Second", "danger")
    assert violations(page) == []
    page.locator("#q").focus()
    page.keyboard.press("Escape")
    assert shown(page) == ["First", "Second"]
    page.locator("#toasts .toast").last.get_by_role("button", name="Close").focus()
    page.keyboard.press("Escape")
    assert shown(page) == ["First"]
    expect(page.locator("#toasts .toast").get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Enter")
    assert shown(page) == []


@pytest.mark.parametrize("device", [{}, PHONE])
def test_a_toast_covers_neither_the_foot_of_a_form_nor_the_edge(visit: Visit, device: dict[str, object]) -> None:
    page = opened(visit, "/party/add", **device)
    say(page, "A text that is long enough to need more than one line on a phone, and says so")
    clear = """() => {
      const toast = document.querySelector("#toasts .toast").getBoundingClientRect();
      const foot = document.querySelector(".form-foot").getBoundingClientRect();
      return toast.left >= 0 && toast.right <= innerWidth && toast.bottom <= foot.top;
    }"""
    page.wait_for_function(clear)  # both in one look: the foot grows while the page settles, and the toast follows it


def test_without_scripts_the_way_back_is_a_form_at_the_top(visit: Visit) -> None:
    page = visit("/party/list/?q=stepje", user="admin")
    storage = page.context.storage_state()
    plain = visit("/party/list/?q=stoepje", user=None, java_script_enabled=False, storage_state=storage)
    plain.get_by_role("link", name="Bakkerij Het Stoepje").first.click()
    plain.locator("#more > summary").click()
    plain.locator('form[action*="/party/delete/"] button').click()
    toast = plain.locator("main > .toasts > .toast")
    expect(toast.locator(".alert-text")).to_have_text("Deleted: Bakkerij Het Stoepje")
    assert toast.evaluate("node => getComputedStyle(node.parentElement).position") == "static"
    toast.get_by_role("button", name="Undo").click()
    expect(plain.locator("main > .toasts .alert-text")).to_have_text("Restored: Bakkerij Het Stoepje")
