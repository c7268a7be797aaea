"""Security headers: on every answer, good or bad; scripts run only with the request's own nonce."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask import Flask

from app.web import headers
from tests.attack import attack
from tests.conftest import Browser

STATIC = Path(headers.__file__).resolve().parents[1] / "static"
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
PATHS = [
    "/",
    "/health",
    "/login/",
    "/home/",
    "/party/list/",
    "/party/add",
    "/party/show/99999",
    "/nonsense",
    "/api/v1/party/",
    "/api/v1/party/99999",
    "/api/v1/_openapi",
    "/lookup/party",
    "/static/css/app.css",
    "/static/nonsense",
]


def policy(answer: Any) -> dict[str, str]:
    text = answer.headers["Content-Security-Policy"]
    return {part.split()[0]: " ".join(part.split()[1:]) for part in text.split("; ")}


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_them_for_guests_and_users(visitor: Browser, as_user: Callable[[str], Browser], path: str):
    for browser in (visitor, as_user("office")):
        answer = browser.get(path)
        answer.close()
        assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
        assert policy(answer)["default-src"] == "'none'"
        assert answer.headers["X-Request-Id"]
        assert "Server" not in answer.headers
        assert "X-Powered-By" not in answer.headers


@pytest.mark.parametrize(("method", "path", "status"), [
    ("POST", "/party/add", 400), ("DELETE", "/home/", 405), ("GET", "/party/delete/1", 405), ("POST", "/login/", 400),
])  # fmt: skip
def test_refusals_carry_them_too(visitor: Browser, method: str, path: str, status: int):
    answer = visitor.client.open(path, method=method)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS


def test_a_foreign_host_gets_them_too(app: Flask, rolled_back: Any):
    answer = app.test_client().get("/login/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" in answer.headers


@attack(125, "a script that got in all the same: the policy of the page")
def test_scripts_and_styles_come_from_us_alone(visitor: Browser):
    found = policy(visitor.get("/login/"))
    assert re.fullmatch(r"'self' 'nonce-[\w-]{22}'", found["script-src"])
    assert found["style-src"] == "'self'"
    for name in ("object-src", "base-uri"):
        assert found[name] == "'none'"
    assert found["form-action"] == found["frame-ancestors"] == found["connect-src"] == "'self'"
    assert "unsafe-eval" not in str(found)
    assert "unsafe-inline" not in found["script-src"] + found["style-src"]
    assert "http" not in str(found)


def test_each_answer_has_its_own_nonce_and_every_script_carries_it(as_user: Callable[[str], Browser]):
    office = as_user("office")
    seen = set()
    for path in ("/home/", "/party/list/", "/party/add", "/profile/", "/party/show/99999"):
        answer = office.get(path)
        [nonce] = re.findall(r"'nonce-([\w-]+)'", answer.headers["Content-Security-Policy"])
        scripts = re.findall(r"<script\b[^>]*>", answer.text)
        assert scripts, path
        for script in scripts:
            assert f'nonce="{nonce}"' in script or "application/json" in script, (path, script)
        assert re.search(r"<[^>]+\son\w+\s*=", answer.text) is None, path
        assert "javascript:" not in answer.text
        assert "<style" not in answer.text
        seen.add(nonce)
    assert len(seen) == 5


def test_pages_name_no_other_machine(as_user: Callable[[str], Browser]):
    office = as_user("office")
    for path in ("/home/", "/party/list/", "/party/add", "/profile/"):
        page = office.get(path).text
        assert re.findall(r"""(?:src|href|action)=["'](?:https?:)?//[^"']*""", page) == [], path


def test_nothing_personal_is_kept_by_caches(as_user: Callable[[str], Browser], visitor: Browser):
    office = as_user("office")
    for path in ("/home/", "/party/list/", "/api/v1/party/", "/lookup/user", "/nonsense"):
        assert "no-store" in office.get(path).headers["Cache-Control"], path
    assert "no-store" in visitor.get("/login/").headers["Cache-Control"]
    static = visitor.get("/static/css/app.css")
    static.close()
    assert "no-store" not in static.headers["Cache-Control"]


def test_what_any_cache_may_keep_carries_nobodys_session(as_user: Callable[[str], Browser]):
    static = as_user("office").get("/static/css/app.css")
    static.close()
    assert "public" in static.headers["Cache-Control"]
    assert "Set-Cookie" not in static.headers
    assert "Cookie" not in static.headers.get("Vary", "")


@pytest.mark.parametrize("path", ["/home/", "/party/list/", "/party/add", "/find/?q=a", "/draft/"])
def test_an_answer_that_changes_nothing_in_the_session_sends_no_cookie(as_user: Callable[[str], Browser], path: str):
    """A slow answer would bring back the session as it was, and lose what a quicker one has written there since."""
    office = as_user("office")
    office.get(path)  # the first page may write a token for its forms
    answer = office.get(path)
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (200, None)


def test_pages_and_styles_go_compressed(as_user: Callable[[str], Browser]):
    office, every_way = as_user("office"), {"Accept-Encoding": "gzip, deflate, br, zstd"}

    def sent(path: str, headers: dict[str, str]) -> tuple[int, str | None, str | None, int]:
        with office.get(path, headers=headers) as answer:
            coding, etag = answer.headers.get("Content-Encoding"), answer.headers.get("ETag")
            return answer.status_code, coding, etag, len(answer.data)

    plain = sent("/static/css/app.css", {})[3]
    for way in ("gzip", "br", "zstd"):
        _status, coding, _etag, size = sent("/static/css/app.css", {"Accept-Encoding": way})
        assert (coding, size < plain / 3) == (way, True)
    _status, coding, kept, size = sent("/static/css/app.css", every_way)
    assert (coding, size) == ("br", len(brotli.compress((STATIC / "css" / "app.css").read_bytes(), quality=11)))
    assert sent("/static/css/app.css", every_way | {"If-None-Match": str(kept)})[0] == 304
    assert sent("/party/list/", every_way)[1] == "zstd"
    assert sent("/static/lib/inter/inter-latin.woff2", every_way)[1] is None


def test_the_length_of_a_page_does_not_tell_what_stands_in_it(as_user: Callable[[str], Browser]):
    office = as_user("office")
    found = [re.search(r"<!-- (\S*) -->\s*</body>", office.get("/home/").text) for _each in range(12)]
    assert len({len(each[1]) for each in found if each}) > 3


def test_browsers_are_told_to_stay_on_https_only_where_it_is_spoken(app: Flask, visitor: Browser):
    assert "Strict-Transport-Security" not in visitor.get("/login/").headers
    secure = Flask("secure")
    secure.config["CRM_PUBLIC_URL"] = "https://crm.example.org"
    headers.init_app(secure)
    answer = secure.test_client().get("/nonsense")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_templates_hold_no_inline_scripts_styles_or_unescaped_values(root: Path):
    data = re.compile(r"""<script type="application/json"[^>]*>""")  # words and figures for the scripts; it never runs
    found = {}
    for path in sorted((root / "app/templates").rglob("*.html")):
        name = path.relative_to(root / "app/templates").as_posix()
        if not name.startswith(("web/", "appbuilder/")):
            continue  # documents and letters have rules of their own
        source = path.read_text()
        broken = re.findall(r"\son\w+=[\"']|javascript:|<style|\|\s*safe\b|autoescape\s+false", source)
        broken += [s for s in re.findall(r"<script\b[^>]*>", source) if "nonce=" not in s and not data.fullmatch(s)]
        if broken:
            found[name] = broken
    assert found == {}
