"""Reconciling a statement in Chromium, by the keys alone: lines are taken, ignored and given back."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, Visit, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def address(demo: Demo) -> str:
    return demo.address


def press(page: Page, key: str) -> None:
    """Press a key and wait for the page that answers."""
    with page.expect_navigation():
        page.keyboard.press(key)
    page.wait_for_load_state("networkidle")


def test_an_accountant_reconciles_a_statement_with_the_keys(visit: Visit):
    """The first line is taken, the second one ignored; what was done is undone, line by line."""
    page = visit("/bank_statement/list/", "admin")
    page.get_by_role("link", name=re.compile("DEMO")).first.click()
    page.get_by_role("link", name="Match the lines").click()
    page.wait_for_load_state("networkidle")
    first = page.url
    expect(page.locator(".bank-progress")).to_contain_text("0 of 10")
    assert violations(page) == []
    press(page, "Enter")
    assert page.url != first
    expect(page.locator(".bank-progress")).to_contain_text("1 of 10")
    press(page, "j")
    press(page, "k")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("i")
    expect(page.locator("#reason")).to_be_focused()
    page.fill("#reason", "Not ours")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(".bank-progress")).to_contain_text("2 of 10")
    press(page, "u")
    expect(page.locator(".bank-progress")).to_contain_text("1 of 10")
    page.goto(first)
    press(page, "u")
    expect(page.locator(".bank-progress")).to_contain_text("0 of 10")
