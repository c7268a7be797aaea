"""Keys for REST: shown once, in their owner's name, revocable."""

import re
from datetime import timedelta

from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import select

from app import clock
from app.services import api_key as api_keys


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
