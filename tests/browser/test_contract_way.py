"""A contract in Chromium, with the program as `make run` starts it: from a new template to the customer's signature."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import Watch
from tests.browser.test_story import LATE, come_in, pick, ready, set_up, wait_for
from tests.browser.world import PASSWORD, whole_program

pytestmark = pytest.mark.browser
BODY = '<h1>Our contract</h1><p class="lines"><span data-field="terms"></span></p><div data-block="signatures"></div>'


@pytest.fixture
def program(tmp_path: Path) -> Iterator[str]:
    """Start the whole program under its supervisor and return its address."""
    with whole_program(tmp_path) as address:
        yield address


def prepare(page: Page) -> None:
    """Set the company up, with an accountant who approves, an office worker and a client."""
    set_up(page)
    page.goto("/user/add")
    ready(page)
    given = {"username": "olga", "first_name": "Olga", "last_name": "Kantoor", "email": "olga@tulpenhandel.example"}
    for name, value in (given | {"password": PASSWORD}).items():
        page.fill(f"#{name}", value)
    page.get_by_label("Back office", exact=True).check()
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/user/show/\d+"))
    page.goto("/party/add")
    ready(page)
    page.fill("#name", "Bakkerij Het Stoepje")
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/party/show/\d+"))


def choose(page: Page, field: str, text: str) -> None:
    """Choose by a part of its text in a select, be it dressed up or not."""
    page.evaluate(
        """([name, text]) => {
            const field = document.getElementById(name);
            const found = [...field.options].find((each) => each.text.includes(text));
            if (field.tomselect) { field.tomselect.setValue(found.value); } else { field.value = found.value; }
        }""",
        [field, text],
    )


def press(page: Page, button: Locator, *, is_asked: bool = False) -> None:
    """Press a button that sends a form, say yes where one is asked, and wait for the page that answers."""
    with page.expect_navigation():
        button.click()
        if is_asked:
            page.locator('#confirm [value="yes"]').click()
    ready(page)


def write_template(page: Page) -> str:
    """Write a template of contracts and publish it. Return the address of its form."""
    page.goto("/document_template/add")
    ready(page)
    page.fill("#name", "Our contract")
    choose(page, "kind", "Contract")
    choose(page, "language", "English")
    page.get_by_role("button", name="Source text", exact=True).first.click()
    page.fill("#body", BODY)
    page.get_by_role("button", name="Visual", exact=True).first.click()
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/document_template/show/\d+"))
    press(page, page.locator("#act-publish button"), is_asked=True)
    expect(page.locator("main")).to_contain_text("Version 1")
    return page.url.partition("?")[0].replace("/show/", "/edit/")


def write_on(page: Page, form: str) -> None:
    """Write a line more, visually, and see it on paper beside the form: with the newest contract."""
    page.goto(form)
    ready(page)
    page.locator("[data-preview-ask]").click()
    expect(page.locator(".preview-pages img")).to_have_count(1, timeout=LATE)
    before = page.locator(".preview-pages img").get_attribute("src")
    page.locator(".ve-page").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("Signed in two copies")
    expect(page.locator("#body")).to_have_value(re.compile(r"</div>\s*<p>Signed in two copies</p>$"))
    expect(page.locator(f'.preview-pages img:not([src="{before}"])')).to_have_count(1, timeout=LATE)
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/document_template/show/\d+"))
    expect(page.locator("pre.template-source").first).to_contain_text('<div data-block="signatures"></div>')


def draw_up(page: Page) -> str:
    """Draw a contract up, make its document and choose it. Return the address of its card."""
    page.goto("/contract/add")
    ready(page)
    pick(page, "party", "bakk", "Bakkerij Het Stoepje")
    page.fill("#subject", "Bread for the canteen")
    page.fill("#terms", "We bake.\nYou eat.")
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/contract/show/\d+"))
    card = page.url.partition("?")[0]
    page.get_by_role("link", name="Make a document").click()
    choose(page, "template", "Our contract")
    page.get_by_role("button", name="Make the document").click()
    page.wait_for_url(re.compile(r"/made_document/show/\d+"))
    wait_for(page, f"{card}?tab=papers", "This document is the contract")
    press(page, page.get_by_role("button", name="This document is the contract"))
    page.goto(card)
    ready(page)
    expect(page.locator("main")).to_contain_text("Our contract.pdf")
    press(page, page.locator("#act-submit button"))
    return card


def opened(chrome: Browser, program: str) -> tuple[BrowserContext, Watch]:
    options = {"base_url": program, "locale": "en", "reduced_motion": "reduce"}
    context = chrome.new_context(**options, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(LATE)
    return context, Watch(context, program)


def test_an_office_worker_has_a_contract_signed_that_was_made_from_a_new_template(
    chrome: Browser, program: str
) -> None:
    contexts = [opened(chrome, program) for _one in range(4)]
    admin, worker, approver, customer = (context.new_page() for context, _watch in contexts)
    prepare(admin)
    come_in(worker, "olga")
    form = write_template(worker)
    card = draw_up(worker)
    write_on(worker, form)

    come_in(approver, "accountant")
    approver.goto(card)
    ready(approver)
    press(approver, approver.locator("#act-approve button"))
    expect(approver.locator(".state-bar .is-now")).to_contain_text("Approved")

    worker.goto(card)
    ready(worker)
    worker.locator("#act-send > summary").click()
    press(worker, worker.locator("#act-send button[type=submit]"))
    link = worker.locator("a.contract-link").get_attribute("href")
    assert link is not None
    customer.goto("/c/" + link.rpartition("/c/")[2])
    expect(customer.locator("main")).to_contain_text("Bread for the canteen")
    pdf = customer.request.get("/c/" + link.rpartition("/c/")[2] + "/pdf")
    assert (pdf.status, pdf.headers["content-type"]) == (200, "application/pdf")
    customer.fill("#name", "Joost Bakker")
    customer.fill("#position", "Baker")
    customer.check("#agreed")
    customer.get_by_role("button", name="Sign the contract").click()
    expect(customer.locator("main")).to_contain_text("The contract is signed from your side.")

    worker.goto(card)
    ready(worker)
    expect(worker.locator("main")).to_contain_text("Joost Bakker")
    worker.locator("#act-sign_ours > summary").click()
    worker.fill("#sign_ours-name", "Olga Kantoor")
    worker.locator("#act-sign_ours button[type=submit]").click()
    expect(worker.locator(".state-bar .is-now")).to_contain_text("In force")
    for context, watch in contexts:
        context.close()
        assert watch.found == []
