"""Requests that another page makes a browser send: by any method, in any dress, for every address that changes."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.models.history import Act, FieldChange
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made
from tests.fingerprint import unchanged
from tests.web.test_registry import filled, rules

As = Callable[[str], Browser]
# They answer to a password or a token in the request itself, never to a cookie.
# They answer to a password, a token in the request, a signature or a ticket of their own, never to a cookie.
WITHOUT_COOKIE = {
    *("SignInApi.login", "SignInApi.refresh"),
    *("IntakeView.take_request", "IntakeView.take_message", "PublicFormView.send"),
    "PreferenceView.one_click",
    "TextReportView.take",
}
pytestmark = pytest.mark.once
FORGED: list[dict[str, Any]] = [
    {"data": {"name": "x", "rowid": "1"}},
    {"data": '{"name": "x"}', "content_type": "text/plain"},
    {"json": {"name": "x", "csrf_token": "x"}},
]


@attack(60, "every change without the form's token, in every dress of a body")
def test_every_change_needs_the_token_of_the_form_in_every_dress(app: Flask, as_user: As, world: Any, session: Session):
    """Forms, plain texts that hold JSON, JSON: all that a page from elsewhere can send, to every changing address."""
    admin, wrong, tried = as_user("admin"), [], 0
    ids = {stem: record.id for stem, record in world.items()}
    with unchanged(session):
        for rule in rules(app):
            if rule.endpoint in WITHOUT_COOKIE:
                continue
            pk = str(ids.get(rule.rule.strip("/").removeprefix("api/v1/").partition("/")[0], 1))
            path = filled(rule, pk=pk, key="1")
            for method in sorted(rule.methods & {"POST", "PUT", "PATCH", "DELETE"}):
                for body in FORGED[: 3 if "/api/" in path else 1]:
                    answer = admin.client.open(path, method=method, headers={"Origin": "https://evil.example"}, **body)
                    told_nothing = path.endswith("/notice") and answer.json == {"alike": [], "known": []}
                    if answer.status_code != 400 and not told_nothing:
                        wrong.append(f"{method} {path}: {answer.status_code}")
                    tried += 1
    assert wrong == []
    assert tried > 500
    assert admin.get("/home/").status_code == 200


@attack(64, "a method hidden in a header or a field")
def test_no_header_or_field_turns_a_reading_request_into_a_change(as_user: As, world: Any, session: Session):
    admin, key = as_user("admin"), world["party"].id
    token = admin.token("/profile/")
    with unchanged(session):
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            for method in ("DELETE", "PUT", "POST"):
                admin.get(f"/api/v1/party/{key}", headers={name: method, "X-CSRFToken": token})
                admin.get(f"/party/delete/{key}", headers={name: method, "X-CSRFToken": token})
        for query in ("_method=DELETE", "_method=POST", "method=delete", f"csrf_token={token}&name=x"):
            for path in (
                f"/party/edit/{key}",
                f"/party/delete/{key}",
                f"/party/{key}/archive",
                "/party/add",
                "/logout/",
            ):
                assert admin.get(f"{path}?{query}").status_code in {200, 405}, path
    assert admin.get("/home/").status_code == 200


@attack(65, "reading from another origin: preflight, framing, scripts")
def test_no_page_from_elsewhere_may_read_an_answer(app: Flask, as_user: As, visitor: Browser, made: Made):
    """No address lets another origin in, by preflight or by itself; none is framed, none answers as a script."""
    made.party("Tulpen")
    made.session.commit()
    admin = as_user("admin")
    paths = sorted(
        {filled(rule) for rule in rules(app) if "GET" in rule.methods and not rule.endpoint.endswith("static")}
    )
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
    for path in (*paths[::7], "/api/v1/party/", "/api/v1/party/1", "/lookup/party", "/find/results", "/home/"):
        for browser in (admin, visitor):
            answer = browser.client.options(path, headers=asking)
            plain = browser.get(path, headers={"Origin": "https://evil.example"}, buffered=True)
            for each in (answer, plain):
                assert [name for name in dict(each.headers) if name.lower().startswith("access-control")] == [], path
            assert plain.headers["X-Frame-Options"] in {"SAMEORIGIN", "DENY"}, path
    for wrapped in ("callback", "jsonp", "cb"):
        answer = admin.get(f"/api/v1/party/?{wrapped}=steal")
        assert (answer.mimetype, answer.text.startswith("steal")) == ("application/json", False)


@attack(66, "an audit that tells refused changes as done")
def test_a_change_that_was_refused_leaves_no_entry_that_it_was_done(as_user: As, world: Any, session: Session):
    """What is refused is not told as done; who looked is told."""
    key = world["party"].id
    office = as_user("office")
    before = session.query(FieldChange).filter(FieldChange.act.in_([Act.change, Act.delete, Act.rights])).count()
    office.client.post(f"/party/delete/{key}", data={})
    office.post(f"/party/delete/{key}")
    office.api("DELETE", f"/api/v1/party/{key}")
    after = session.query(FieldChange).filter(FieldChange.act.in_([Act.change, Act.delete, Act.rights])).count()
    assert after == before
    assert re.search("Delete", office.post(f"/party/delete/{key}").text)
