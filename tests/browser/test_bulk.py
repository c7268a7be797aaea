"""Ticked records, or all that match, get a value by one form after a preview, and get back what they had."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visit, violations

pytestmark = pytest.mark.browser


def opened(visit: Visit, path: str, **options: object) -> Page:
    page = visit(path, user="office", **options)
    page.wait_for_selector("html[data-ready]")
    return page


def tick_page(page: Page) -> None:
    page.locator("[data-tick-all]").check()


def edit(page: Page, name: str, value: str) -> None:
    """Choose a field and its new value, and look at the preview."""
    page.locator(".bulk button", has_text="Edit").click()
    page.wait_for_url("**/many/edit*")
    page.wait_for_selector("html[data-ready]")
    page.locator("[data-add]").select_option(label=name)
    page.locator(".bulk-field:not([hidden]) .bulk-value input").fill(value)
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".bulk-counts")


def test_a_page_of_records_is_edited_after_a_preview_and_put_back(visit: Visit) -> None:
    page = opened(visit, "/party/list/?flt.country.eq=NL&cols=name,source")
    shown = page.locator('td[data-label="Source"]').all_inner_texts()
    tick_page(page)
    edit(page, "Source", "Fair of Utrecht")
    assert violations(page) == []
    expect(page.locator(".bulk-counts .is-good dd")).to_have_text(str(len(shown)))
    expect(page.locator(".bulk-samples ins").first).to_have_text("Fair of Utrecht")
    page.get_by_role("button", name="Change").click()
    page.wait_for_url("**/party/list/*")
    expect(page.locator('td[data-label="Source"]').first).to_have_text("Fair of Utrecht")
    assert set(page.locator('td[data-label="Source"]').all_inner_texts()) == {"Fair of Utrecht"}
    expect(page.locator(".toast")).to_contain_text(f"Changed: {len(shown)}")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.wait_for_url("**/party/list/*")
    expect(page.locator('td[data-label="Source"]').first).not_to_have_text("Fair of Utrecht")
    assert page.locator('td[data-label="Source"]').all_inner_texts() == shown


def test_everything_that_matches_is_offered_once_the_page_is_ticked(visit: Visit) -> None:
    page = opened(visit, "/party/list/?size=10&flt.is_customer.eq=true")
    everything = page.locator(".bulk-all")
    page.locator('input[name="rowid"]').first.check()
    expect(page.locator(".bulk-count")).to_have_text("Selected: 1")
    expect(everything).to_be_hidden()
    tick_page(page)
    expect(everything).to_be_visible()
    everything.click()
    total = re.search(r"\d+", everything.inner_text())
    assert total is not None
    expect(page.locator(".bulk-count")).to_have_text(f"Selected: {total[0]}")
    assert violations(page) == []
    page.locator('input[name="rowid"]').first.uncheck()
    expect(page.locator(".bulk-count")).to_have_text("Selected: 9")
    tick_page(page)
    everything.click()
    edit(page, "Source", "Everybody")
    expect(page.locator("h1")).to_contain_text(f"{total[0]} records")
    expect(page.locator(".bulk-counts .is-good dd")).to_have_text(total[0])


def test_it_works_without_scripts(visit: Visit) -> None:
    page = visit("/party/list/?q=northgate", user="office", java_script_enabled=False)
    page.locator('input[name="rowid"]').check()
    page.locator(".bulk button", has_text="Edit").click()
    page.locator('select[name="how.source"]').select_option("set")
    page.locator('input[name="source"]').fill("No scripts")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Change 1 records").click()
    expect(page.locator(".toast")).to_contain_text("Changed: 1")


@pytest.mark.parametrize("options", [{"color_scheme": "dark"}, PHONE], ids=["dark", "phone"])
def test_the_fields_are_free_of_barriers(visit: Visit, options: dict[str, object]) -> None:
    page = opened(visit, "/party/list/?flt.country.eq=NL", **options)
    page.locator('input[name="rowid"]').first.check()
    page.locator(".bulk button", has_text="Edit").click()
    page.wait_for_url("**/many/edit*")
    page.wait_for_selector("html[data-ready]")
    page.locator("[data-add]").select_option(label="Country")
    assert violations(page) == []
