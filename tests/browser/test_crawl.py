"""Every page that somebody is offered: it is there, it complains of nothing, it speaks the reader's language.

The small walk follows every link as three roles, reads everything as administrator in English and Russian, and draws
every screen once. `CRM_CRAWL=full`, which `make drill` sets, reads and draws it as every role in all languages.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import PATIENCE, PHONE, ROOT, Demo, Watch, violations
from tests.browser.crawler import Walk, left_in_english, screen_of, signed_in, walk, words_of
from tests.browser.world import PASSWORD, running

pytestmark = pytest.mark.browser

TOO_WIDE = "document.documentElement.scrollWidth > innerWidth + 1"
FULL = os.environ.get("CRM_CRAWL") == "full"
EVERYBODY = ("admin", "head", "manager", "manager2", "accountant", "marketer", "office")
ROLES = EVERYBODY if FULL else ("admin", "manager", "accountant")
READ = ("ru", "hy") if FULL else ("ru",)  # written in other letters: what is English stands out
DRAWN = ROLES if FULL else ("admin",)


@pytest.fixture(scope="session")
def address(demo: Demo) -> str:
    return demo.address


@pytest.fixture(scope="module")
def walks() -> dict[tuple[str, str], Walk]:
    """Remember the walks: who walked, in which language."""
    return {}


def walked(walks: dict[tuple[str, str], Walk], chrome: Browser, address: str, user: str, language: str = "en") -> Walk:
    if (user, language) not in walks:
        context = signed_in(chrome, address, user, PASSWORD, language)
        walks[user, language] = walk(context, of_one=2 if FULL else 1, of_path=6 if FULL else 3)
        context.close()
    return walks[user, language]


@pytest.mark.parametrize("user", ROLES)
def test_nothing_that_is_offered_is_missing(walks: Any, chrome: Browser, address: str, user: str) -> None:
    found = walked(walks, chrome, address, user)
    assert found.broken == []
    assert len(found.pages) > 20


@pytest.mark.parametrize("language", READ)
@pytest.mark.parametrize("user", DRAWN)
def test_nothing_is_left_in_english(
    walks: Any, chrome: Browser, address: str, demo: Demo, user: str, language: str
) -> None:
    english, other = (walked(walks, chrome, address, user, code) for code in ("en", language))
    listed = (ROOT / "translations" / "same-as-english.txt").read_text().splitlines()
    same = {line.split("|")[1].strip() for line in listed if line.startswith(f"{language} |")} | {"Countinghouse"}
    same |= {"Nederlands", "English", "Twilio"}  # the languages' own names for themselves, and that of a company
    wrote = words_of(next(demo.folder.glob("*.db")))
    assert left_in_english(english, other, wrote, frozenset(same)) == []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("user", DRAWN)
def test_no_page_complains(walks: Any, chrome: Browser, address: str, user: str) -> None:
    """Draw every screen: no error, nothing against the content policy, no other host, nothing that axe finds."""
    assert drawn(chrome, address, user, firsts(walked(walks, chrome, address, user))) == []


@pytest.mark.timeout(900)
def test_an_empty_company_complains_of_nothing(chrome: Browser, tmp_path: Path) -> None:
    """Walk what a company sees on its first day, and draw its empty lists and first steps."""
    with running(tmp_path, "empty") as address:
        found = walked({}, chrome, address, "admin")
        assert found.broken == []
        assert len(found.pages) > 20
        empty = [place for place in firsts(found) if FULL or "/add" not in place]
        assert drawn(chrome, address, "admin", empty) == []


def firsts(found: Walk) -> list[str]:
    """Return one address of each screen."""
    return list({screen_of(page).partition("?")[0]: page for page in reversed(found.pages)}.values())


def drawn(chrome: Browser, address: str, user: str, places: list[str]) -> list[str]:
    """Open pages as somebody and return all complaints."""
    context = signed_in(chrome, address, user, PASSWORD, "en")
    context.set_default_timeout(PATIENCE)
    watch = Watch(context, address)
    page = context.new_page()
    found = []
    for place in places:
        page.goto(place)
        page.wait_for_selector("html[data-ready]")
        page.wait_for_load_state("networkidle")
        if page.evaluate(TOO_WIDE):
            found.append(f"{place}: wider than its window")
        for colours, rules in (("light", None), ("dark", ["color-contrast"])):
            page.emulate_media(color_scheme=colours, reduced_motion="reduce")  # type: ignore[arg-type]
            found += [f"{place} {colours}: {line}" for line in violations(page, rules)]
    context.close()
    return found + watch.found


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


def test_every_page_fits_a_phone_and_a_thumb(walks: Any, chrome: Browser, address: str) -> None:
    """No page is wider than a phone, and nothing that one presses is lower or narrower than 44 pixels."""
    places = firsts(walked(walks, chrome, address, "admin"))
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
