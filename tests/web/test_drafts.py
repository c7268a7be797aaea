"""Nothing typed is lost when the session or the form's token has expired, and only the same user gets it back."""

import re

from sqlalchemy import delete, select, update

from app import clock
from app.models.form_draft import FormDraft
from app.models.party import Party
from app.models.sign_in import SignIn
from tests.attack import attack

FORM = {"name": "Tulpen", "kind": "company", "country": "NL", "language": "nl", "note": "typed for an hour"}


def opened(browser, path="/party/add"):
    page = browser.get(path).text
    return {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("csrf_token", "form_owner")}


def test_a_revoked_session_keeps_the_form_and_gives_it_back_after_sign_in(as_user, session):
    office = as_user("office")
    form = FORM | opened(office)
    session.execute(update(SignIn).values(revoked_at=clock.now()))
    session.commit()
    answer = office.client.post("/party/add", data=form)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login/?next=%2Fparty%2Fadd%3Fdraft%3D")
    assert session.execute(select(Party)).all() == []
    token = office.token()
    signed_in = office.client.post(
        answer.headers["Location"],
        data={"username": "office", "password": "correct horse battery", "csrf_token": token},
    )
    page = office.get(signed_in.headers["Location"]).text
    assert "typed for an hour" in page
    assert 'value="Tulpen"' in page


def test_an_expired_token_with_a_living_session_gives_the_form_back_at_once(as_user, session):
    office = as_user("office")
    form = FORM | opened(office) | {"csrf_token": "expired"}
    answer = office.client.post("/party/add", data=form)
    assert answer.status_code == 303
    assert "typed for an hour" in office.get(answer.headers["Location"]).text
    assert office.post("/party/add", FORM).status_code == 302
    assert session.execute(select(FormDraft)).all() == [], "a stored form needs no draft"


@attack(95, "a kept form of another")
def test_nobody_else_gets_the_form(as_user, session):
    office = as_user("office")
    form = FORM | opened(office)
    session.execute(delete(SignIn))
    session.commit()
    back = office.client.post("/party/add", data=form).headers["Location"]
    key = re.search(r"draft%3D([\w-]+)", back)[1]
    page = as_user("accountant").get(f"/party/add?draft={key}").text
    assert "typed for an hour" not in page


def test_without_a_valid_mark_nothing_is_kept(visitor, session):
    answer = visitor.client.post("/party/add", data=FORM | {"form_owner": "forged.mark"})
    assert answer.status_code == 400
    assert session.execute(select(FormDraft)).all() == []
