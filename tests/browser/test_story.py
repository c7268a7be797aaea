"""The main job in Chromium, with the program as `make run` starts it: web server, worker, mail, nothing pretended.

An administrator sets the company up; a list of clients comes in; the accountant orders, invoices, mails and is paid.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watch, sign_in
from tests.browser.world import PASSWORD, whole_program
from tests.mail import MailServer

pytestmark = pytest.mark.browser
LIST = (
    "Название;ИНН;Страна;Язык;Почта\r\n"
    "ООО «Ромашка»;7707083893;RU;ru;info@romashka.example\r\n"
    "ООО «Ошибка»;7707083894;RU;ru;\r\n"
)
OWN_PASSWORD = "zes blauwe tulpen aan zee"
LATE = 60_000  # milliseconds: the worker starts, makes a file and mails it, on a machine that does other things too


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture
def program(tmp_path: Path, mail_server: MailServer) -> Iterator[str]:
    """Start the whole program under its supervisor and return its address."""
    with whole_program(tmp_path, CRM_SMTP_URL=f"smtp://127.0.0.1:{mail_server.port}?starttls=never") as address:
        yield address


def pick(page: Page, field: str, typed: str, name: str) -> None:
    """Choose a record in a select that asks the server while one types."""
    page.locator(f"#{field}-ts-control").click()
    page.keyboard.type(typed)
    page.get_by_role("option", name=name).first.click()


def come_in(page: Page, user: str) -> None:
    """Sign in, and choose a password where somebody else has chosen the one so far."""
    sign_in(page, user, lands=re.compile(r"/(home/|password/new)"))
    if "/password/new" in page.url:
        for field, typed in (("old", PASSWORD), ("new", OWN_PASSWORD), ("again", OWN_PASSWORD)):
            page.fill(f"#{field}", typed)
        page.get_by_role("button", name="Change the password").click()
    page.wait_for_url("**/home/")


def ready(page: Page) -> Page:
    page.wait_for_selector("html[data-ready]")
    return page


def set_up(page: Page) -> None:
    """Set the company up, and give the accountant her account."""
    come_in(page, "admin")
    page.goto("/setup/")
    ready(page)
    for name, value in {
        "name": "Tulpenhandel Zuid",
        "tax_number": "NL854502130B01",
        "street": "Herengracht 1",
        "postal_code": "1015 BA",
        "city": "Amsterdam",
        "email": "boekhouding@tulpenhandel.example",
        "iban": "NL91ABNA0417164300",
    }.items():
        page.fill(f"#{name}", value)
    page.evaluate("document.querySelector('#country').tomselect.setValue('NL')")
    page.click("[data-save]")
    page.wait_for_load_state("networkidle")
    assert "/setup/" not in page.url, page.locator(".error").all_inner_texts()

    page.goto("/user/add")
    ready(page)
    for name, value in {
        "username": "accountant",
        "first_name": "Eva",
        "last_name": "Boekhouder",
        "email": "eva@tulpenhandel.example",
        "password": PASSWORD,
    }.items():
        page.fill(f"#{name}", value)
    page.get_by_label("Accountant", exact=True).check()
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/user/show/\d+"))


def import_clients(page: Page, folder: Path) -> None:
    """Import a list in Windows-1251; the row with a mistyped number comes back with its reason."""
    listed = folder / "clients.csv"
    listed.write_bytes(LIST.encode("cp1251"))
    page.goto("/party/import/")
    page.set_input_files("#file", listed)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url(re.compile(r"/party/import/.+"))
    expect(page.locator("main")).to_contain_text("Ромашка")
    page.click("button[value=check]")
    expect(page.locator("#checked")).to_be_visible()
    page.click("button[value=start]")
    page.wait_for_url(re.compile(r"/import_run/show/\d+|/party/import/.*"))
    rejected = page.get_by_role("link", name="Rows that were not imported")
    expect(rejected).to_be_visible(timeout=LATE)  # the page looks again by itself
    expect(page.locator("main")).to_contain_text("INN")
    with page.expect_download() as waited:
        rejected.click()
    assert "7707083894" in waited.value.path().read_text(encoding="utf-8-sig")


def order(page: Page) -> None:
    """Take an order down, confirm it and make an invoice of it."""
    page.goto("/order/add")
    ready(page)
    pick(page, "party", "ромаш", "ООО «Ромашка»")
    line = page.locator("tr.line").first
    line.locator("[name=lines-0-text]").fill("Tulpenbollen")
    line.locator("[name=lines-0-quantity]").fill("1,5")  # English writes a dot
    line.locator("[name=lines-0-unit_price]").fill("12.50")
    line.locator("[name=lines-0-tax-text]").click()
    page.get_by_role("option", name="21").first.click()
    page.click("[data-save]")
    expect(page.locator("tr.line .error").first).to_be_visible()
    expect(page.locator("[name=lines-0-text]")).to_have_value("Tulpenbollen")  # nothing typed is lost
    page.fill("[name=lines-0-quantity]", "4")
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/order/show/\d+"))
    page.get_by_role("button", name="Confirm", exact=True).click()
    page.get_by_role("button", name="Make an invoice").click()
    page.wait_for_url(re.compile(r"/invoice/show/\d+"))


def issue(page: Page) -> str:
    """Issue the invoice; what it lacks is named and mended on the way. Return its address."""
    address = page.url
    page.locator(".alert-warning a").filter(has_text="address of the buyer").click()
    ready(page)
    page.locator("[data-lines=addresses] [data-line-add]").click()
    page.locator("[name=addresses-0-street]").fill("ул. Тверская, 1")
    page.locator("[name=addresses-0-city]").fill("Москва")
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/party/show/\d+"))
    page.goto(address)
    ready(page)
    page.locator("#act-issue > summary").click()
    page.locator(".verb-drop[open] button[type=submit]").click()
    expect(page.locator("h1")).to_contain_text(re.compile(r"\d{4}-00001"))
    return address


def wait_for(page: Page, address: str, text: str) -> None:
    """Look at a page again and again until something stands there."""
    for _try in range(LATE // 1000):
        page.goto(address)
        if text in page.locator("main").inner_text():
            return
        page.wait_for_timeout(1000)
    expect(page.locator("main")).to_contain_text(text)


def test_an_accountant_takes_a_client_from_a_list_to_a_paid_invoice(
    chrome: Browser, program: str, mail_server: MailServer, tmp_path: Path
) -> None:
    options = {"base_url": program, "locale": "en", "reduced_motion": "reduce"}
    admin = chrome.new_context(**options)
    office = admin.new_page()
    set_up(office)
    import_clients(office, tmp_path)
    admin.close()

    context = chrome.new_context(**options, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(LATE)
    watch = Watch(context, program)
    page = context.new_page()
    come_in(page, "accountant")
    order(page)
    invoice = issue(page)

    # The worker makes the file; it says what the invoice says, and goes out as it is.
    wait_for(page, invoice, "PDF\n")
    answer = context.request.get(invoice.replace("/show/", "/pdf/"))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    page.goto(invoice)
    ready(page)
    page.locator("#act-send > summary").click()
    expect(page.locator("#send-to")).to_have_value("info@romashka.example")
    page.locator(".verb-drop[open] button[type=submit]").click()
    page.wait_for_url(re.compile(r"/letter/show/\d+"))
    wait_for(page, page.url, "Sent")
    for _try in range(LATE // 1000):  # its card names the state before it is there
        if mail_server.taken:
            break
        page.wait_for_timeout(1000)
    (taken,) = mail_server.taken
    (attached,) = list(taken.message.iter_attachments())
    assert taken.recipients == ["info@romashka.example"]
    assert sha256(attached.get_content()).digest() == sha256(answer.body()).digest()

    # Half of it is paid, then the rest: 4 × 12.50 and 21 % are 60.50.
    page.goto(invoice)
    ready(page)
    expect(page.locator(".facts")).to_contain_text("Unpaid")
    for amount, state in (("30", "Partly paid"), (None, "Paid")):
        page.locator("#act-pay > summary").click()
        if amount:
            expect(page.locator("#pay-amount")).to_have_value("60.50")
            page.fill("#pay-amount", amount)
        else:
            expect(page.locator("#pay-amount")).to_have_value("30.50")
        page.locator(".verb-drop[open] button[type=submit]").click()
        page.wait_for_url(re.compile(r"/payment/show/\d+"))
        page.goto(invoice)
        ready(page)
        expect(page.locator(".facts")).to_contain_text(state)
    expect(page.locator(".sums-rest")).to_contain_text("€0.00")
    page.locator("[data-tab=allocations]").click()
    expect(page.locator("#allocations tbody tr")).to_have_count(2)
    context.close()
    assert watch.found == []
