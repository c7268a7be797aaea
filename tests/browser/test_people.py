"""Who may do what, in Chromium: an administrator and his people, each with what is his and nothing else.

The company is this file's own, for teams, accounts and rows change hands; each test leaves the others theirs.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
from playwright.sync_api import Page, expect

from app import clock
from tests.browser.conftest import Visit, sign_in, violations
from tests.browser.world import PASSWORD, running

pytestmark = pytest.mark.browser
INITIAL, OWN = "vier gele fietsen op zolder", "zes blauwe tulpen aan zee"
OF_MANAGER, OF_OFFICE = "Tulpen & Zonen B.V.", "Bakkerij Het Stoepje"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("people")) as found:
        yield found


def ready(page: Page) -> Page:
    page.wait_for_selector("html[data-ready]")
    return page


def pick(page: Page, field: str, typed: str, name: str) -> None:
    """Choose a record in a select that asks the server while one types."""
    page.locator(f"#{field}-ts-control").click()
    page.keyboard.type(typed)
    page.get_by_role("option", name=name).first.click()


def save(page: Page, stem: str) -> str:
    """Save a form and return the address of the card."""
    page.click("[data-save]")
    page.wait_for_url(re.compile(rf"/{stem}/show/\d+"))
    return page.url


def names(page: Page, search: str = "") -> list[str]:
    """Return the parties that somebody's list shows."""
    page.goto(f"/party/list/?cols=name&q={search}")
    return [text.strip() for text in page.locator("tbody .row-link").all_inner_texts()]


def card_of(visit: Visit, name: str) -> str:
    """Return the path of a party's card, which an administrator sees."""
    page = visit(f"/party/list/?cols=name&q={name.split(maxsplit=1)[0]}", "admin")
    path = page.get_by_role("link", name=name).first.get_attribute("href")
    assert path is not None
    return path


def user_card(visit: Visit, username: str) -> Page:
    """Open the card of an account as an administrator."""
    page = visit(f"/user/list/?q={username}&flt.username.eq={username}", "admin")
    page.locator("tbody .row-link").first.click()
    page.wait_for_url(re.compile(r"/user/show/\d+"))
    return ready(page)


def test_a_team_gets_a_head_and_somebody_new_who_chooses_a_password(visit: Visit) -> None:
    page = ready(visit("/team/add", "admin"))
    page.fill("#name", "west")
    pick(page, "parent", "sales", "sales")
    pick(page, "head", "helena", "Helena Head")
    save(page, "team")
    expect(page.locator("main")).to_contain_text("Helena Head")

    page.goto("/user/add")
    ready(page)
    typed = {"username": "wilma", "first_name": "Wilma", "last_name": "West", "email": "wilma@example.org"}
    for field, text in (typed | {"password": INITIAL}).items():
        page.fill(f"#{field}", text)
    page.get_by_label("Sales manager", exact=True).check()
    pick(page, "team", "west", "west")
    card = save(page, "user")
    expect(page.locator("main")).to_contain_text("must be changed at the next sign-in")

    hired = visit("/login/", None)
    sign_in(hired, "wilma", INITIAL, lands=re.compile(r"/password/new"))
    hired.goto("/party/list/")
    expect(hired).to_have_url(re.compile(r"/password/new"))  # nothing else opens before
    assert violations(hired) == []
    for field, text in (("old", INITIAL), ("new", OWN), ("again", OWN)):
        hired.fill(f"#{field}", text)
    hired.get_by_role("button", name="Change the password").click()
    hired.wait_for_url(re.compile(r"/(home|party/list)/"))
    assert names(hired) == []
    expect(hired.locator("#sidebar, nav").first).not_to_contain_text("Letters")

    page.goto(card.replace("/show/", "/edit/"))
    ready(page)
    page.get_by_label("Marketer", exact=True).check()
    save(page, "user")
    expect(page.locator("main")).to_contain_text("Marketer")
    assert OF_OFFICE in names(hired)  # the new role sees all parties, at her next click


def test_an_administrator_sees_what_somebody_sees_and_changes_nothing(visit: Visit) -> None:
    page = user_card(visit, "manager2")
    page.get_by_role("button", name="Look as this user").click()
    banner = page.get_by_role("region", name="Looking as somebody else")
    expect(banner).to_contain_text("Nothing can be changed.")
    assert violations(page) == []
    assert OF_MANAGER not in names(page, "Tulpen")
    page.goto("/party/add")
    ready(page)
    page.fill("#name", "Written while looking")
    page.click("[data-save]")
    expect(page.locator("main")).to_contain_text("You look at the program as somebody else")
    page.goto("/home/")
    banner.get_by_role("button", name="Be yourself again").click()
    page.wait_for_url(re.compile(r"/user/show/\d+"))
    expect(banner).to_have_count(0)
    assert names(page, "Written") == []


def test_a_colleague_covers_an_illness_until_it_ends(visit: Visit) -> None:
    card = card_of(visit, OF_MANAGER)
    colleague = visit(card, "manager2")
    expect(colleague.locator("main")).to_contain_text("Not found")
    page = ready(visit("/substitution/add", "head"))
    today = clock.now().date()
    pick(page, "absent", "mark", "Mark Manager")
    pick(page, "substitute", "maria", "Maria Manager")
    page.fill("#begins_on", today.isoformat())
    page.fill("#ends_on", (today + timedelta(days=7)).isoformat())
    page.fill("#note", "Flu")
    made = save(page, "substitution")
    colleague.goto(card)
    expect(colleague.locator("h1")).to_have_text(OF_MANAGER)
    assert OF_MANAGER in names(colleague, "Tulpen")
    page.goto(made)
    ready(page)
    page.locator(".head summary", has_text="More").click()
    page.get_by_role("button", name="Delete").click()
    page.locator("#confirm [value=yes]").click()
    page.wait_for_url("**/substitution/list/**")
    colleague.goto(card)
    expect(colleague.locator("main")).to_contain_text("Not found")


def test_everything_is_handed_over_after_a_look_and_taken_back(visit: Visit) -> None:
    card = card_of(visit, OF_OFFICE)
    page = visit("/handover/add", "admin")
    page.locator("#handover-user").select_option(label="Olga Office · office")
    page.get_by_role("button", name="Go on").click()
    ready(page)
    page.locator("#to-one").select_option(label="Mark Manager · north")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Mark Manager")
    assert violations(page) == []
    page.get_by_label("Reason").fill("Olga leaves")
    receiver = visit(card, "manager")
    expect(receiver.locator("main")).to_contain_text("Not found")  # so far it was looked at
    page.get_by_role("button", name=re.compile(r"Hand over \d+ records")).click()
    page.wait_for_url(re.compile(r"/handover/show/\d+"))
    expect(page.locator("main")).to_contain_text(OF_OFFICE)
    receiver.goto(card)
    expect(receiver.locator("h1")).to_have_text(OF_OFFICE)
    page.get_by_role("button", name="Undo").click()
    page.locator("#confirm [value=yes]").click()
    expect(page.locator("main")).to_contain_text("has taken this back.")
    receiver.goto(card)
    expect(receiver.locator("main")).to_contain_text("Not found")


def test_the_audit_tells_who_looked_at_whom(visit: Visit) -> None:
    card = card_of(visit, OF_MANAGER)
    expect(visit(card, "head").locator("h1")).to_have_text(OF_MANAGER)
    page = ready(visit(card, "admin"))
    page.locator(".head summary", has_text="More").click()
    page.get_by_role("link", name="Audit of this record").click()
    page.wait_for_url("**/audit/list/**")
    page.goto(f"{page.url}&flt.act.eq=view&flt.actor_name.eq=head")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Viewed")
    assert violations(page) == []
    rows.locator(".row-link").click()
    page.wait_for_url(re.compile(r"/audit/show/\d+"))
    for text in ("head", "Viewed", OF_MANAGER, "127.0.0.1"):
        expect(page.locator("main")).to_contain_text(text)


def test_a_head_sees_his_people_and_gives_no_rights(visit: Visit) -> None:
    page = visit("/party/list/", "head")
    assert OF_MANAGER in names(page, "Tulpen")
    assert names(page, "Stoepje") == []  # nobody of his team owns it
    page.goto(card_of(visit, OF_OFFICE))
    expect(page.locator("main")).to_contain_text("Not found")
    for path, right in (("/user/list/", "Users"), ("/role/list/", "Roles"), ("/audit/list/", "Audit")):
        page.goto(path)
        expect(page.locator("main")).to_contain_text(f"You lack the right “{right}")
    page.goto("/home/")
    expect(page.locator("#sidebar, nav").first).not_to_contain_text("Users")


def test_a_manager_reads_which_right_he_lacks_and_who_can_give_it(visit: Visit) -> None:
    page = visit(card_of(visit, OF_OFFICE), "manager")
    expect(page.locator("main")).to_contain_text("There is no such page or record, or it is not yours to see.")
    page.goto("/letter/list/")
    expect(page.locator("main")).to_contain_text("You lack the right “Letters: See”.")
    expect(page.locator("main")).to_contain_text("can give it to you.")
    assert violations(page) == []
    page.goto("/party/list/")
    expect(page.get_by_role("link", name="XLSX")).to_have_count(0)


def test_an_accountant_sees_documents_and_no_settings_of_teams(visit: Visit) -> None:
    page = visit("/invoice/list/", "accountant")
    expect(page.locator("h1")).to_have_text("Invoices")
    page.goto("/payment/list/")
    expect(page.locator("h1")).to_have_text("Payments")
    for path in ("/team/add", "/user/list/", "/substitution/add", "/handover/add"):
        page.goto(path)
        expect(page.locator("main")).to_contain_text("You lack the right")


def test_a_second_factor_is_set_up_and_asked_for(visit: Visit) -> None:
    page = ready(visit("/profile/second_factor/", "warehouse"))
    page.fill("#begin-password", PASSWORD)
    page.get_by_role("button", name="Set up").click()
    page.locator("summary", has_text="I cannot read the picture").click()
    secret = page.locator(".factor-secret").inner_text().replace(" ", "")
    assert violations(page) == []
    phone = pyotp.TOTP(secret)
    page.fill("#code", phone.now())
    page.get_by_role("button", name="Switch on").click()
    codes = page.locator(".factor-codes li")
    expect(codes).to_have_count(10)
    recovery = codes.first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url("**/profile/second_factor/")
    expect(page.locator("main")).to_contain_text("Unused recovery codes: 10.")
    expect(page.locator("main")).not_to_contain_text(recovery)

    for code in (phone.at(clock.now() + timedelta(seconds=30)), recovery):  # the one of now has been used
        other = visit("/login/", None)
        sign_in(other, "warehouse", lands=re.compile(r"/login/code"))
        other.goto("/home/")
        expect(other).to_have_url(re.compile(r"/login/\?next="))  # the password alone opens nothing
        expect(other.get_by_role("alert")).to_have_count(0)  # it asks, and does not refuse
        other.goto("/login/code")
        other.fill("#code", code)
        other.locator("main button[type=submit]").first.click()
        other.wait_for_url("**/home/")
    expect(other.get_by_text("You have signed in with a recovery code.")).to_be_visible()
