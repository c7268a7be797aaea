"""A thousand counterparties are changed by one form, in the background, and put back; by the whole program."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE, ROOT, Watch, sign_in
from tests.browser.world import whole_program

pytestmark = pytest.mark.browser
COUNT = 1000
LATE = 120_000  # milliseconds: the worker does it in seconds where nothing else is done


@pytest.fixture
def program(tmp_path: Path) -> Iterator[str]:
    """Start the program with a thousand counterparties in its database."""
    with whole_program(tmp_path) as address:
        listed = tmp_path / "parties.csv"
        listed.write_text("Name;Country\n" + "".join(f"Party {at:04};NL\n" for at in range(COUNT)))
        settings = {"CRM_VAR": str(tmp_path), "CRM_DEMO": "0", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-m", "app.cli", "import", "party", str(listed)]
        subprocess.run(command, env=settings, cwd=tmp_path, check=True, capture_output=True)
        yield address


def sources(page: Page) -> set[str]:
    return set(page.locator('td[data-label="Source"]').all_inner_texts())


def test_a_thousand_records_are_changed_and_put_back(chrome: Browser, program: str) -> None:
    context = chrome.new_context(base_url=program, locale="en", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    watch = Watch(context, program)
    page = context.new_page()
    sign_in(page, "admin")
    page.goto("/party/list/?flt.country.eq=NL&cols=name,source&size=100")
    page.wait_for_selector("html[data-ready]")
    page.locator("[data-tick-all]").check()
    page.locator(".bulk-all").click()
    expect(page.locator(".bulk-count")).to_have_text("Selected: 1,000")
    page.locator(".bulk button", has_text="Edit").click()
    page.wait_for_url("**/many/edit*")
    page.wait_for_selector("html[data-ready]")
    page.locator("[data-add]").select_option(label="Source")
    page.locator(".bulk-field:not([hidden]) .bulk-value input").fill("Fair of Utrecht")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".bulk-counts .is-good dd")).to_have_text("1,000")
    page.get_by_role("button", name="Change").click()
    page.wait_for_url("**/party/list/*")

    # The top bar says how far it is, and that it is done, without a new page.
    expect(page.locator("#jobs")).to_be_visible()
    done = page.locator(".toast", has_text="Changed: 1,000")
    expect(done).to_be_visible(timeout=LATE)
    page.goto("/party/list/?flt.country.eq=NL&cols=name,source&size=100")
    assert sources(page) == {"Fair of Utrecht"}

    # The report names every record; the whole is undone from there.
    page.goto("/bulk_run/list/")
    page.locator(".row-link").first.click()
    page.wait_for_url("**/bulk_run/show/*")
    page.wait_for_selector("html[data-ready]")
    page.locator("form[action*='/bulk_run/undo/'] button").first.click()
    page.get_by_role("dialog").locator('button[value="yes"]').click()
    expect(page.locator(".toast", has_text="Changed: 1,000")).to_be_visible(timeout=LATE)
    page.goto("/party/list/?flt.country.eq=NL&cols=name,source&size=100")
    assert sources(page) in ({""}, {"—"})
    context.close()
    assert watch.found == []
