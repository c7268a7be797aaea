"""Take screenshots of pages in light, dark and on a phone, in any of the languages, into shots/.

    python tools/shots.py                          every page of PAGES × looks, in English
    python tools/shots.py list card --look dark --language ru
    python tools/shots.py --url http://127.0.0.1:8080 --user head --password … /party/list/?q=tulp

Without --url it starts the company of tests/browser/world.py with a database of its own.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from tests.browser.world import PASSWORD, running  # noqa: E402
from tests.servers import chromium  # noqa: E402

PAGES = {
    "login": "/login/",
    "home": "/home/",
    "list": "/party/list/",
    "filtered": "/party/list/?flt.country.eq=NL&flt.is_customer.eq=true",
    "nothing": "/party/list/?q=zzzz",
    "card": "/party/show/1",
    "form": "/party/add",
    "edit": "/party/edit/1",
    "errors": "/party/add",
    "profile": "/profile/",
    "missing": "/party/show/999999",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1360, "height": 850}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1360, "height": 850}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "color_scheme": "light",
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
    "phone-dark": {
        "viewport": {"width": 360, "height": 740},
        "color_scheme": "dark",
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium without anything that would reach for the network."""
    with sync_playwright() as player:
        made = player.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield made
        made.close()


def prepare(page: Page, name: str) -> None:
    """Bring a page into the state that its picture is of."""
    if name == "errors":
        page.fill("#name", "ООО «Ромашка»")
        page.fill("#tax_number", "7707083894")
        page.evaluate("document.querySelector('#country').tomselect?.setValue('RU')")
        page.fill("#birthday", "31.02.2026")
        page.click("[data-save]")
        page.wait_for_selector(".has-error")
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")


def shoot(at: str, names: list[str], looks: list[str], languages: list[str], account: tuple[str, str]) -> list[Path]:
    """Take the pictures and return their paths."""
    folder = ROOT / "shots"
    folder.mkdir(exist_ok=True)
    made = []
    with browser() as chrome:
        for language in languages:
            for look in looks:
                context = chrome.new_context(base_url=at, locale=language, **LOOKS[look])
                page = context.new_page()
                for name in sorted(names, key=lambda each: each != "login"):
                    page.goto(PAGES.get(name, name))
                    if "/login/" in page.url and name != "login":
                        page.fill("#username", account[0])
                        page.fill("#password", account[1])
                        page.click("button[type=submit]")
                        page.goto(f"/lang/{language}?next=/home/")
                        page.goto(PAGES.get(name, name))
                    prepare(page, name)
                    path = folder / f"{name.strip('/').replace('/', '-').partition('?')[0]}-{look}-{language}.png"
                    page.screenshot(path=path)
                    made.append(path)
                context.close()
    return made


def main(arguments: list[str]) -> int:
    """Read the wishes, take the pictures, say where they are."""
    reader = argparse.ArgumentParser(description="Take screenshots into shots/")
    reader.add_argument("pages", nargs="*", help=f"addresses or: {' '.join(PAGES)}")
    reader.add_argument("--look", action="append", choices=list(LOOKS))
    reader.add_argument("--language", action="append", choices=["en", "ru", "hy", "nl"])
    reader.add_argument("--url", help="an installation that runs already")
    reader.add_argument("--user", default="head")
    reader.add_argument("--password", default=PASSWORD)
    wish = reader.parse_args(arguments)
    with ExitStack() as stack:
        at = wish.url
        if at is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countinghouse-shots-")))
            at = stack.enter_context(running(folder))
        looks, languages = wish.look or ["light", "dark", "phone"], wish.language or ["en"]
        for path in shoot(at, wish.pages or list(PAGES), looks, languages, (wish.user, wish.password)):
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
