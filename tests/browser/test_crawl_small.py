"""Every page on a phone, and every page of a company on its first day."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import PHONE, Demo
from tests.browser.crawler import signed_in
from tests.browser.drawing import FULL, TOO_WIDE, drawn, firsts, walked
from tests.browser.world import PASSWORD, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def address(demo: Demo) -> str:
    return demo.address


@pytest.mark.timeout(900)
def test_an_empty_company_complains_of_nothing(chrome: Browser, tmp_path: Path) -> None:
    """Walk what a company sees on its first day, and draw its empty lists and first steps."""
    with running(tmp_path, "empty") as address:
        found = walked({}, chrome, address, "admin")
        assert found.broken == []
        assert len(found.pages) > 20
        empty = [place for place in firsts(found) if FULL or "/add" not in place]
        assert drawn(chrome, address, "admin", empty) == []


SMALL_TARGETS = """() => {
  const asked = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  const among = "p a, p button, .ts-hidden-accessible, .ts-control > input, .sr-only";  // words of a sentence; hidden
  const box = (part) => part.getBoundingClientRect();
  const wide = (part) => ["::before", "::after"].map((name) => getComputedStyle(part, name))
    .filter((style) => style.content !== "none" && style.position === "absolute")
    .reduce(([w, h], { width, height }) => [Math.max(w, parseFloat(width) || 0), Math.max(h, parseFloat(height) || 0)],
      [box(part).width, box(part).height]);
  return [...document.querySelectorAll(asked)]
    .filter((part) => part.checkVisibility({ visibilityProperty: true }) && box(part).width && !part.matches(among))
    .filter((part) => [part, part.closest("label") ?? part.labels?.[0] ?? part].map(wide)
      .every(([w, h]) => w < 43.5 || h < 43.5))
    .map((part) => `${part.tagName} ${part.className}: ${(part.innerText || part.name || "").trim().slice(0, 30)}`);
}"""


@pytest.mark.timeout(900)
def test_every_page_fits_a_phone_and_a_thumb(chrome: Browser, address: str) -> None:
    """No page is wider than a phone, and nothing that one presses is lower or narrower than 44 pixels."""
    places = firsts(walked({}, chrome, address, "admin"))
    context = signed_in(chrome, address, "admin", PASSWORD, "ru")  # the longest words
    state: Any = context.storage_state()
    context.close()
    phone = chrome.new_context(base_url=address, storage_state=state, locale="ru", **PHONE)
    page = phone.new_page()
    found = []
    for place in places:
        page.goto(place)
        if page.evaluate(TOO_WIDE):
            found.append(f"{place}: wider than its window")
        found += [f"{place}: {small}" for small in page.evaluate(SMALL_TARGETS)]
    phone.close()
    assert not found, "\n".join(found)
