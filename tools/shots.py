"""Take screenshots of pages in light, dark and on a phone, in any of the languages, into shots/.

    python tools/shots.py                          every page of PAGES × looks, in English
    python tools/shots.py list card --look dark --language ru
    python tools/shots.py --url http://127.0.0.1:8080 --user head --password … /party/list/?q=tulp
    python tools/shots.py --sheets                 contact sheets: SCREENS of the demo × looks × four languages

Without --url it starts the company of tests/browser/world.py (for --sheets: the demo) with a database of its own.
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

from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from tests.browser.world import PASSWORD, running  # noqa: E402
from tests.servers import chromium  # noqa: E402

HEIGHT, GAP = 620, 12  # pixels of a picture on a contact sheet

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
SCREENS = {  # of the demo: what people have in front of them all day
    "start": "/home/",
    "sign-in": "/login/",
    "parties": "/party/list/",
    "parties-filtered": "/party/list/?flt.country.eq=NL&group=country",
    "parties-nothing": "/party/list/?q=zzzz",
    "parties-chart": "/party/chart",
    "parties-gallery": "/party/gallery",
    "party": "/party/show/2",
    "party-new": "/party/add",
    "party-errors": "/party/add",
    "products": "/product/list/",
    "product": "/product/show/1",
    "orders": "/order/list/",
    "orders-board": "/order/board",
    "orders-calendar": "/order/calendar",
    "order": "/order/show/3",
    "order-new": "/order/add",
    "invoices": "/invoice/list/",
    "invoices-chart": "/invoice/chart",
    "invoices-calendar": "/invoice/calendar",
    "invoice": "/invoice/show/5",
    "invoice-edit": "/invoice/add",
    "payments": "/payment/list/",
    "payment": "/payment/show/1",
    "letters": "/letter/list/",
    "notifications": "/notification/list/",
    "find": "/find/?q=in",
    "import": "/import_run/list/",
    "bin": "/deleted_record/list/",
    "settings": "/profile/",
    "organisation": "/organisation/show/1",
    "glossary": "/help/glossary/",
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
    if name.endswith("errors"):
        page.fill("#name", "ООО «Ромашка»")
        page.fill("#tax_number", "7707083894")
        page.evaluate("document.querySelector('#country').tomselect?.setValue('RU')")
        page.click("[data-save]")
        page.wait_for_selector(".has-error")
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")


def shoot(at: str, names: list[str], looks: list[str], languages: list[str], account: tuple[str, str]) -> list[Path]:
    """Take the pictures and return their paths."""
    folder = ROOT / "shots"
    folder.mkdir(exist_ok=True)
    addresses = PAGES | SCREENS
    made = []
    with browser() as chrome:
        for language in languages:
            for look in looks:
                context = chrome.new_context(base_url=at, locale=language, **LOOKS[look])
                page = context.new_page()
                for name in sorted(names, key=lambda each: addresses.get(each) != "/login/"):
                    page.goto(addresses.get(name, name))
                    if "/login/" in page.url and addresses.get(name) != "/login/":
                        page.fill("#username", account[0])
                        page.fill("#password", account[1])
                        page.click("button[type=submit]")
                        page.goto(f"/lang/{language}?next=/home/")
                        page.goto(addresses.get(name, name))
                    prepare(page, name)
                    path = folder / f"{name.strip('/').replace('/', '-').partition('?')[0]}-{look}-{language}.png"
                    page.screenshot(path=path)
                    made.append(path)
                context.close()
    return made


def sheet(name: str, looks: list[str], languages: list[str]) -> Path:
    """Put the pictures of one screen side by side: a row for each language, a column for each look."""
    folder = ROOT / "shots"
    rows = [[Image.open(folder / f"{name}-{look}-{language}.png") for look in looks] for language in languages]
    small = [[one.resize((HEIGHT * one.width // one.height, HEIGHT)) for one in row] for row in rows]
    wide = max(sum(one.width + GAP for one in row) for row in small)
    made = Image.new("RGB", (wide + GAP, (HEIGHT + GAP) * len(small) + GAP), "#888888")
    for down, row in enumerate(small):
        across = GAP
        for one in row:
            made.paste(one, (across, GAP + down * (HEIGHT + GAP)))
            across += one.width + GAP
    path = folder / f"sheet-{name}.png"
    made.save(path)
    return path


def main(arguments: list[str]) -> int:
    """Read the wishes, take the pictures, say where they are."""
    reader = argparse.ArgumentParser(description="Take screenshots into shots/")
    reader.add_argument("pages", nargs="*", help=f"addresses or: {' '.join(PAGES)}")
    reader.add_argument("--look", action="append", choices=list(LOOKS))
    reader.add_argument("--language", action="append", choices=["en", "ru", "hy", "nl"])
    reader.add_argument("--sheets", action="store_true", help="contact sheets of the demo's screens")
    reader.add_argument("--url", help="an installation that runs already")
    reader.add_argument("--user", default="head")
    reader.add_argument("--password", default=PASSWORD)
    wish = reader.parse_args(arguments)
    with ExitStack() as stack:
        at = wish.url
        if at is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countinghouse-shots-")))
            at = stack.enter_context(running(folder, "demo" if wish.sheets else "forty"))
        looks = wish.look or ["light", "dark", "phone"]
        languages = wish.language or (["en", "ru", "hy", "nl"] if wish.sheets else ["en"])
        names = wish.pages or list(SCREENS if wish.sheets else PAGES)
        made = shoot(at, names, looks, languages, (wish.user, wish.password))
        for path in [sheet(name, looks, languages) for name in names] if wish.sheets else made:
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
