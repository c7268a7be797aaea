"""What a person in front of Chromium waits for: the server's answer, the first paint, what a key or a click causes."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.figures import Act, Screen
from benchmarks.processes import Person, started
from benchmarks.stage import PASSWORD
from tests.servers import chromium, free_port

SCREENS = {
    "home": "/home/",
    "list": "/party/list/",
    "find_common": "/party/list/?q=тель",
    "card": "/party/show/2",
    "add": "/party/add",
    "invoices": "/invoice/list/",
    "invoice": "/invoice/show/5",
    "invoice_add": "/invoice/add",
    "board": "/order/board",
    "calendar": "/order/calendar",
    "chart": "/invoice/chart",
    "gallery": "/party/gallery",
}
LINES = 200
FEW = 2
# Durations of what keys and clicks caused, until the next paint; those below 16 ms are not told by the browser.
_WATCH = """() => {
  globalThis.longest = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
    globalThis.longest = Math.max(globalThis.longest, entry.duration);
  })).observe({ type: "event", durationThreshold: 16, buffered: false });
}"""
_SHIFT = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => { sum += entry.value; }))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 100);
})"""
_PAINTED = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const files = performance.getEntriesByType("resource");
  return {
    server: page.responseStart - page.requestStart,
    paint: paint ? paint.startTime : page.domContentLoadedEventEnd,
    bytes: page.transferSize + files.reduce((all, file) => all + file.transferSize, 0),
  };
}"""
_PASTE = """(text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def measure(env: dict[str, str], *, repeat: int, few: bool = False) -> tuple[list[Screen], list[Act]]:
    """Serve the database by one worker, look at screens (or `few` of them), use them, and return what that took."""
    most = FEW if few else None
    port = free_port()
    with started(["serve", "--workers", "1"], env | {"PORT": str(port)}), sync_playwright() as player:
        address = f"http://127.0.0.1:{port}"
        Person(address).wait_for_answer()
        chrome = player.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        context = _signed_in(chrome, address)
        screens = [_screen(chrome, context, key, path, repeat) for key, path in list(SCREENS.items())[:most]]
        acts = [_act(context, key, do, repeat) for key, do in list(ACTS.items())[:most]]
        chrome.close()
    return screens, acts


def _signed_in(chrome: Browser, address: str) -> BrowserContext:
    context = chrome.new_context(base_url=address, locale="en", viewport={"width": 1360, "height": 850})
    page = context.new_page()
    page.goto("/login/")
    page.fill("#username", "admin")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/home/")
    page.close()
    return context


def _opened(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.goto(path)
    page.wait_for_selector("html[data-ready]")
    page.wait_for_load_state("networkidle")
    return page


def _screen(chrome: Browser, context: BrowserContext, key: str, path: str, repeat: int) -> Screen:
    """Look at a screen with nothing kept by the browser, then again and again."""
    state: Any = context.storage_state()
    new = chrome.new_context(base_url=_address(context), storage_state=state, viewport={"width": 1360, "height": 850})
    page = _opened(new, path)
    first = page.evaluate(_PAINTED)
    found = []
    for _time in range(repeat):
        page.close()
        page = _opened(new, path)
        found.append(page.evaluate(_PAINTED))
    shift = page.evaluate(_SHIFT)
    new.close()
    server, paint = (statistics.median(each[name] for each in found) for name in ("server", "paint"))
    return Screen(key, server, paint, first["paint"], int(first["bytes"]), round(shift, 3))


def _address(context: BrowserContext) -> str:
    page = context.pages[0] if context.pages else context.new_page()
    if page.url == "about:blank":
        page.goto("/home/")
    return page.url.partition("/home")[0]


def _act(context: BrowserContext, key: str, do: Callable[[Page], float | None], repeat: int) -> Act:
    """Do something several times; a script of ours answers by the longest of its events, the server by the clock."""
    path = PLACES[key]
    times = []
    for _time in range(repeat):
        page = _opened(context, path)
        page.evaluate(_WATCH)
        took = do(page)
        page.wait_for_timeout(150)
        times.append(took if took is not None else float(page.evaluate("globalThis.longest")))
        page.close()
    return Act(key, statistics.median(times), 0.0, max(times))


def _until(page: Page, act: Callable[[], object], selector: str) -> float:
    """Do something and return the milliseconds until a part of the page is there."""
    begun = time.perf_counter()
    act()
    page.wait_for_selector(selector)
    return (time.perf_counter() - begun) * 1000


def _keys(*keys: str) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        for key in keys:
            page.keyboard.press(key)

    return press


def _typed_in_lines(page: Page) -> None:
    page.locator("[name=lines-0-text]").focus()
    page.evaluate(_PASTE, "\n".join(f"Line {at}\t{at % 9 + 1}\t\t{at}.5" for at in range(LINES)))
    page.wait_for_timeout(3000)
    page.locator("[name=lines-120-quantity]").focus()
    page.wait_for_timeout(500)
    page.evaluate("globalThis.longest = 0")
    for _key in range(5):
        page.keyboard.press("1")


def _found(page: Page) -> float:
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette[open]")
    return _until(page, lambda: page.keyboard.type("molen"), "#palette-list mark")


def _searched(page: Page) -> float:
    page.locator("#q").focus()
    rows = '#list:not([aria-busy]) .row-link:text-matches("molen", "i")'
    return _until(page, lambda: page.keyboard.type("molen"), rows)


def _tab(page: Page) -> float:
    tab = page.locator("[data-tab]").nth(1)
    name = tab.get_attribute("data-tab")
    return _until(page, tab.click, f'.card-part[data-part-of="{name}"]:not([hidden])')


ACTS: dict[str, Callable[[Page], float | None]] = {
    "tick": _keys("j", "x", "j", "x"),
    "filters": lambda page: page.locator("details.filters > summary").click(),
    "palette": _keys("Control+k"),
    "lines": _typed_in_lines,
    "palette_find": _found,
    "list_find": _searched,
    "tab": _tab,
}
PLACES = {
    "tick": "/party/list/?size=100",
    "filters": "/party/list/",
    "palette": "/home/",
    "lines": "/order/add",
    "palette_find": "/home/",
    "list_find": "/party/list/",
    "tab": "/party/show/2",
}
