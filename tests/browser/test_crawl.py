"""Every page that somebody is offered: it is there, it complains of nothing, it speaks the reader's language.

The small walk follows every link as three roles, reads everything as administrator in English and Russian, and draws
every screen once. `CRM_CRAWL=full`, which `make drill` sets, reads and draws it as every role in all languages.
"""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import ROOT, Demo
from tests.browser.crawler import Walk, left_in_english, words_of
from tests.browser.drawing import FULL, drawn, firsts, walked

pytestmark = pytest.mark.browser

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
