"""Take the pictures of README.md from the demo company into docs/pictures/; `make pictures` runs it.

The program is started as users start it, with a folder of its own that is thrown away afterwards.
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page  # noqa: E402

from tests.browser.world import _answers as answers  # noqa: E402
from tests.servers import Server  # noqa: E402
from tools.shots import LOOKS, browser  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
PASSWORD = "a demo for pictures"
SMALL = {"width": 1200, "height": 760}
PATIENCE = 120  # seconds until the worker has made the files of the newest invoices


def program(folder: Path) -> Server:
    """Return the demo company as `make run` starts it, not started yet."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    given = [f"CRM_VAR={folder}", "CRM_DEMO=1", f"CRM_DEMO_PASSWORD={PASSWORD}", f"PYTHONPATH={ROOT}"]
    argv = ["env", "-i", f"PATH={kept['PATH']}", *given]
    return Server(
        "Countinghouse",
        folder,
        lambda port: [*argv, f"PORT={port}", sys.executable, "-m", "app.cli", "run"],
        answers,
    )


def page_of(chrome: Browser, address: str, look: str, language: str, user: str) -> Page:
    """Sign somebody in and return her page."""
    about = LOOKS[look] | ({"viewport": SMALL} if "phone" not in look else {})
    page = chrome.new_context(base_url=address, locale=language, **about).new_page()
    page.goto("/login/")
    page.fill("#username", user)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/home/")
    page.goto(f"/lang/{language}?next=/home/")
    return page


def invoice_with_file(page: Page) -> str:
    """Return the address of a partly paid invoice, or of the newest one, once its file is made."""
    page.goto("/invoice/list/?flt.settlement.eq=partly_paid")
    links = page.locator("a.row-link")
    if not links.count():
        page.goto("/invoice/list/?flt.state.eq=issued")
    address = str(page.locator("a.row-link").first.get_attribute("href"))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        page.goto(address)
        if page.get_by_role("link", name=re.compile("^PDF$")).count():
            return address
        time.sleep(2)
    raise TimeoutError("the worker made no file")


def shoot(page: Page, path: str, name: str) -> None:
    """Take one picture."""
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    page.screenshot(path=FOLDER / f"{name}.png")
    print(f"docs/pictures/{name}.png")


def main() -> int:
    """Start the demo company, take the pictures, stop it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="countinghouse-pictures-") as place, browser() as chrome:
        server = program(Path(place))
        try:
            server.start()
            address = f"http://127.0.0.1:{server.port}"
            page = page_of(chrome, address, "light", "en", "accountant")
            invoice = invoice_with_file(page)
            shoot(page, "/invoice/list/", "invoices")
            shoot(page, invoice, "invoice")
            shoot(page_of(chrome, address, "dark", "ru", "head"), "/party/list/", "parties-dark")
            shoot(page_of(chrome, address, "phone", "nl", "accountant"), invoice, "invoice-phone")
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
