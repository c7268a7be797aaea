"""A mailing in Chromium, with the program as `make run` starts it: from a segment to what came of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch
from tests.browser.test_contract_way import press
from tests.browser.test_story import LATE, come_in, ready, set_up, wait_for
from tests.browser.world import PASSWORD, whole_program
from tests.mail import MailServer

pytestmark = pytest.mark.browser
PARTIES = (
    ("Bloemen Noord", "NL", "noord@bloemen.example", True),
    ("Bloemen Zuid", "NL", "zuid@bloemen.example", True),
    ("Bloemen Stil", "NL", "stil@bloemen.example", False),
    ("ООО «Ромашка»", "RU", "info@romashka.example", True),
)
SEND = """async ([address, body]) => {
  const token = document.querySelector("input[name=csrf_token]").value;
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  return [answer.status, await answer.json()];
}"""


@pytest.fixture
def post() -> Iterator[MailServer]:
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture
def program(tmp_path: Path, post: MailServer) -> Iterator[str]:
    """Start the whole program under its supervisor and return its address."""
    url = f"smtp://127.0.0.1:{post.port}?starttls=never"
    with whole_program(tmp_path, CRM_SMTP_URL=url) as address:
        yield address


def sent(page: Page, address: str, body: dict[str, Any]) -> Any:
    status, answer = page.evaluate(SEND, [address, body])
    assert status in {200, 201}, answer
    return answer


def prepare(page: Page) -> None:
    """Set the company up, with a marketer, and counterparties of whom most have agreed to mails."""
    set_up(page)
    page.goto("/user/add")
    ready(page)
    given = {"username": "mila", "first_name": "Mila", "last_name": "Markt", "email": "mila@tulpenhandel.example"}
    for name, value in (given | {"password": PASSWORD}).items():
        page.fill(f"#{name}", value)
    page.get_by_label("Marketer", exact=True).check()
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/user/show/\d+"))
    page.goto("/party/add")
    ready(page)
    for name, country, email, agrees in PARTIES:
        about = {"name": name, "country": country, "email": email, "is_customer": True}
        key = sent(page, "/api/v1/party/", about)["id"]
        said = {"purpose": "marketing_mail", "state": "given", "source": "paper", "wording": "Terms"}
        if agrees:
            sent(page, f"/api/v1/party/{key}/consents", said)
    never = {"quiet_from": "00:00", "quiet_until": "00:00"}  # at whatever hour this is tried
    sent(page, "/api/v1/contact_policy/", {"organisation": 1, **never})


def choose_whom(page: Page) -> None:
    """Make a segment of the Dutch ones; how many there are is told while one builds it."""
    page.goto("/segment/add")
    ready(page)
    page.fill("#name", "Dutch clients")
    page.locator(".conditions").get_by_role("button", name="Condition", exact=True).first.click()
    with page.expect_response("**/segment/conditions"):
        page.locator("[name='c-r.0-field']").select_option("country")
    expect(page.locator("[data-conditions][aria-busy]")).to_have_count(0)
    page.locator("[name='c-r.0-value']").select_option("NL")
    expect(page.locator("[data-cond-found]")).to_contain_text("3 counterparties meet this now")
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/segment/show/\d+"))
    expect(page.locator("main")).to_contain_text("Bloemen Noord")


def speaks(page: Page, name: str) -> None:
    """Choose English in a cell."""
    page.locator(f"[name={name}]").click()
    page.get_by_role("option", name="English").first.click()


def write(page: Page) -> None:
    """Write the mail."""
    page.goto("/mail_template/add")
    ready(page)
    page.fill("#name", "Spring")
    page.locator("[data-lines=texts] [data-line-add]").click()
    speaks(page, "texts-0-language-text")
    page.fill("[name=texts-0-subject]", "Tulips for {company|you}")
    page.locator("[data-lines=blocks] [data-line-add]").click()
    speaks(page, "blocks-0-language-text")
    page.fill("[name=blocks-0-text]", "Dear {company|customer}, the bulbs are here.")
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/mail_template/show/\d+"))


def test_a_marketer_brings_a_mailing_from_a_segment_to_its_result(
    chrome: Browser, program: str, post: MailServer
) -> None:
    context = chrome.new_context(
        base_url=program, locale="en", reduced_motion="reduce", viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(LATE)
    watch = Watch(context, program)
    admin = context.new_page()
    prepare(admin)
    admin.goto("/profile/")
    context.clear_cookies()
    page = context.new_page()
    admin.close()
    come_in(page, "mila")
    choose_whom(page)
    write(page)

    page.goto("/mailing/add")
    ready(page)
    page.fill("#name", "Spring bulbs")
    for field, text in (("segment", "Dutch clients"), ("template", "Spring")):
        page.locator(f"#{field}-ts-control").click()
        page.keyboard.type(text)
        page.get_by_role("option", name=text).first.click()
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/mailing/show/\d+"))
    card = page.url.partition("?")[0]
    press(page, page.locator("#act-check button"))
    wait_for(page, card, "Left out")
    expect(page.locator("main")).to_contain_text("consent")
    expect(page.locator(".mailing-counts").first).to_contain_text("2")
    assert post.taken == []
    press(page, page.locator("#act-start button"), is_asked=True)
    wait_for(page, card, "Done")
    assert sorted(each.recipients[0] for each in post.taken) == ["noord@bloemen.example", "zuid@bloemen.example"]
    assert {each.message["Subject"] for each in post.taken} == {"Tulips for Bloemen Noord", "Tulips for Bloemen Zuid"}
    page.goto(f"{card}?tab=effect")
    ready(page)
    expect(page.get_by_role("row", name="Written to")).to_contain_text("2")
    expect(page.locator("main")).to_contain_text("Nothing is told of the orders of fewer than 30 counterparties.")
    context.close()
    assert watch.found == []
