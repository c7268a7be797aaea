"""Finding anything in Chromium: by keyboard, by thumb, without scripts; nothing complains."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, Visit, violations

pytestmark = pytest.mark.browser


def opened(page: Page, keys: str = "Control+k") -> Page:
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press(keys)
    expect(page.get_by_role("dialog", name="Find anything")).to_be_visible()
    return page


def chosen(page: Page) -> str:
    """The line that the reader's programs are told of."""
    key = page.get_by_role("combobox", name="Find anything").get_attribute("aria-activedescendant")
    return page.locator(f"#{key} .palette-title").inner_text()


def test_one_finds_a_party_in_another_script_and_opens_it_by_keyboard(visit: Visit) -> None:
    page = opened(visit("/home/", user="accountant"))
    box = page.get_by_role("combobox", name="Find anything")
    expect(box).to_be_focused()
    page.keyboard.type("ararat")
    expect(page.get_by_role("option").first).to_contain_text("«Արարատ Շին» ՍՊԸ")
    expect(page.locator("#palette mark").first).to_have_text("Արարատ")
    expect(page.locator("#palette-status")).to_contain_text("Found:")
    expect(box).to_have_attribute("aria-expanded", "true")
    assert chosen(page) == "«Արարատ Շին» ՍՊԸ"
    noted: list[Route] = []

    def late(route: Route) -> None:
        noted.append(route)

    page.route("**/find/opened", late)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/party/show/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("«Արարատ Շին» ՍՊԸ")
    opened(page)  # before the server has heard of the card: the window waits for that
    page.wait_for_timeout(300)
    noted[0].continue_()
    last = page.get_by_role("group", name="Opened last").get_by_role("option").first
    expect(last).to_contain_text("«Արարատ Շին» ՍՊԸ")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Find anything")).to_be_hidden()


def test_arrows_go_round_and_ctrl_k_works_in_a_field_and_closes_again(visit: Visit) -> None:
    page = visit("/party/list/", user="accountant")
    page.locator("#q").focus()
    opened(page)
    page.locator("#palette [role=option]").first.wait_for()
    names = page.locator("#palette .palette-title").all_inner_texts()
    assert chosen(page) == names[0]
    page.keyboard.press("ArrowDown")
    assert chosen(page) == names[1]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert chosen(page) == names[-1]
    page.keyboard.press("Home")
    assert chosen(page) == names[0]
    page.keyboard.press("End")
    assert chosen(page) == names[-1]
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Find anything")).to_be_hidden()
    expect(page.locator("#q")).to_be_focused()


def test_a_slow_answer_to_what_was_typed_before_is_not_shown(visit: Visit) -> None:
    page = visit("/home/", user="accountant")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/find/results?q=tul", hold)
    opened(page)
    page.keyboard.type("tul")
    expect(page.locator("#palette.is-busy")).to_be_visible()
    page.wait_for_timeout(200)
    assert len(held) == 1
    page.keyboard.press("Control+a")
    page.keyboard.type("ararat")
    expect(page.get_by_role("option").first).to_contain_text("Արարատ")
    expect(page.locator("#palette.is-busy")).to_have_count(0)
    page.unroute("**/find/results?q=tul")
    page.wait_for_timeout(200)
    expect(page.get_by_role("option").first).to_contain_text("Արարատ")


def test_acts_are_done_at_once_and_a_slip_is_said(visit: Visit) -> None:
    page = opened(visit("/home/", user="marketer"))  # whom no other test signs in: his sign-in ends here
    page.keyboard.type("dark")
    expect(page.get_by_role("option").first).to_contain_text("Theme: Dark")
    with page.expect_response("**/profile/"):
        page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    opened(page)
    page.keyboard.type("ararta")
    expect(page.locator(".palette-note")).to_contain_text("ararat")
    expect(page.get_by_role("option").first).to_contain_text("Արարատ")
    page.keyboard.press("Control+a")
    page.keyboard.type("sign out")
    expect(page.get_by_role("option").first).to_contain_text("Sign out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/")


def test_a_new_tab_leaves_the_palette_open(visit: Visit) -> None:
    page = opened(visit("/home/", user="accountant"))
    page.keyboard.type("ararat")
    expect(page.get_by_role("option").first).to_contain_text("Արարատ")
    with page.context.expect_page() as found:
        page.keyboard.press("Control+Enter")
    expect(found.value.get_by_role("heading", level=1)).to_have_text("«Արարատ Շին» ՍՊԸ")
    assert page.url.endswith("/home/")


@pytest.mark.parametrize("query", ["", "ararat", "ararta", "xyzzyxyzzy"])
def test_axe_finds_nothing_in_light_and_dark(visit: Visit, query: str) -> None:
    page = opened(visit("/home/", user="accountant"))
    page.keyboard.type(query)
    expect(page.locator("#palette-status")).to_have_text(
        re.compile("Nothing" if query.startswith("x") else "Found|close")
    )
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == [], scheme


def test_on_a_phone_it_fills_the_screen_and_a_thumb_closes_it(visit: Visit) -> None:
    page = visit("/home/", user="accountant", **PHONE)
    page.wait_for_selector("html[data-ready]")
    button = page.locator("[data-palette-open]")
    size = button.bounding_box()
    assert size is not None
    assert (size["width"] >= 44, size["height"] >= 44) == (True, True)
    button.tap()
    window = page.get_by_role("dialog", name="Find anything")
    expect(window).to_be_visible()
    line = page.get_by_role("option").first
    expect(line).to_be_visible()
    box, height = window.bounding_box(), line.bounding_box()
    assert box is not None
    assert height is not None
    assert (box["width"], box["height"], height["height"] >= 44) == (360, 740, True)
    assert violations(page) == []
    page.get_by_role("button", name="Close").tap()
    expect(window).to_be_hidden()


def test_without_scripts_the_button_leads_to_a_page(visit: Visit) -> None:
    page = visit("/home/", user="accountant", java_script_enabled=False)
    page.get_by_role("link", name="Find anything").click()
    page.fill("#q", "ararat")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="«Արարատ Շին» ՍՊԸ").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("«Արարատ Շին» ՍՊԸ")
