"""Toasts: said after a redirect, with a way back as a form that needs no script."""

import re
from collections.abc import Callable

import pytest
from flask import Flask, get_flashed_messages, render_template_string
from markupsafe import Markup

from app.web import toast
from tests.conftest import Browser


def said(app: Flask, *args: object, **options: object) -> list[tuple[str, object]]:
    with app.test_request_context("/"):
        toast.say(*args, **options)  # type: ignore[arg-type]
        return [*get_flashed_messages(with_categories=True)]


def test_a_text_is_a_plain_message(app: Flask):
    assert said(app, "Saved: Foo") == [("success", "Saved: Foo")]
    assert said(app, "No", "danger") == [("danger", "No")]


def test_a_way_back_travels_with_the_text(app: Flask):
    undo = {"label": "Undo", "url": "/deleted_record/undo", "fields": {"batch": "b"}}
    found = said(app, "Deleted", undo=("Undo", "/deleted_record/undo", {"batch": "b"}))
    assert found == [("success", {"text": "Deleted", "undo": undo})]


@pytest.mark.parametrize("url", ["https://elsewhere.example/x", "//elsewhere.example", "javascript:1", ""])
def test_a_way_back_stays_with_us(app: Flask, url: str):
    with pytest.raises(ValueError, match="is no path of ours"):
        said(app, "Deleted", undo=("Undo", url, {}))


def shown(app: Flask, text: str) -> str:
    with app.test_request_context("/party/list/?q=a%26b"):
        toast.say(text, undo=("Undo <b>", "/party/7/undo", {"x": '"1"'}))
        return render_template_string("{% import 'web/macros.html' as ui with context %}{{ ui.flashes() }}")


def test_the_page_shows_a_form_with_token_fields_and_the_place_one_is_at(app: Flask):
    page = shown(app, "A & B")
    assert '<p class="alert-text">A &amp; B</p>' in page
    assert '<form method="post" action="/party/7/undo" class="toast-undo">' in page
    assert '<input type="hidden" name="x" value="&#34;1&#34;">' in page
    assert '<input type="hidden" name="back" value="/party/list/?q=a%26b">' in page
    assert re.search(r'name="csrf_token" value="[^"]+"', page)
    assert '<button type="submit">Undo &lt;b&gt;</button>' in page


def test_markup_stays_markup_in_the_cookie(app: Flask):
    assert '<p class="alert-text"><a href="/x">A</a></p>' in shown(app, Markup('<a href="/x">A</a>'))


def test_every_page_has_the_place_of_toasts_and_their_script(as_user: Callable[[str], Browser]):
    page = as_user("admin").get("/home/").get_data(as_text=True)
    assert page.count('<div class="toasts" id="toasts" role="region"') == 1
    assert page.count('aria-live="polite"></div>') >= 1
    assert len(re.findall(r'<script src="/static/js/toast\.js\?v=\w+" nonce="[^"]+" defer>', page)) == 1
