"""The visual editor of templates in Chromium: nothing is lost there and back, written by keys, pasted into."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.i18n import LANGUAGES
from app.services import document_papers  # noqa: F401 -- every kind of document is known
from app.services import document_supplied as supplied
from tests.attack import attack
from tests.browser.conftest import PHONE, Visit, violations

pytestmark = pytest.mark.browser
WAYS = """async (sources) => {
  const { proved, isSame } = await import("editor/proof");
  const { write } = await import("editor/write");
  const found = {};
  for (const [name, source] of Object.entries(sources)) {
    try {
      const first = write(proved(source));
      found[name] = isSame(source, first) && write(proved(first)) === first ? "same" : first;
    } catch (fault) {
      found[name] = `kept: ${fault.message}`;
    }
  }
  return found;
}"""
SURVIVE = {
    "marks": '<p>a <b>b <span class="muted">c</span></b> <span data-if="note"> d <i>e</i></span> '
    '<a href="https://e.example/?a=1&amp;b=2">l <b>m</b></a> x<sub>2</sub>&nbsp;&lt;p&gt; {{ 7*7 }} {% x %}</p>',
    "table": '<table class="plain" data-if="note"><colgroup><col span="2" style="width: 20mm"><col></colgroup>'
    '<thead class="x"><tr data-if="note"><th colspan="2">A</th><th>B</th></tr></thead><tbody><tr><td rowspan="2">1'
    "<p>2</p>3</td><td>x</td><td></td></tr><tr><td>y<br>z</td><td><ul><li>q</li></ul></td></tr></tbody>"
    '<tfoot><tr><td colspan="3">f</td></tr></tfoot></table>',
    "bare": "Hello <b>you</b><p>p</p>tail",
    "frames": '<div data-each="lines" class="q"><div data-if="note"><p>x</p></div>'
    '<span data-field="lines.text">old</span></div><div></div><hr><div class="page-break"></div>'
    "<blockquote>q</blockquote>",
    "lists": '<ul data-each="lines"><li data-if="lines.text"><span data-field="lines.text"></span></li></ul>'
    "<ol><li>a<ol><li>b</li></ol></li><li><p>x</p><p>y</p></li></ol>",
    "styles": '<h4 style="text-align: right; break-before: page">x<br style="color: red">y</h4>',
    "nothing": "",
}
STAY = {
    "an empty element": ('<p>a<span class="x"></span>b</p>', "<span>"),
    "conditions that would melt": ('<p><span data-if="a">x</span><span data-if="a">y</span></p>', "x"),
    "line breaks of their own": ('<p class="lines">a\nb</p>', "<p>"),
    "an uneven table": ("<table><tbody><tr><td>a</td></tr><tr><td>a</td><td>b</td></tr></tbody></table>", "<table>"),
    "a link around a line": ('<a href="https://a.example"><p>x</p></a>', "<p>"),
    "an unknown heading": ("<h5>a</h5>", "<h5>"),
    "an unknown attribute": ('<p id="a">a</p>', '<p> id="a"'),
    "a picture": ('<p><img src="x"></p>', "<img>"),
}
PASTE = """(html) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/html", html);
  const pasted = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
  document.querySelector(".ve-page").dispatchEvent(pasted);
}"""
WORD = (
    "<html><head><style>p.MsoNormal{color:red}</style></head><body><!--StartFragment-->"
    "<p class=MsoNormal style='mso-margin-top-alt:auto;position:fixed'><b><span lang=EN-US style='color:red'>Bold"
    '</span></b><o:p></o:p> words<img src=x onerror="window.hit=1"><a href="javascript:window.hit=1">link</a>'
    "<script>window.hit=1</script></p><h5>Five</h5><iframe src='/home/'></iframe><svg onload='window.hit=1'></svg>"
    '<table border=1><tr><td onclick="window.hit=1" width=20>c</td><td>d</td></tr></table>'
    '<div data-keep=\'{"style":"position:fixed;inset:0","onclick":"window.hit=1","data-if":"x\\" onclick=1"}\'>framed'
    "</div>"
    '<span data-field="number" onclick="window.hit=1">zz</span><span data-field="{{ 7*7 }}">braces</span>'
    "<!--EndFragment--></body></html>"
)
PASTED = """<p><b>Bold</b> wordslink</p>
<h4>Five</h4>
<table>
<tbody>
<tr><td>c</td><td>d</td></tr>
</tbody>
</table>
<div style="position:fixed;inset:0"><p>framed</p></div>
<p><span data-field="number"></span>braces</p>"""
WRITTEN = """<h1>Invoice <span data-field="number"></span></h1>
<p>Dear <b>customer</b>,</p>
<table data-each="lines">
<thead>
<tr><th class="num">No.</th><th>Text</th></tr>
</thead>
<tbody>
<tr><td class="num"><span data-field="lines.position"></span></td><td><span data-field="lines.text"></span></td></tr>
</tbody>
</table>
<p data-if="reference">About <span data-field="reference"></span></p>
<div data-block="bank"></div>
<p>End</p>"""


def opened(visit: Visit, path: str = "/document_template/add", **options: Any) -> Page:
    page = visit(path, user="office", **options)
    page.wait_for_selector("html[data-ready]")
    expect(page.locator(".ve-page")).to_have_count(3)
    return page


def act(page: Page, name: str) -> None:
    page.locator(f".ve-bar [data-act={name}]").first.click()


def put_field(page: Page, asked: str) -> None:
    """Put a field in by keys alone."""
    act(page, "field")
    page.keyboard.type(asked)
    page.keyboard.press("Enter")


def choose(page: Page, field: str, text: str) -> None:
    page.evaluate(
        """([name, text]) => {
            const field = document.getElementById(name);
            const found = [...field.options].find((each) => each.text === text).value;
            if (field.tomselect) return field.tomselect.setValue(found);
            field.value = found;
            field.dispatchEvent(new Event("change", { bubbles: true }));
        }""",
        [field, text],
    )


def test_every_supplied_template_and_every_marker_survives_and_what_would_not_stays_source(visit: Visit) -> None:
    page = opened(visit)
    bodies = {f"{kind}.{code}": supplied.made(kind, code).body for kind in supplied.KINDS for code in LANGUAGES}
    assert len(bodies) == len(supplied.KINDS) * len(LANGUAGES) >= 48
    sources = bodies | {"foot": supplied.FOOT} | SURVIVE
    assert page.evaluate(WAYS, sources) == dict.fromkeys(sources, "same")
    stayed = page.evaluate(WAYS, {name: source for name, (source, _why) in STAY.items()})
    assert stayed == {name: f"kept: {why}" for name, (_source, why) in STAY.items()}


def begin(page: Page) -> None:
    """Write a heading, a line and a table of the lines."""
    page.fill("#name", "Drawn invoice")
    choose(page, "kind", "Invoice")
    choose(page, "language", "English")
    page.locator(".ve-page").first.click()
    page.locator("[data-kind]").first.select_option("1")
    page.keyboard.type("Invoice ")
    put_field(page, "2026-00017")  # found by its example
    page.keyboard.press("Enter")
    page.keyboard.type("Dear ")
    page.keyboard.press("Control+b")
    page.keyboard.type("customer")
    page.keyboard.press("Control+b")
    page.keyboard.type(",")
    page.keyboard.press("Enter")
    act(page, "table")
    dialog = page.locator("dialog[open]")
    dialog.locator("[name=each]").select_option("lines")
    for box in dialog.get_by_role("checkbox").all():
        box.set_checked(box.input_value() in {"lines.position", "lines.text"})
    assert violations(page) == []
    dialog.locator("[data-yes]").click()
    expect(page.locator(".ve-tag-each")).to_have_text("For each of: Lines")


def test_a_template_is_written_without_its_source_being_seen(visit: Visit) -> None:
    page = opened(visit)
    begin(page)
    dialog = page.locator("dialog[open]")
    page.keyboard.press("Control+End")
    page.keyboard.type("About ")
    put_field(page, "your ref")
    act(page, "condition")
    dialog.get_by_role("combobox", name="Field").fill("your ref")
    page.keyboard.press("Enter")
    dialog.locator("[data-yes]").click()
    expect(page.locator(".ve-tag-if")).to_have_text("Only if filled in: Your reference")
    page.keyboard.press("Enter")
    act(page, "block")
    dialog.locator("[data-name=bank]").click()
    page.keyboard.type("End")
    expect(page.locator("#body")).to_have_value(WRITTEN)
    page.locator(".ve-tag-if").click()  # the tag leads to its condition
    expect(dialog.locator(".ve-option[aria-selected=true]")).to_contain_text("Your reference")
    dialog.locator('[name=when][value=""]').check()
    dialog.locator("[data-yes]").click()
    expect(page.locator("#body")).to_have_value(WRITTEN.replace(' data-if="reference"', ""))
    act(page, "undo")
    expect(page.locator("#body")).to_have_value(WRITTEN)
    page.get_by_role("button", name="Source text", exact=True).first.click()
    expect(page.locator("#body")).to_be_focused()
    page.get_by_role("button", name="Visual", exact=True).first.click()
    assert violations(page) == []
    page.click("[data-save]")
    page.wait_for_url(re.compile(r"/document_template/show/\d+"))
    page.wait_for_selector("html[data-ready]")
    assert page.locator("pre.template-source").first.text_content() == WRITTEN
    page.locator("#act-publish button").click()
    page.locator('#confirm [value="yes"]').click()
    expect(page.locator("main")).to_contain_text("Version 1")


@attack(217, "HTML that would run or lie over the page, pasted into the visual editor or opened in it")
def test_nothing_pasted_or_opened_runs_or_lies_over_the_page(visit: Visit) -> None:
    page = opened(visit)
    page.locator(".ve-page").first.click()
    page.evaluate(PASTE, WORD)
    expect(page.locator("#body")).to_have_value(PASTED)
    framed = page.locator(".ve-frame")
    assert framed.evaluate("(one) => [getComputedStyle(one).position, one.getAttribute('style')]") == ["static", None]
    page.fill("#name", "Pasted")
    page.click("[data-save]")
    expect(page.locator("#body-error")).to_contain_text("Line 8: style")  # the server has its own list
    expect(page.locator("#body")).to_be_visible()  # a refused line is one of the source
    for source, why in (
        ('<p><img src="/nowhere.png"></p>', "<img>"),
        ('<p><a href="javascript:window.hit=1">a</a></p>', "<a>"),
        ("<p>a</p><script>window.hit=1</script>", "<script>"),
    ):
        page.fill("#body", source)
        page.get_by_role("button", name="Visual", exact=True).first.click()
        expect(page.locator(".ve-note").first).to_contain_text(f"cannot show {why}")
        expect(page.locator("#body")).to_have_value(source)
    assert page.evaluate("window.hit") is None


def test_on_a_phone_the_editor_fits_and_its_buttons_are_for_thumbs(visit: Visit) -> None:
    page = opened(visit, **PHONE)
    small = """() => [...document.querySelectorAll(".ve-bar button, .ve-bar select, .ve-switch button")]
        .map((one) => one.getBoundingClientRect()).filter((box) => Math.min(box.width, box.height) < 44).length"""
    assert page.evaluate(small) == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
    page.locator(".ve-page").first.tap()
    act(page, "field")
    assert violations(page) == []
    page.locator("dialog[open] [role=option]").first.tap()
    expect(page.locator(".ve-page .ve-field")).to_have_count(1)
