"""The life of a card in Chromium: a note by keyboard alone, files dropped and pasted, previews, the bell."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visit, violations

pytestmark = pytest.mark.browser

DROP = """([selector, kind, names]) => {
  const target = document.querySelector(selector);
  const data = new DataTransfer();
  const png = Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10, 0, 0]);
  names.forEach((name) => data.items.add(new File([png], name, { type: "image/png" })));
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data })
    : new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data });
  target.dispatchEvent(event);
}"""


def card(visit: Visit, number: int, user: str = "head", **options: object) -> Page:
    page = visit(f"/party/show/{number}", user=user, **options)
    page.wait_for_selector("html[data-ready]")
    return page


def test_a_note_is_written_mentioned_edited_and_undone_by_keyboard(visit: Visit) -> None:
    page = card(visit, 1)
    area = page.get_by_label("Write a note")
    area.focus()
    page.keyboard.type("Ask @man")
    offer = page.get_by_role("listbox", name="Colleagues")
    expect(offer.get_by_role("option")).to_have_text(["Mark Manager@manager"])
    expect(area).to_have_attribute("aria-activedescendant", "note-text-offer-0")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(offer).to_be_hidden()
    page.keyboard.press("Backspace")
    expect(offer.get_by_role("option")).to_have_text(["Mark Manager@manager", "Max Marketer@marketer"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(area).to_have_value("Ask @marketer ")
    page.keyboard.type("to call\nthem")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"#note-\d+$"))
    note = page.locator(page.url.partition("#")[2].join(["#", ""]))
    expect(note.locator(".note-text")).to_have_text("Ask @Max Marketer to call\nthem")
    expect(note).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    text = note.get_by_label("Text of the note")
    expect(text).to_have_value("Ask @marketer to call\nthem")
    text.fill("Done")
    page.keyboard.press("Control+Enter")
    expect(note.locator(".note-text")).to_have_text("Done")
    expect(note).to_contain_text("edited")
    note.get_by_role("button", name="Delete").click()
    undo = page.locator(".toast").get_by_role("button", name="Undo the deletion")
    expect(undo).to_be_visible()
    assert violations(page) == []
    undo.click()
    expect(note.locator(".note-text")).to_have_text("Done")


def test_the_one_who_is_mentioned_is_led_to_the_note_by_the_bell(visit: Visit) -> None:
    page = card(visit, 5)
    page.get_by_label("Write a note").fill("For @manager: look at this")
    page.get_by_role("button", name="Keep the note").click()
    page.wait_for_url("**#note-*")
    reader = visit("/home/", user="manager")
    bell = reader.locator(".bell summary")
    expect(bell).to_contain_text("not read")
    bell.click()
    one = reader.get_by_role("button", name="For @Mark Manager: look at this")
    expect(one).to_contain_text("Helena Head mentions you")
    assert violations(reader) == []
    one.click()
    reader.wait_for_url("**/party/show/5#note-*")
    expect(reader.locator(".timeline > li:target .note-text")).to_be_visible()
    reader.goto("/notification/list/")
    told = reader.locator(".told-list li", has_text="look at this")
    expect(told).to_have_count(1)
    expect(told).not_to_have_class(re.compile("is-new"))


def test_files_are_dropped_pasted_taken_out_and_looked_at(visit: Visit) -> None:
    page = card(visit, 2)
    page.evaluate(DROP, ["#note-text", "dragover", ["one.png"]])
    expect(page.locator(".composer.is-target")).to_be_visible()
    page.evaluate(DROP, ["#note-text", "drop", ["one.png", "two.png"]])
    page.evaluate(DROP, ["#note-text", "paste", ["image.png"]])
    chosen = page.locator(".chosen li")
    expect(chosen).to_have_count(3)
    expect(chosen.nth(2)).to_contain_text(re.compile(r"^\d{8}-\d{6}-image\.png"))
    assert violations(page) == []
    page.get_by_role("button", name="Take two.png out").click()
    expect(chosen).to_have_count(2)
    page.get_by_role("button", name="Keep the note").click()
    files = page.locator(".files a")
    expect(files).to_have_text([re.compile("one.png"), re.compile("image.png")])
    files.first.click()
    preview = page.get_by_role("dialog", name="one.png")
    expect(preview).to_be_visible()
    page.keyboard.press("Escape")
    expect(preview).to_be_hidden()
    expect(files.first).to_be_focused()


def test_filters_change_the_stream_without_a_new_page_and_typed_text_stays(visit: Visit) -> None:
    page = card(visit, 1)
    page.get_by_label("Write a note").fill("half a note")
    chip = page.get_by_role("navigation", name="What to show").get_by_role("link", name=re.compile("^Changes"))
    chip.click()
    expect(page.locator(".life-chip[aria-current]")).to_have_text(re.compile(r"^Changes \d+$"))
    expect(page.locator(".life-chip[aria-current]")).to_be_focused()
    expect(page.get_by_label("Write a note")).to_have_value("half a note")
    assert page.locator(".timeline > li:not(.happened-change)").count() == 0
    page.on("dialog", lambda question: question.accept())
    page.goto("/home/")


def test_it_all_works_without_scripts(visit: Visit) -> None:
    page = visit("/party/show/6", java_script_enabled=False)
    page.get_by_label("Write a note").fill("plain @manager2")
    page.locator("input[name=files]").set_input_files([{"name": "a.txt", "mimeType": "text/plain", "buffer": b"hello"}])
    page.get_by_role("button", name="Keep the note").click()
    expect(page.locator(".note-text")).to_have_text("plain @Maria Manager")
    expect(page.locator(".files a")).to_have_text(re.compile("a.txt"))
    page.get_by_role("link", name=re.compile("^Notes")).click()
    expect(page.locator(".timeline > li")).to_have_count(1)
    page.get_by_role("button", name="Delete").nth(-1).click()
    page.locator(".toast").get_by_role("button", name="Undo the deletion").click()
    expect(page.locator(".note-text")).to_have_text("plain @Maria Manager")


def test_a_phone_and_the_dark_have_no_axe_findings(visit: Visit) -> None:
    for options in (PHONE, {"color_scheme": "dark"}):
        page = card(visit, 1, **options)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.goto("/notification/list/")
        assert violations(page) == []
        page.goto("/notification/settings")
        assert violations(page) == []
