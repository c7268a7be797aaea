"""The screens in Chromium: by keyboard, in the dark, on a phone, without JavaScript; nothing complains."""

import re

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import PHONE, Visit, violations
from tests.browser.world import PASSWORD

pytestmark = pytest.mark.browser


def wait_for_widgets(page: Page) -> None:
    page.wait_for_selector("html[data-ready]")


def test_one_signs_in_and_adds_a_party_by_keyboard_alone(visit: Visit) -> None:
    page = visit("/login/", user=None)
    page.keyboard.type("head")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/home/")
    page.goto("/party/add")
    wait_for_widgets(page)

    page.locator("#name").focus()
    page.keyboard.type("Molen De Adriaan")
    page.locator("#country-ts-control").focus()
    page.keyboard.type("Netherl")
    page.keyboard.press("Enter")
    page.locator("#tax_number").focus()
    page.keyboard.type("NL854502131B01")  # the check digits are wrong
    page.select_option("#kind", "person")
    page.locator("#birthday").focus()
    page.keyboard.type("1779-04-23")
    page.locator("#owner-ts-control").focus()
    page.keyboard.type("maria")
    expect(page.get_by_role("option", name="Maria Manager")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Control+s")

    expect(page.locator("#tax_number-error")).to_be_visible()
    expect(page.locator("#tax_number")).to_be_focused()
    expect(page.locator("#tax_number")).to_have_value("NL854502131B01")
    expect(page.locator("#name")).to_have_value("Molen De Adriaan")
    expect(page.locator("#birthday")).to_have_value("1779-04-23")
    expect(page.locator("#country")).to_have_value("NL")
    expect(page.locator(".form-group:has(#owner) .item")).to_have_text("Maria Manager")

    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/party/show/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Molen De Adriaan")
    facts = page.locator(".facts-list").all_inner_texts()
    assert "23 Apr 1779" in " ".join(facts)
    assert "Maria Manager" in " ".join(facts)
    assert "Netherlands" in " ".join(facts)


def test_a_day_is_picked_from_the_calendar_by_keyboard_in_the_readers_pattern(visit: Visit) -> None:
    page = visit("/lang/nl?next=/party/add")
    wait_for_widgets(page)
    page.select_option("#kind", "person")
    day = page.locator("#birthday")
    day.fill("30-04-2026")
    day.press("ArrowDown")
    calendar = page.locator(".flatpickr-calendar.open")
    expect(calendar).to_be_visible()
    expect(calendar.locator(".selected")).to_be_focused()
    expect(calendar.locator(".flatpickr-weekday").first).to_have_text("ma")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(day).to_have_value("01-05-2026")
    expect(day).to_be_focused()
    expect(calendar).to_be_hidden()


def test_what_is_no_date_stays_as_it_was_typed(visit: Visit) -> None:
    page = visit("/party/add")
    page.fill("#name", "Nobody")
    page.select_option("#kind", "person")
    page.fill("#birthday", "31 februari")
    page.click("[data-save]")
    expect(page.locator("#birthday-error")).to_contain_text("2026-03-31")
    expect(page.locator("#birthday")).to_have_value("31 februari")
    expect(page.locator("#birthday")).to_be_focused()


def test_a_list_is_filtered_searched_and_opened(visit: Visit) -> None:
    page = visit("/party/list/")
    wait_for_widgets(page)
    page.locator(".filters > summary").click()
    page.locator("fieldset", has_text="Country").locator("input").click()
    page.keyboard.type("Armen")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**flt.country.eq=AM**")
    assert "flt.kind" not in page.url  # what was left alone stays out of the address
    countries = page.locator("td[data-label=Country]").all_inner_texts()
    assert set(countries) == {"Armenia"}
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("արարատ")
    page.keyboard.press("Enter")
    expect(page.locator(".records tbody tr")).to_have_count(1)
    cell = page.locator("td[data-label=Country]").bounding_box()
    assert cell is not None
    page.mouse.click(cell["x"] + 20, cell["y"] + 20)  # the whole row leads to the card
    expect(page.get_by_role("heading", level=1)).to_have_text("«Արարատ Շին» ՍՊԸ")
    page.go_back()
    page.locator(".chip").first.click()
    expect(page.locator(".chip")).to_have_count(0)


def test_ticks_open_the_bar_and_a_deletion_asks_first(visit: Visit) -> None:
    page = visit("/party/add", user="admin")
    page.fill("#name", "Short lived")
    page.click("[data-save]")
    page.wait_for_url("**/show/*")
    card = page.url
    page.goto("/party/list/?q=short lived")
    bar = page.locator(".bulk")
    expect(bar).to_be_hidden()
    page.locator("input[name=rowid]").check()
    expect(bar).to_be_visible()
    expect(page.locator(".bulk-count")).to_have_text("Selected: 1")
    page.goto(card)
    page.locator("#more > summary").click()
    page.get_by_role("button", name="Delete").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Delete Short lived?")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_be_hidden()
    assert page.url == card
    page.get_by_role("button", name="Delete").click()  # the menu stands open as before the question
    question.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/list/")
    expect(page.locator(".toast")).to_contain_text("Deleted: Short lived")


def test_two_presses_make_one_record(visit: Visit) -> None:
    page = visit("/party/add")
    page.fill("#name", "Only once")
    page.evaluate("for (let i = 0; i < 3; i++) document.querySelector('[data-save]').click()")
    page.wait_for_url("**/show/*")
    page.goto("/party/list/?q=only once")
    expect(page.locator(".records tbody tr")).to_have_count(1)


def test_leaving_a_changed_form_asks(visit: Visit) -> None:
    page = visit("/party/add")
    wait_for_widgets(page)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.locator("#name").press_sequentially("Half")
    page.get_by_role("link", name="Cancel").click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert page.url.endswith("/party/add")
    page.fill("#name", "")
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url("**/party/list/")
    assert asked == ["beforeunload"]


def test_the_theme_changes_at_once_and_stays(visit: Visit) -> None:
    page = visit("/home/", user="office")
    ground = "getComputedStyle(document.querySelector('.stage')).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.locator(".user-menu summary").click()
    with page.expect_response("**/profile/"):
        page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) == "rgb(19, 24, 22)"
    page.goto("/party/list/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) == "rgb(19, 24, 22)"


def test_a_phone_has_a_drawer_cards_and_room_for_a_thumb(visit: Visit) -> None:
    page = visit("/party/list/", **PHONE)
    wait_for_widgets(page)
    menu = page.get_by_role("navigation", name="Main menu")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).tap()
    expect(menu).to_be_visible()
    assert page.evaluate("document.querySelector('.stage').inert")
    assert page.evaluate("document.querySelector('#side').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(page.get_by_role("button", name="Menu", exact=True)).to_be_focused()

    row = page.locator(".records tbody tr").first
    assert row.evaluate("(row) => getComputedStyle(row).display") == "grid"
    label = row.locator("td[data-label=Country]").evaluate("(cell) => getComputedStyle(cell, '::before').content")
    assert label == '"Country"'
    tick = row.locator(".tick-box").bounding_box()
    assert tick is not None
    assert (tick["width"] >= 44, tick["height"] >= 44) == (True, True)
    for path in ("/party/list/", "/party/show/1", "/party/add", "/home/", "/profile/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path
    page.goto("/party/list/")
    assert violations(page) == []


def test_without_javascript_one_can_sign_in_and_save(visit: Visit) -> None:
    page = visit("/party/add", java_script_enabled=False)
    page.fill("#name", "By hand")
    page.select_option("#country", "AM")
    page.click("[data-save]")
    expect(page.get_by_role("heading", level=1)).to_have_text("By hand")


PAGES = {
    "home": "/home/",
    "list": "/party/list/",
    "filtered": "/party/list/?flt.country.eq=NL&flt.changed_at.ge=2026-01-01",
    "nothing": "/party/list/?q=zzzz",
    "card": "/party/show/1",
    "form": "/party/add",
    "profile": "/profile/",
    "missing": "/party/show/999999",
}


def in_both_themes(page: Page) -> list[str]:
    """Return what is wrong in light; and in the dark, where nothing but the colours is another."""
    page.emulate_media(color_scheme="light")
    found = [f"light: {line}" for line in violations(page)]
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {line}" for line in violations(page, ["color-contrast"])]
    return found


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visit: Visit, name: str) -> None:
    assert in_both_themes(visit(PAGES[name])) == []


def test_axe_finds_nothing_before_one_is_signed_in(visit: Visit) -> None:
    page = visit("/login/", user=None)
    assert in_both_themes(page) == []
    page.fill("#username", "head")
    page.fill("#password", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#password-error")).to_be_visible()
    assert in_both_themes(page) == []


def test_axe_finds_nothing_where_something_is_open_or_wrong(visit: Visit) -> None:
    page = visit("/party/list/")
    wait_for_widgets(page)
    page.locator(".user-menu summary").click()
    assert in_both_themes(page) == []
    page.keyboard.press("Escape")
    page.locator(".filters > summary").click()
    page.locator("input[name=rowid]").first.check(force=True)
    assert in_both_themes(page) == []
    page.goto("/party/add")
    wait_for_widgets(page)
    page.select_option("#kind", "person")
    page.fill("#birthday", "soon")
    page.locator(".form-group:has(#country) .ts-control").click()
    page.keyboard.type("land")
    assert in_both_themes(page) == []
    page.keyboard.press("Escape")
    page.click("[data-save]")
    expect(page.locator("#name-error")).to_be_visible()
    assert in_both_themes(page) == []
    page.locator("#birthday").press("ArrowDown")
    assert in_both_themes(page) == []
