"""Forms in Chromium: fields come and go, drafts outlive crashes and sessions, records are made beside the form."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visit, sign_in, violations
from tests.browser.test_screens import in_both_themes, wait_for_widgets
from tests.browser.world import PASSWORD

pytestmark = pytest.mark.browser


def open_form(visit: Visit, path: str = "/party/add", **options: object) -> Page:
    page = visit(path, **options)
    wait_for_widgets(page)
    return page


def kept(page: Page) -> None:
    expect(page.locator("[data-draft-state]")).to_have_text(re.compile(r"Draft kept \d\d:\d\d"))


def begin(page: Page, name: str) -> None:
    with page.expect_response("**/draft/keep"):
        page.locator("#name").press_sequentially(name)
    kept(page)


def test_fields_come_and_go_with_what_is_chosen(visit: Visit) -> None:
    page = open_form(visit)
    expect(page.locator("#birthday")).to_be_hidden()
    expect(page.locator("#tax_branch")).to_be_hidden()
    page.select_option("#kind", "person")
    expect(page.locator("#birthday")).to_be_visible()
    page.locator("#country-ts-control").focus()
    page.keyboard.type("Russ")
    page.keyboard.press("Enter")
    expect(page.locator("#tax_branch")).to_be_visible()
    page.fill("#birthday", "1990-05-01")
    page.select_option("#kind", "company")
    expect(page.locator("#birthday")).to_be_hidden()
    page.select_option("#kind", "person")
    expect(page.locator("#birthday")).to_have_value("1990-05-01")  # nothing typed is lost on the way


def test_a_field_is_marked_when_it_becomes_needed(visit: Visit) -> None:
    page = open_form(visit, "/product/add", user="admin")
    mark = page.locator("[data-field=currency] .needed")
    expect(mark).to_have_count(0)
    page.fill("#price", "12")
    expect(mark).to_be_visible()
    expect(page.locator("#currency-ts-control")).to_have_attribute("aria-required", "true")
    page.fill("#price", "")
    expect(mark).to_have_count(0)


def test_what_was_typed_before_a_crash_is_offered_and_gone_on_with(visit: Visit) -> None:
    page = open_form(visit, user="manager2")
    begin(page, "Crashed")
    context = page.context
    page.close(run_before_unload=False)
    again = context.new_page()
    again.goto("/party/add")
    offer = again.locator(".draft-offer")
    expect(offer).to_contain_text("You had begun this on")
    expect(again.locator("#name")).to_have_value("")
    assert in_both_themes(again) == []
    offer.get_by_role("link", name="Continue").click()
    expect(again.locator("#name")).to_have_value("Crashed")
    again.fill("#name", "Crashed and saved")
    again.keyboard.press("Control+s")
    expect(again.get_by_role("heading", level=1)).to_have_text("Crashed and saved")
    again.goto("/party/add")
    wait_for_widgets(again)
    again.wait_for_load_state("networkidle")
    expect(again.locator(".draft-offer")).to_have_count(0)


def test_a_draft_can_be_thrown_away(visit: Visit) -> None:
    page = open_form(visit, user="office")
    begin(page, "Nothing")
    context = page.context
    page.close(run_before_unload=False)
    again = context.new_page()
    again.goto("/party/add")
    again.get_by_role("button", name="Discard").click()
    expect(again.locator(".draft-offer")).to_have_count(0)
    expect(again.locator("[data-draft-state]")).to_have_text("Draft discarded")
    again.reload()
    again.wait_for_load_state("networkidle")
    expect(again.locator(".draft-offer")).to_have_count(0)


def test_an_expired_session_keeps_what_is_typed_and_gives_it_back(visit: Visit) -> None:
    page = visit("/login/", user=None)
    sign_in(page, "accountant")
    page.goto("/party/add")
    wait_for_widgets(page)
    page.context.clear_cookies()
    page.locator("#name").press_sequentially("Signed out")
    expect(page.locator("[data-draft-state]")).to_contain_text("You have been signed out")
    page.on("dialog", lambda dialog: dialog.accept())
    page.keyboard.press("Control+s")
    page.wait_for_url("**/login/?next=**")
    page.fill("#username", "accountant")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/party/add?draft=**")
    expect(page.locator("#name")).to_have_value("Signed out")
    expect(page.get_by_role("status").filter(has_text="Your session had ended")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Signed out")


def test_leaving_with_a_kept_draft_asks_softly(visit: Visit) -> None:
    page = open_form(visit)
    begin(page, "Softly")
    page.get_by_role("link", name="Cancel").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("is kept as a draft")
    page.keyboard.press("Escape")
    assert urlsplit(page.url).path == "/party/add"
    page.get_by_role("link", name="Cancel").click()
    question.get_by_role("button", name="Leave").click()
    page.wait_for_url("**/party/list/**")


def test_a_related_record_is_made_in_a_dialog_and_chosen(visit: Visit) -> None:
    page = open_form(visit, "/order/add", user="office")
    control = page.locator("#party-ts-control")
    control.focus()
    page.keyboard.type("Nieuwe Molen")
    option = page.get_by_text("Create “Nieuwe Molen”")
    expect(option).to_be_visible()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New: Party")
    expect(dialog.locator("#quick-name")).to_have_value("Nieuwe Molen")
    expect(dialog.locator("#quick-name")).to_be_focused()
    assert in_both_themes(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(control).to_be_focused()

    page.locator("[data-field=party] .field-new").click()
    dialog.locator("#quick-name").fill("Nieuwe Molen")
    dialog.locator("#quick-email").fill("nobody")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.locator("#quick-email-error")).to_be_visible()
    expect(dialog.locator("#quick-email")).to_be_focused()
    assert in_both_themes(page) == []
    dialog.locator("#quick-email").fill("molen@example.org")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_have_count(0)
    expect(page.locator("[data-field=party] .item")).to_have_text("Nieuwe Molen")
    assert urlsplit(page.url).path == "/order/add"


def test_duplicates_are_told_and_numbers_fill_in(visit: Visit) -> None:
    page = open_form(visit)
    page.fill("#tax_number", "NL854502130B01")
    notice = page.locator("[data-field=tax_number] .alike")
    expect(notice).to_contain_text("Looks like:")
    expect(notice).to_contain_text("Tulpen & Zonen B.V. (NL, same tax number)")
    expect(page.locator("#country")).to_have_value("NL")
    expect(page.locator("#language")).to_have_value("nl")
    expect(page.locator("[data-field=country] .filled-in")).to_contain_text("Filled in: from the tax number")
    assert in_both_themes(page) == []
    page.locator("[data-field=currency] .filled-in").get_by_role("button", name="Undo").click()
    expect(page.locator("#currency")).to_have_value("")
    page.locator("#name").press_sequentially("x")
    page.wait_for_timeout(900)
    expect(page.locator("#currency")).to_have_value("")  # what was undone stays undone


def test_several_errors_stand_in_a_summary_that_leads_to_each(visit: Visit) -> None:
    page = open_form(visit)
    page.fill("#email", "nobody")
    page.fill("#website", "no where")
    page.keyboard.press("Control+s")
    summary = page.locator("#form-errors")
    page.wait_for_selector("#form-errors")
    expect(summary.get_by_role("link")).to_have_count(1)  # a name is missing: what it needs is asked first
    page.fill("#name", "Summary")
    page.keyboard.press("Control+s")
    expect(summary.get_by_role("link")).to_have_count(2)
    expect(summary).to_be_focused()
    assert in_both_themes(page) == []
    summary.get_by_role("link", name="Website").click()
    expect(page.locator("#website")).to_be_focused()


def test_save_and_new_by_keyboard_and_save_and_close(visit: Visit) -> None:
    page = open_form(visit, "/party/add?from=q%3Dkeyboard")
    page.locator("#name").press_sequentially("Keyboard one")
    page.keyboard.press("Control+Shift+Enter")
    expect(page.locator("#flashes, .toast").first).to_contain_text("Saved: Keyboard one")
    expect(page.locator("#name")).to_have_value("")
    page.locator("#name").press_sequentially("Keyboard two")
    page.get_by_role("button", name="Save and close").click()
    page.wait_for_url("**/party/list/?q=keyboard")
    expect(page.locator(".records tbody tr")).to_have_count(2)


def test_a_form_fits_a_phone(visit: Visit) -> None:
    page = open_form(visit, **PHONE)
    page.locator("#tax_number").fill("NL854502130B01")
    expect(page.locator(".alike")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    boxes = [button.bounding_box() for button in page.locator(".form-foot .btn").all()]
    assert all(box is not None and box["height"] >= 44 for box in boxes)
    assert violations(page) == []


def test_without_javascript_every_field_is_there_and_the_server_decides(visit: Visit) -> None:
    page = visit("/party/add", java_script_enabled=False)
    page.fill("#name", "By hand and rule")
    page.fill("#birthday", "soon")  # of a company: out of sight, so not judged
    expect(page.locator("[data-field=owner] .field-new")).to_have_count(0)
    page.click("[data-save]")
    expect(page.get_by_role("heading", level=1)).to_have_text("By hand and rule")
