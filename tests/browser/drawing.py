"""Drawing what a walk has found: every screen once, with the complaints of the page, of the browser and of axe."""

import os

from playwright.sync_api import Browser

from tests.browser.conftest import PATIENCE, Traffic, Watch, violations
from tests.browser.crawler import Walk, screen_of, signed_in, walk
from tests.browser.world import PASSWORD

TOO_WIDE = "document.documentElement.scrollWidth > innerWidth + 1"
FULL = os.environ.get("CRM_CRAWL") == "full"


def walked(walks: dict[tuple[str, str], Walk], chrome: Browser, address: str, user: str, language: str = "en") -> Walk:
    """Return the walk of somebody in a language, walked once."""
    if (user, language) not in walks:
        context = signed_in(chrome, address, user, PASSWORD, language)
        walks[user, language] = walk(context, of_one=2 if FULL else 1, of_path=6 if FULL else 3)
        context.close()
    return walks[user, language]


def firsts(found: Walk) -> list[str]:
    """Return one address of each screen."""
    return list({screen_of(page).partition("?")[0]: page for page in reversed(found.pages)}.values())


def drawn(chrome: Browser, address: str, user: str, places: list[str]) -> list[str]:
    """Open pages as somebody and return all complaints."""
    context = signed_in(chrome, address, user, PASSWORD, "en")
    context.set_default_timeout(PATIENCE)
    watch, traffic = Watch(context, address), Traffic(context)
    page = context.new_page()
    found = []
    for place in places:
        page.goto(place)
        traffic.settle(page)
        if page.evaluate(TOO_WIDE):
            found.append(f"{place}: wider than its window")
        for colours, rules in (("light", None), ("dark", ["color-contrast"])):
            page.emulate_media(color_scheme=colours, reduced_motion="reduce")  # type: ignore[arg-type]
            found += [f"{place} {colours}: {line}" for line in violations(page, rules)]
    context.close()
    return found + watch.found
