"""Walk through every page that a reader is offered, as a reader who follows every link would.

Addresses that differ in their numbers only lead to the same screen: a few of each are opened. What is asked of every
page: it is there, says nothing in another language than the reader's, and links to nothing that is not there.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from playwright.sync_api import APIResponse, Browser, BrowserContext

from tests.browser.conftest import sign_in

STARTS = ("/home/", "/find/?q=a")
# Signs out, changes the language, is a file, or a page for strangers, in their language.
LEADS_AWAY = re.compile(r"^/(logout|lang|theme|static|q|form)\b")
SPOKEN = {"aria-label", "title", "placeholder", "alt", "data-confirm"}
SILENT = {"script", "style", "template", "code", "kbd", "svg", "time", "textarea"}  # a textarea holds what is typed
WORD = re.compile(r"[a-z]{3,}")
ZONE = re.compile(r"^[A-Z]\w+(/[\w+ -]+)+$|\{")  # Europe/Amsterdam has this name everywhere; {year} is a pattern
PARTS = re.compile(r"(?:^| )· | – | → |, |:(?: |$)| (?=\d)")


@dataclass
class Seen:
    """One page as a reader gets it: where it leads and what it says."""

    links: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """Take links and words from a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = Seen()
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where an element leads and what it says without being text."""
        given = {name: value for name, value in attrs if value is not None}
        if tag == "a" and given.get("href") and "download" not in given:
            self.seen.links.append(given["href"])
        if tag in {"script", "img", "iframe"} and given.get("src"):
            self.seen.files.append(given["src"])
        if tag == "link" and given.get("href"):
            self.seen.files.append(given["href"])
        foreign = "lang" in given and tag != "html"  # says itself that it is in another language
        if (tag in SILENT or foreign) and tag not in {"br", "img", "input", "link", "meta"}:
            self.silent.append(tag)
        if not self.silent and not foreign:
            self.seen.texts += [given[name] for name in SPOKEN & given.keys()]

    def handle_endtag(self, tag: str) -> None:
        """Leave what is not read out."""
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        """Note what is read out."""
        if not self.silent and data.strip():
            self.seen.texts.append(data)


def read(html: str) -> Seen:
    """Return where a page leads and what it says."""
    reader = Reader()
    reader.feed(html)
    reader.seen.texts = [" ".join(text.split()) for text in reader.seen.texts]
    return reader.seen


def screen_of(address: str) -> str:
    """Return what addresses of the same screen have in common: numbers and values are left out."""
    parts = urlsplit(address)
    names = sorted({piece.partition("=")[0] for piece in parts.query.split("&") if piece})
    return re.sub(r"\d+", "N", parts.path) + ("?" + "&".join(names) if names else "")


@dataclass
class Walk:
    """What a walk has found."""

    pages: dict[str, list[str]] = field(default_factory=dict)  # address → its texts
    screens: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def walk(context: BrowserContext, *, of_one: int = 2, of_path: int = 6) -> Walk:
    """Open every screen that can be reached by links, without drawing it.

    Of addresses that differ in their numbers and values only, `of_one` are opened; of those that ask one screen for
    different things, `of_path`.
    """
    done = Walk()
    to_do: list[tuple[str, str]] = [(start, "the start") for start in STARTS]
    known: set[str] = set()
    paths: Counter[str] = Counter()
    while to_do:
        address, source = to_do.pop(0)
        screen = screen_of(address)
        path = screen.partition("?")[0]
        if address in known or done.screens[screen] >= of_one or paths[path] >= of_path:
            continue
        known.add(address)
        done.screens[screen] += 1
        paths[path] += 1
        answer = context.request.get(address, max_redirects=5)
        if answer.status >= 400:
            done.broken.append(f"{answer.status} {address} (linked from {source})")
            continue
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        seen = read(answer.text())
        done.pages[address] = seen.texts
        to_do += [(link, address) for link in _own(seen.links, answer) if link not in known]
        for file in set(_own(seen.files, answer, all_of_them=True)) - known:
            known.add(file)
            got = context.request.get(file)
            if got.status >= 400:
                done.broken.append(f"{got.status} {file} (a file of {address})")
    return done


def _own(links: Iterable[str], answer: APIResponse, *, all_of_them: bool = False) -> Iterator[str]:
    """Return the addresses of this program, as paths."""
    base = urlsplit(answer.url)
    for link in links:
        parts = urlsplit(urldefrag(urljoin(answer.url, link)).url)
        if parts.scheme not in {"http", "https"} or parts.netloc != base.netloc:
            continue
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        if all_of_them or not LEADS_AWAY.match(parts.path):
            yield path


def words_of(database: Path) -> str:
    """Return every text that stands in a SQLite database, one a line: what people wrote, not what the program says."""
    found: set[str] = set()
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if "_text" in table or table.startswith(("sqlite_", "search_")):
                continue
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                found |= {" ".join(value.split()) for value in row if isinstance(value, str)}
        if "ab_user" in tables:
            people = connection.execute("SELECT first_name, last_name FROM ab_user")
            found |= {f"{first} {last}" for first, last in people}
    return "\n".join(sorted(found))


def left_in_english(english: Walk, other: Walk, people_wrote: str, same: frozenset[str]) -> list[str]:
    """Return what a page says in both languages alike, although a program wrote it."""

    @cache  # the same words stand on hundreds of pages
    def is_left(text: str) -> bool:
        if text in same or text in people_wrote or ZONE.match(text):
            return False
        parts = [part for part in PARTS.split(text) if WORD.search(part)]
        return any(part not in same and part not in people_wrote for part in parts)

    found = []
    for address, texts in other.pages.items():
        alike = set(texts) & set(english.pages.get(address, ()))
        found += [f"{address}: {text}" for text in sorted(alike) if is_left(text)]
    return found


def signed_in(chrome: Browser, address: str, user: str, password: str, language: str) -> BrowserContext:
    """Return a context in which somebody is signed in and reads a language."""
    context: Any = chrome.new_context(base_url=address, locale=language)
    page = context.new_page()
    sign_in(page, user, password)
    page.goto(f"/lang/{language}?next=/home/")
    page.close()
    return context
