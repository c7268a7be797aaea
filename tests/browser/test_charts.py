"""Charts in Chromium: drawn within the content policy, in light and dark, on a phone; every bar leads to its rows."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visit, violations

pytestmark = pytest.mark.browser

CONTRAST = r"""() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const probe = document.body.appendChild(document.createElement("span"));
  const of = (name) => { probe.style.color = `var(--${name})`; return light(getComputedStyle(probe).color); };
  const surface = of("surface");
  return [1, 2, 3, 4, 5, 6, 7, 8, "other"].map((name) => {
    const [more, less] = [surface, of(`chart-${name}`)].sort((a, b) => b - a);
    return (more + 0.05) / (less + 0.05);
  });
}"""
PIXEL = """() => {
  const canvas = document.querySelector("#chart-canvas canvas");
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const found = {};
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] < 255) continue;
    const key = `${data[at]},${data[at + 1]},${data[at + 2]}`;
    found[key] = (found[key] ?? 0) + 1;
  }
  return Object.entries(found).sort((a, b) => b[1] - a[1])[0][0];
}"""
GREEN, LIGHT_GREEN = "12,122,95", "69,195,156"


def opened(visit: Visit, path: str = "/party/chart", **options: object) -> Page:
    page = visit(path, **options)
    ready(page)
    return page


def ready(page: Page) -> None:
    page.wait_for_selector("#chart-canvas[role=img] canvas")


def cell(page: Page, label: str) -> str:
    return page.locator(".chart-table tbody tr", has_text=label).locator("td").inner_text().split()[-1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    ["/party/chart", "/party/chart?by=country&split=kind", "/party/chart?kind=pie", "/party/chart?chart=by_month"],
)
def test_a_chart_is_drawn_for_everybody(visit: Visit, scheme: str, path: str) -> None:
    page = opened(visit, path, color_scheme=scheme)
    assert violations(page) == []
    assert "All figures stand in the table below it." in (
        page.locator("#chart-canvas").get_attribute("aria-label") or ""
    )
    assert min(page.evaluate(CONTRAST)) >= 3


def test_a_figure_and_its_bar_lead_to_the_same_rows(visit: Visit) -> None:
    page = opened(visit)
    assert page.evaluate(PIXEL) == GREEN
    count = cell(page, "Netherlands")
    page.locator(".chart-table tbody tr", has_text="Netherlands").locator("a").click()
    page.wait_for_url("**/party/list/?flt.country.eq=NL*")
    expect(page.locator("h1 + .count")).to_have_text(count)
    page.go_back()
    ready(page)
    box = page.locator("#chart-canvas").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 180, box["y"] + 34)
    page.wait_for_url("**/party/list/?flt.country.eq=*")


def test_another_choice_comes_without_the_frame_and_the_filter_stays(visit: Visit) -> None:
    page = opened(visit, "/party/chart?flt.is_customer.eq=true")
    page.evaluate("document.body.dataset.stays = '1'")
    page.locator("#chart-by").focus()
    page.locator("#chart-by").select_option("owner")
    expect(page.locator("#chart-title")).to_have_text("Number of records · Owner")
    ready(page)
    assert re.search(r"/party/chart\?flt.is_customer.eq=true&size=25&chart=by_country&by=owner$", page.url), page.url
    assert page.locator("body[data-stays]").count() == 1
    expect(page.locator("#chart-by")).to_be_focused()
    page.get_by_role("link", name="Remove the filter").click()
    page.wait_for_url("**/party/chart?size=25&chart=by_country&by=owner")
    ready(page)


def test_the_theme_changes_the_chart_at_once(visit: Visit) -> None:
    page = opened(visit)
    assert page.evaluate(PIXEL) == GREEN
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"({PIXEL})() === '{LIGHT_GREEN}'")


def test_a_picture_is_taken_along(visit: Visit, tmp_path: Path) -> None:
    page = opened(visit)
    with page.expect_download() as told:
        page.get_by_role("button", name="PNG").click()
    assert told.value.suggested_filename == "Parties by country.png"
    told.value.save_as(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("language", ["ru", "hy", "nl"])
def test_charts_speak_the_readers_language(visit: Visit, language: str) -> None:
    page = opened(visit, f"/lang/{language}?next=/party/chart?chart=by_month")
    assert page.locator("html").get_attribute("lang") == language
    visit("/lang/en")


def test_a_chart_fits_on_a_phone(visit: Visit) -> None:
    page = opened(visit, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("#chart-canvas canvas").bounding_box()["width"] <= 360  # type: ignore[index]
    for link in page.locator(".chart-table td a").all():
        box = link.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44, box
    assert violations(page) == []


def test_without_javascript_the_form_and_the_table_work(visit: Visit) -> None:
    opened(visit)
    page = visit("/party/chart", java_script_enabled=False)
    assert page.locator("#chart-canvas").is_hidden()
    page.locator("#chart-by").select_option("kind")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#chart-title")).to_have_text("Number of records · Kind")
    expect(page.locator(".chart-table tbody tr")).to_have_count(2)
