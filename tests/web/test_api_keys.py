"""Keys for REST: shown once, in their owner's name, revocable."""

import re
from datetime import timedelta

from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import event, select

from app import clock
from app.services import api_key as api_keys
from tests.conftest import PASSWORD
from tests.factories import user


def call(visitor, key):
    return visitor.client.get("/api/v1/party/", headers={"Authorization": f"Bearer {key}"})


def test_a_key_is_made_in_the_settings_used_and_revoked(as_user, visitor, session, made):
    made.party("Mine", owner="manager")
    made.party("Theirs", owner="manager2")
    session.commit()
    manager = as_user("manager")
    page = manager.post("/profile/key", {"name": "Shop", "days": "30"}).text
    key = re.search(r"<code>(crm_[\w-]+)</code>", page)[1]
    assert [row["name"] for row in call(visitor, key).json["result"]] == ["Mine"]
    kept = session.execute(select(ApiKey)).unique().scalar_one()
    assert key not in (kept.key_hash, kept.lookup_hash)
    assert key not in manager.get("/profile/").text, "a key is shown once"
    assert manager.post(f"/profile/key/{kept.id}/revoke").status_code == 302
    assert call(visitor, key).status_code == 401


def test_an_expired_key_a_wrong_key_and_a_locked_owner_are_refused(visitor, session, made):
    user = made.user("office")
    now = clock.now()
    old = api_keys.make(session, user, name="old", at=now - timedelta(days=2), lasts=timedelta(days=1))
    good = api_keys.make(session, user, name="good", at=now)
    session.commit()
    assert [call(visitor, key).status_code for key in (old, good + "x", good)] == [401, 401, 200]
    user.active = False
    session.commit()
    assert call(visitor, good).status_code == 401


def test_nobody_revokes_the_key_of_another(as_user, session, made):
    api_keys.make(session, made.user("office"), name="office", at=clock.now())
    session.commit()
    key_id = session.execute(select(ApiKey.id)).scalar_one()
    assert as_user("manager").post(f"/profile/key/{key_id}/revoke").status_code == 404
    assert session.get(ApiKey, key_id).active is True


def test_a_changed_password_ends_the_keys_of_its_owner_and_nobody_elses(as_user, visitor, session, made):
    now = clock.now()
    mine = [api_keys.make(session, made.user("marketer"), name=name, at=now) for name in ("shop", "mail")]
    other = api_keys.make(session, made.user("office"), name="office", at=now)
    session.commit()
    marketer = as_user("marketer")
    page = marketer.post("/profile/password", {"old": PASSWORD, "new": "another fine password"}, follow_redirects=True)
    assert "your keys are revoked" in page.text
    assert [call(visitor, key).status_code for key in (*mine, other)] == [401, 401, 200]
    kept = session.execute(select(ApiKey.active, ApiKey.revoked_on.is_not(None)).order_by(ApiKey.id)).all()
    assert [tuple(row) for row in kept] == [(False, True), (False, True), (True, False)]


def test_a_refused_password_ends_nothing(as_user, visitor, session, made):
    key = api_keys.make(session, made.user("marketer"), name="shop", at=clock.now())
    session.commit()
    assert as_user("marketer").post("/profile/password", {"old": PASSWORD, "new": "short"}).status_code == 422
    assert call(visitor, key).status_code == 200


def test_a_password_given_by_an_administrator_ends_keys_and_sign_ins(as_user, visitor, session, made):
    user = made.user("marketer")
    key = api_keys.make(session, user, name="shop", at=clock.now())
    session.commit()
    marketer, admin = as_user("marketer"), as_user("admin")
    form = {"username": "marketer", "first_name": "Max", "last_name": "Marketer", "email": "marketer@example.org"}
    about = {"active": "y", "roles": str(user.roles[0].id), "language": "en", "time_zone": "UTC"}
    assert admin.post(f"/user/edit/{user.id}", form | about | {"record_version": "1"}).status_code == 302
    assert (call(visitor, key).status_code, marketer.get("/home/").status_code) == (200, 200)
    answer = admin.post(
        f"/user/edit/{user.id}", form | about | {"record_version": "1", "password": "quite another one"}
    )
    assert answer.status_code == 302
    assert (call(visitor, key).status_code, marketer.get("/home/").status_code) == (401, 302)


def test_a_password_is_changed_in_one_transaction(app, as_user, session):
    """What ends with it and the password itself are stored together or not at all."""
    marketer = as_user("marketer")
    commits = []
    watched = app.extensions["sqlalchemy"].session.session_factory.class_

    def note(_session):
        commits.append(1)

    event.listen(watched, "after_commit", note)
    try:
        marketer.token("/profile/")
        commits.clear()
        with app.test_request_context(), app.app_context():
            app.appbuilder.sm.reset_password(user(session, "marketer").id, "another fine password")
    finally:
        event.remove(watched, "after_commit", note)
    assert len(commits) == 1
