"""Chromium over a company of its own; whatever a page complains about fails the test that saw it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.browser.world import PASSWORD, running
from tests.servers import chromium, need

ROOT = Path(__file__).resolve().parent.parent.parent
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 15_000  # milliseconds; a machine that builds something else beside the tests is slow
QUIET = 30  # milliseconds
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    need("browser")
    with running(tmp_path_factory.mktemp("company")) as found:
        yield found


@dataclass(frozen=True)
class Demo:
    """The demo company: where it is served, and the folder of its database."""

    address: str
    folder: Path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Serve the demo company, which has orders, invoices and payments; modules that work in it take its address."""
    need("browser")
    folder = tmp_path_factory.mktemp("demo")
    with running(folder, "demo") as found:
        yield Demo(found, folder)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    need("browser")
    with sync_playwright() as player:
        made = player.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield made
        made.close()


class Watch:
    """Notes what must not happen in a browser: errors, refusals of the content policy, requests to other hosts."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.host = urlsplit(address).netloc
        self.found: list[str] = []
        self.documents: set[str] = set()
        context.on("request", lambda request: self._host(request.url))
        context.on("response", self._document)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.found.append(f"error: {error.error}"))

    def _host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != self.host:
            self.found.append(f"asked another host: {url}")

    def _document(self, response: Response) -> None:
        if response.request.is_navigation_request():
            self.documents.add(response.url)
        elif response.status >= 400:
            self.found.append(f"{response.status}: {response.url}")

    def _console(self, message: ConsoleMessage) -> None:
        # a page that answers 404 or 422 is reported by the browser too, and is meant
        if message.text.startswith("Failed to load resource") and message.location.get("url") in self.documents:
            return
        if message.type in {"error", "warning"}:
            self.found.append(f"{message.type}: {message.text}")


class Traffic:
    """Knows what a browser has asked for and not yet got."""

    def __init__(self, context: BrowserContext) -> None:
        self.open: set[Request] = set()
        context.on("request", self._begun)
        context.on("requestfinished", self._ended)
        context.on("requestfailed", self._ended)

    def _begun(self, request: Request) -> None:
        self.open.add(request)

    def _ended(self, request: Request) -> None:
        self.open.discard(request)

    def settle(self, page: Page) -> None:
        """Wait until the page is ready and what it asked for is there: as "networkidle", without its half second."""
        page.wait_for_selector("html[data-ready]")
        quiet, patience = 0, PATIENCE // QUIET
        while quiet < 2:
            page.wait_for_timeout(QUIET)
            quiet = 0 if self.open else quiet + 1
            patience -= 1
            assert patience, f"{page.url} still asks for {sorted(each.url for each in self.open)}"


expect.set_options(timeout=PATIENCE)
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def signed_in() -> dict[tuple[str, str], Any]:
    """Remember who has signed in where: by hand once, then by the cookie that it gave."""
    return {}


def sign_in(page: Page, user: str, password: str = PASSWORD, *, lands: str | re.Pattern[str] = "**/home/") -> None:
    """Sign in by hand and wait for where one lands."""
    page.goto("/login/")
    page.fill("#username", user)
    page.fill("#password", password)
    page.click("button[type=submit]")
    page.wait_for_url(lands)


@pytest.fixture
def visit(chrome: Browser, address: str, signed_in: dict[tuple[str, str], Any]) -> Iterator[Visit]:
    """Open a page as somebody (None: not signed in); at the end of the test nothing may have been complained about."""
    opened: list[tuple[BrowserContext, Watch]] = []

    def open_page(path: str, user: str | None = "head", **options: Any) -> Page:
        known = (address, user or "")
        context = chrome.new_context(
            **{"base_url": address, "locale": "en", "reduced_motion": "reduce"}
            | {"viewport": {"width": 1280, "height": 800}}
            | ({"storage_state": signed_in[known]} if known in signed_in else {})
            | options
        )
        context.set_default_timeout(PATIENCE)
        opened.append((context, Watch(context, address)))
        page = context.new_page()
        if user is not None and known not in signed_in:
            sign_in(page, user)
            signed_in[known] = context.storage_state()
        page.goto(path)
        return page

    yield open_page
    complaints = [complaint for _context, watch in opened for complaint in watch.found]
    for context, _watch in opened:
        context.close()
    assert complaints == []


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe-core finds wrong with the page as it stands (by all rules, or these), one line each."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text())
    options = {"runOnly": rules} if rules else {}
    found = page.evaluate("(options) => axe.run(document, options).then((done) => done.violations)", options)
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]
