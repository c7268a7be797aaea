"""A card: parts that load when they are opened, tags, neighbours, states and reasons, what hangs together."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def address(demo: Demo) -> str:
    return demo.address


def opened(visit: Visit, path: str, user: str = "accountant") -> Page:
    page = visit(path, user=user)
    page.wait_for_selector("html[data-ready]")
    return page


def test_parts_open_without_a_new_page_and_the_way_back_works(visit: Visit) -> None:
    page = opened(visit, "/invoice/list/?flt.settlement.eq=paid")
    page.locator(".row-link").first.click()
    page.wait_for_url("**/invoice/show/*")
    page.wait_for_selector("html[data-ready]")
    page.evaluate("document.body.dataset.stays = '1'")
    page.locator("[data-tab=allocations]").click()
    expect(page.locator("#allocations tbody tr").first).to_be_visible()
    page.wait_for_url("**tab=allocations*")
    assert page.locator("body[data-stays]").count() == 1
    page.reload()
    expect(page.locator("#allocations")).to_be_visible()
    expect(page.locator('[data-tab][aria-current="true"]')).to_have_count(1)
    page.go_back()
    page.wait_for_url("**/invoice/list/?flt.settlement.eq=paid")


def test_one_walks_from_neighbour_to_neighbour_of_the_list(visit: Visit) -> None:
    page = opened(visit, "/party/list/?flt.country.eq=NL&size=10", user="head")
    names = page.locator(".row-link").all_inner_texts()
    page.locator(".row-link").first.click()
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text(names[0])
    page.locator("#beside").get_by_role("link", name=re.compile("Next")).click()
    expect(title).to_have_text(names[1])
    page.locator("#beside").get_by_role("link", name=re.compile("Previous")).click()
    expect(title).to_have_text(names[0])
    page.locator("nav.crumbs a").last.click()
    page.wait_for_url("**/party/list/?*flt.country.eq=NL*")


def test_a_tag_is_put_on_found_by_taken_off_and_put_back(visit: Visit) -> None:
    page = opened(visit, "/party/show/2", user="head")
    title = page.get_by_role("heading", level=1).inner_text()
    page.locator(".tag-add > summary").click()
    expect(page.locator("#tag-typed")).to_be_focused()
    page.keyboard.type("Spring fair")
    page.keyboard.press("Enter")
    tag = page.locator(".tag", has_text="Spring fair")
    expect(tag).to_have_count(1)
    tag.get_by_role("link").click()
    page.wait_for_url("**/party/list/?flt.tags.eq=*")
    expect(page.locator(".row-link")).to_have_text([title])
    page.locator(".row-link").click()
    page.wait_for_selector("html[data-ready]")
    page.get_by_role("button", name="Take off: Spring fair").click()
    expect(page.locator(".toast")).to_contain_text("taken off")
    expect(tag).to_have_count(0)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(tag).to_have_count(1)


def test_the_bar_of_states_leads_on_and_says_why_not(visit: Visit) -> None:
    page = opened(visit, "/order/list/?flt.state.eq=draft", user="head")
    page.locator(".row-link").first.click()
    page.wait_for_selector("html[data-ready]")
    bar = page.locator(".state-bar")
    expect(bar.locator('[aria-current="step"]')).to_have_text("Draft")
    bar.get_by_role("button", name="Confirmed").click()
    expect(bar.locator('[aria-current="step"]')).to_have_text("Confirmed")
    page.locator("#more > summary").click()
    refused = page.locator(".refused li").first
    expect(refused.locator(".refused-why")).not_to_be_empty()


def test_the_chain_leads_from_the_order_to_what_was_paid(visit: Visit) -> None:
    page = opened(visit, "/order/show/1", user="head")  # the oldest one: invoiced and paid
    page.locator("[data-tab=chain]").click()
    page.locator('.chain a[href*="/invoice/show/"]').first.click()
    page.wait_for_url("**/invoice/show/*")
    page.wait_for_selector("html[data-ready]")
    page.locator("[data-tab=chain]").click()
    chain = page.locator(".chain")
    expect(chain.locator('a[href*="/order/show/1"]')).to_be_visible()
    chain.locator('a[href*="/payment/show/"]').first.click()
    page.wait_for_url("**/payment/show/*")


def test_an_archived_counterparty_is_back_with_one_press(visit: Visit) -> None:
    page = opened(visit, "/party/show/3", user="head")
    page.locator("#more > summary").click()
    page.locator("#act-archive button").click()
    expect(page.locator(".card-title .badge", has_text="Archived")).to_be_visible()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".card-title .badge", has_text="Archived")).to_have_count(0)
