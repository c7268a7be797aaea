"""Lists in Chromium: found while one types, walked by keys, filtered by any of several, kept and shared as views."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visit, violations

pytestmark = pytest.mark.browser


def opened(visit: Visit, path: str = "/party/list/", **options: object) -> Page:
    page = visit(path, **options)
    page.wait_for_selector("html[data-ready]")
    return page


def names(page: Page) -> list[str]:
    return page.locator(".row-link").all_inner_texts()


def stays(page: Page) -> None:
    """Mark the page, to see later that it was not loaded anew."""
    page.evaluate("document.body.dataset.stays = '1'")


def test_one_finds_while_typing_and_goes_back(visit: Visit) -> None:
    page = opened(visit)
    stays(page)
    page.keyboard.press("/")
    page.keyboard.type("ромашка")
    expect(page.locator(".row-link")).to_have_count(1)
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("ромашка")
    assert "q=%D1%80" in page.url
    assert page.locator("body[data-stays]").count() == 1
    page.locator(".row-link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ООО «Ромашка»")
    page.go_back()
    expect(page.locator(".row-link")).to_have_count(1)
    expect(page.locator("#q")).to_have_value("ромашка")


def test_a_list_is_walked_and_ticked_by_keys(visit: Visit) -> None:
    page = opened(visit)
    first, second = names(page)[:2]
    page.keyboard.press("j")
    expect(page.locator(".row-link").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator('input[name="rowid"]').nth(1)).to_be_checked()
    expect(page.locator(".bulk-count")).to_have_text("Selected: 1")
    page.keyboard.press("Escape")
    expect(page.locator(".bulk")).to_be_hidden()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(first)
    page.go_back()
    page.wait_for_selector("html[data-ready]")
    for key in ("j", "j", "e"):
        page.keyboard.press(key)
    page.wait_for_url("**/party/edit/*")
    expect(page.locator("#name")).to_have_value(second)


def test_pages_turn_without_the_frame_and_the_way_back_works(visit: Visit) -> None:
    page = opened(visit, "/party/list/?size=10")
    stays(page)
    first = names(page)
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".pager")).to_contain_text("11–20 of")
    assert names(page)[0] not in first
    assert page.locator("body[data-stays]").count() == 1
    page.get_by_role("link", name="Last page").click()
    expect(page.get_by_role("link", name="Next")).to_have_count(0)
    page.go_back()
    expect(page.locator(".pager")).to_contain_text("11–20 of")
    page.go_back()
    expect(page.locator(".pager")).to_contain_text("1–10 of")
    assert names(page) == first


def test_any_of_several_conditions_columns_and_orders_make_a_view_that_is_shared(visit: Visit) -> None:
    page = opened(visit)
    page.locator("details.filters > summary").click()
    page.locator('select[name="match"]').select_option("any")
    page.locator("#flt-country-ts-control").click()
    page.keyboard.type("Armen")
    page.keyboard.press("Enter")
    page.locator("#flt-kind").select_option("person")
    page.get_by_role("button", name="Apply").first.click()
    expect(page.locator(".chip-group .chip")).to_have_count(2)
    expect(page.locator(".chip-group")).to_contain_text("or")

    page.locator("details.columns > summary").click()
    page.get_by_role("checkbox", name="Language").check()
    page.locator(".columns li", has_text="Language").get_by_role("button", name="Move up").click()
    page.locator(".columns").get_by_role("button", name="Apply").click()
    expect(page.locator("th", has_text="Language")).to_be_visible()

    page.locator("th a", has_text="Country").click()
    expect(page.locator('th[aria-sort="ascending"]')).to_contain_text("Country")
    page.locator("th a", has_text="Name").click(modifiers=["Shift"])
    expect(page.locator(".sort-place")).to_have_count(2)

    page.locator("details.keep-view > summary").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".keep-view .error")).to_have_text("Give the view a name")
    page.locator(".keep-view #name").fill("Armenia and persons")
    page.get_by_label("Show it as a tab").check()
    page.get_by_label("Everybody who sees the list").check()
    page.get_by_role("button", name="Save", exact=True).click()
    tab = page.locator(".views a", has_text="Armenia and persons")
    expect(tab).to_have_attribute("aria-current", "page")
    expect(tab.locator(".count")).to_have_text(re.compile(r"^\d+$"))
    shown = names(page)

    colleague = opened(visit, user="office")
    colleague.locator(".views a", has_text="Armenia and persons").click()
    expect(colleague.locator(".chip-group .chip")).to_have_count(2)
    expect(colleague.locator("th", has_text="Language")).to_be_visible()
    assert names(colleague)
    again = opened(visit, page.url.replace(page.evaluate("location.origin"), ""))
    assert names(again) == shown


def test_a_value_is_changed_in_the_list(visit: Visit) -> None:
    page = opened(visit, "/party/list/?q=northgate", user="office")
    name = page.locator(".row-link")
    page.keyboard.press("j")
    page.keyboard.press("F2")
    field = page.locator(".cell-form input[name=name]")
    expect(field).to_be_focused()
    expect(field).to_have_value("Northgate Stationers")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(page.locator(".cell-form .error")).to_be_visible()
    page.keyboard.type("Northgate Paper")
    page.keyboard.press("Enter")
    expect(name).to_have_text("Northgate Paper")
    expect(name).to_be_focused()

    page.locator("td[data-label='Country']").hover(force=True)
    page.locator(".cell-open").click()
    page.keyboard.press("Escape")
    expect(page.locator(".cell-form")).to_have_count(0)
    expect(page.locator("td[data-label='Country']")).to_have_text("United Kingdom")


def test_two_who_change_the_same_row_see_each_other(visit: Visit) -> None:
    page, other = opened(visit, "/party/list/?q=harbour", user="office"), opened(visit, "/party/list/?q=harbour")
    for each in (page, other):
        each.keyboard.press("j")
        each.keyboard.press("F2")
        each.locator(".cell-form input[name=name]").wait_for()
    other.keyboard.type("Harbour Quill & Co")
    other.keyboard.press("Enter")
    expect(other.locator(".row-link")).to_have_text("Harbour Quill & Co")
    page.keyboard.type("Harbour Ltd")
    page.keyboard.press("Enter")
    expect(page.locator(".cell-form .theirs")).to_contain_text("Harbour Quill & Co")
    expect(page.locator(".cell-form input[name=name]")).to_have_value("Harbour Ltd")
    page.keyboard.press("Enter")
    expect(page.locator(".row-link")).to_have_text("Harbour Ltd")


def test_the_filter_panel_works_without_scripts(visit: Visit) -> None:
    page = visit("/party/list/", java_script_enabled=False)
    page.locator("details.filters > summary").click()
    page.locator("#flt-country").select_option("AM")
    page.locator(".filter-panel button[type=submit]").click()
    page.wait_for_url(re.compile("country=AM"))
    assert names(page)
    assert set(page.locator('td[data-label="Country"]').all_inner_texts()) == {"Armenia"}


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_open_panels_are_free_of_barriers(visit: Visit, options: dict[str, object]) -> None:
    page = opened(visit, "/party/list/?flt.country.eq=NL&any1.is_customer.eq=true&any1.kind.eq=company", **options)
    assert violations(page) == []
    for panel in ("details.filters", "details.columns", "details.keep-view"):
        page.locator(f"{panel} > summary").click()
        assert violations(page) == [], panel
        page.keyboard.press("Escape")


OVERLAPS = """() => {
  const parts = [...document.querySelectorAll(".toolbar > *, .tools-right > *")].filter((part) => part.offsetWidth);
  const box = (part) => part.getBoundingClientRect();
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return parts.flatMap((one, at) => parts.slice(at + 1).filter((other) => meet(box(one), box(other)))
    .map((other) => `${one.className} | ${other.className}`));
}"""


def test_no_tool_of_a_list_covers_another_where_words_are_long(visit: Visit) -> None:
    page = opened(visit, "/lang/ru?next=/party/list/?flt.country.eq=NL")
    for width in (1280, 1000, 740, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(OVERLAPS) == [], width
    page.goto("/lang/en?next=/home/")
