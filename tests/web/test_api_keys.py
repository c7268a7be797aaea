"""Keys for REST: shown once, in their owner's name, as far as their scopes go, revocable, with an end."""

import json
import re
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask_appbuilder.api import BaseApi
from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app import clock
from app.models.api_key import ApiKeyNote
from app.models.notification import Notification, NotificationKind
from app.models.party import Party
from app.services import api_key as api_keys
from app.services import key_notice, key_scope
from app.services.key_scope import kind_of
from tests.attack import attack
from tests.conftest import PASSWORD
from tests.factories import user
from tests.web.test_registry import filled, guard_of, rules

READS = ["*.see"]


def call(visitor: Any, key: str, path: str = "/api/v1/party/", method: str = "GET", **options: Any) -> Any:
    return visitor.client.open(path, method=method, headers={"Authorization": f"Bearer {key}"}, **options)


def make(session: Session, person: str = "office", scopes: Any = READS, /, **about: Any) -> str:
    given = {"name": "shop", "at": clock.now()} | about
    key = api_keys.make(session, user(session, person), scopes=scopes, **given)
    session.commit()
    return key


def secret_of(page: str) -> str:
    found = re.search(r"<code>(crm_[\w-]+)</code>", page)
    assert found
    return found[1]


# --- making, using, ending --------------------------------------------------------------------------------------------


@attack(93, "a key after it was revoked")
def test_a_key_is_made_in_the_settings_used_and_revoked(as_user, visitor, session, made):
    made.party("Mine", owner="manager")
    made.party("Theirs", owner="manager2")
    session.commit()
    manager = as_user("manager")
    key = secret_of(manager.post("/key/add", {"name": "Shop", "lasts": "30", "scope": "party.see"}).text)
    assert [row["name"] for row in call(visitor, key).json["result"]] == ["Mine"]
    kept = session.execute(select(ApiKey)).unique().scalar_one()
    assert key not in (kept.key_hash, kept.lookup_hash)
    assert (kept.scopes, kept.expires_on - kept.created_on) == ("party.see", timedelta(days=30))
    page = manager.get("/key/list/").text
    assert key not in page, "a key is shown once"
    assert "Parties: See" in page
    assert manager.post(f"/key/{kept.id}/revoke").status_code == 302
    assert call(visitor, key).status_code == 401


@attack(40, "a key with scopes that its owner does not have")
@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": " ", "scope": "party.see"}, "Give the key a name"),
        ({"name": "Shop"}, "Choose what the key may do"),
        ({"name": "Shop", "scope": "party.see", "lasts": "4000"}, "Choose one of the values that are offered"),
        ({"name": "Shop", "scope": "party.see", "lasts": "never"}, "Only a key of an administrator"),
        ({"name": "Shop", "scope": "user.see"}, "Choose one of the values that are offered"),
        ({"name": "Shop", "scope": "invoice.write"}, "Choose one of the values that are offered"),
        ({"name": "Shop", "scope": "party.see *.write"}, "Choose one of the values that are offered"),
    ],
    ids=["no name", "no scope", "too long", "never", "unknown area", "not his right", "smuggled"],
)
def test_a_key_that_cannot_be_is_refused_at_its_field_and_not_made(as_user, session, form, said):
    answer = as_user("manager").post("/key/add", form)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{form["name"]}"' in answer.text
    assert session.scalar(select(func.count()).select_from(ApiKey)) == 0


def test_only_an_administrator_makes_a_key_without_an_end(as_user, visitor, session):
    key = secret_of(as_user("admin").post("/key/add", {"name": "Mail", "lasts": "never", "scope": "*.see"}).text)
    assert session.scalar(select(ApiKey.expires_on)) is None
    assert call(visitor, key).status_code == 200


def test_an_expired_key_a_wrong_key_and_a_locked_owner_are_refused(visitor, session, made):
    old = make(session, at=clock.now() - timedelta(days=2), lasts=timedelta(days=1))
    good = make(session)
    assert [call(visitor, key).status_code for key in (old, good + "x", good)] == [401, 401, 200]
    made.user("office").active = False
    session.commit()
    assert call(visitor, good).status_code == 401


def test_when_and_from_where_a_key_was_used_is_written_once_a_minute(visitor, session, statements):
    key = make(session)
    assert call(visitor, key, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200
    kept = session.execute(select(ApiKey)).unique().scalar_one()
    session.refresh(kept)
    first = kept.last_used_on
    assert clock.now().replace(tzinfo=None) - first < timedelta(seconds=30)
    assert session.scalar(select(ApiKeyNote.address)) == "192.0.2.7"
    statements.clear()
    assert call(visitor, key, environ_overrides={"REMOTE_ADDR": "192.0.2.8"}).status_code == 200
    assert [each for each in statements if not each.startswith("SELECT")] == []
    kept.last_used_on = first - timedelta(minutes=2)
    session.commit()
    assert call(visitor, key, environ_overrides={"REMOTE_ADDR": "192.0.2.8"}).status_code == 200
    session.expire_all()
    assert kept.last_used_on >= first
    assert session.scalar(select(ApiKeyNote.address)) == "192.0.2.8"


def test_a_key_of_before_there_were_notes_is_used_too(visitor, session):
    key = make(session)
    session.execute(ApiKeyNote.__table__.delete())
    session.commit()
    assert call(visitor, key).status_code == 200
    assert session.scalar(select(ApiKeyNote.address)) == "127.0.0.1"


# --- guarded fields ---------------------------------------------------------------------------------------------------


PERSONAL = {"email": "shop@example.org", "phone": "+31205551234"}


def test_a_key_has_guarded_fields_only_where_a_scope_names_them(visitor, session, made):
    party = made.party("Tulpen", **PERSONAL, credit_limit=Decimal(500))
    session.commit()
    path = f"/api/v1/party/{party.id}"
    every = make(session, "office", ["*.see", "*.write", "*.act"])
    some = make(session, "office", ["party.write", "party.personal.see"])
    both = make(session, "office", ["party.write", "party.personal.write"])
    assert {"email", "phone", "credit_limit"} & call(visitor, every, path).json["result"].keys() == set()
    for key in (some, both):
        shown = call(visitor, key, path).json["result"]
        assert ({name: shown[name] for name in PERSONAL}, "credit_limit" in shown) == (PERSONAL, False)
    for key in (every, some):
        for method, where in (("PUT", path), ("POST", "/api/v1/party/")):
            answer = call(visitor, key, where, method, json={"name": "New", "country": "NL", "email": "x@example.org"})
            assert (answer.status_code, list(answer.json["message"])) == (422, ["email"])
    asked = quote(json.dumps({"filters": [{"col": "email", "opr": "ct", "value": "shop"}]}))
    assert call(visitor, every, f"/api/v1/party/?q={asked}").status_code == 400
    assert call(visitor, every, "/api/v1/party/?search=shop@example").json["count"] == 0
    assert call(visitor, some, "/api/v1/party/?search=shop@example").json["count"] == 1
    session.expire_all()
    assert [(one.name, one.email) for one in session.scalars(select(Party))] == [("Tulpen", "shop@example.org")]
    assert call(visitor, both, path, "PUT", json={"email": "new@example.org"}).status_code == 200
    session.expire_all()
    assert session.get(Party, party.id).email == "new@example.org"


def test_a_key_of_an_administrator_names_guarded_fields_too(visitor, session, made):
    product = made.product(cost_price=Decimal(4))
    session.commit()
    path = f"/api/v1/product/{product.id}"
    assert "cost_price" not in call(visitor, make(session, "admin"), path).json["result"]
    named = make(session, "admin", ["product.see", "product.cost_price.see"])
    assert call(visitor, named, path).json["result"]["cost_price"] == "4"


def test_guarded_fields_are_offered_to_whom_they_are_open(as_user, session):
    manager = as_user("manager")
    page = manager.get("/key/add").text
    offered = set(re.findall(r'value="(party\.\w+\.\w+)"', page))
    assert offered == {"party.personal.see", "party.personal.write", "party.credit_limit.see", "party.price_list.see"}
    answer = manager.post("/key/add", {"name": "Shop", "scope": "party.bank_account.see"})
    assert (answer.status_code, session.scalar(select(func.count()).select_from(ApiKey))) == (422, 0)
    assert manager.post("/key/add", {"name": "Shop", "scope": "party.personal.write"}).status_code == 200
    assert session.scalar(select(ApiKey.scopes)) == "party.personal.see party.personal.write"
    assert "Parties: personal data" in manager.get("/key/list/").text


# --- rotating ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "status"), [("later", 200), ("now", 401)])
def test_a_new_secret_takes_the_place_of_the_old_one_at_once_or_in_a_day(as_user, visitor, session, old, status):
    first = make(session, "marketer", ["party.see"], lasts=timedelta(days=30))
    kept = session.execute(select(ApiKey)).unique().scalar_one()
    marketer = as_user("marketer")
    second = secret_of(marketer.post(f"/key/{kept.id}/rotate", {"old": old}).text)
    assert [call(visitor, key).status_code for key in (first, second)] == [status, 200]
    session.expire_all()
    new = session.execute(select(ApiKey).where(ApiKey.id != kept.id)).unique().scalar_one()
    assert (new.name, new.scopes, new.user_id) == (kept.name, "party.see", kept.user_id)
    assert new.expires_on - new.created_on == timedelta(days=30)
    if old == "later":
        assert timedelta(hours=23, minutes=59) < kept.expires_on - new.created_on <= timedelta(hours=24)
    answer = marketer.post(f"/key/{kept.id}/rotate", {"old": "later"}, follow_redirects=True)
    assert "has ended or was replaced" in answer.text
    assert session.scalar(select(func.count()).select_from(ApiKey)) == 2


def test_a_key_that_ends_within_the_day_does_not_live_longer_by_rotating(session):
    make(session, lasts=timedelta(hours=2))
    kept = session.execute(select(ApiKey)).unique().scalar_one()
    ends = kept.expires_on
    api_keys.rotate(session, kept.id, user_id=kept.user_id, at=clock.now(), at_once=False)
    assert kept.expires_on == ends


def test_nobody_rotates_or_revokes_the_key_of_another(as_user, visitor, session):
    key = make(session)
    key_id = session.execute(select(ApiKey.id)).scalar_one()
    manager = as_user("manager")
    assert manager.post(f"/key/{key_id}/revoke").status_code == 404
    assert manager.post(f"/key/{key_id}/rotate", {"old": "now"}).status_code == 404
    assert manager.post(f"/all_keys/{key_id}/revoke").status_code == 403
    assert manager.get("/all_keys/list/").status_code == 403
    assert manager.post(f"/key/{2**40}/revoke").status_code == 404
    assert call(visitor, key).status_code == 200
    assert session.scalar(select(func.count()).select_from(ApiKey)) == 1


def test_an_administrator_sees_and_ends_the_keys_of_all(as_user, visitor, session):
    key = make(session, "office", ["party.see", "order.write"])
    make(session, "marketer")
    assert call(visitor, key, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == 200
    admin = as_user("admin")
    page = admin.get("/all_keys/list/").text
    for text in ("Olga Office", "Max Marketer", "Parties: See", "Orders: See, Write", "Everything: See", "192.0.2.7"):
        assert text in page, text
    key_id = session.scalar(select(ApiKey.id).order_by(ApiKey.id))
    said = admin.post(f"/all_keys/{key_id}/revoke", follow_redirects=True).text
    assert "The key shop of Olga Office is revoked." in said
    assert call(visitor, key).status_code == 401
    session.expire_all()
    assert list(session.scalars(select(ApiKey.active).order_by(ApiKey.id))) == [False, True]


# --- notices ----------------------------------------------------------------------------------------------------------


def test_the_owner_is_told_fourteen_and_three_days_before_the_end_once_each(as_user, session):
    now = clock.now()
    make(session, "manager", name="Shop", at=now, lasts=timedelta(days=20))
    told = []
    for day in (0, 5, 6.5, 7, 16, 17.5, 18, 21):
        told.append(key_notice.tell(session, at=now + timedelta(days=day)))
        session.commit()
    assert told == [0, 0, 1, 0, 0, 1, 0, 0]
    kept = session.execute(select(Notification)).unique().scalar_one()
    assert (kept.kind, kept.made_at) == (NotificationKind.key_ends, now + timedelta(days=17.5))
    manager = as_user("manager")
    page = manager.get("/notification/list/").text
    assert "A key for REST ends soon" in page
    assert "Shop" in page
    opened = manager.post(f"/notification/{kept.id}/open")
    assert (opened.status_code, opened.headers["Location"]) == (302, "/key/list/")


def test_nobody_is_told_of_keys_that_are_revoked_replaced_or_last(session, made):
    now = clock.now()
    for name, days in (("revoked", 10), ("replaced", 10), ("far", 200)):
        make(session, "manager", name=name, at=now, lasts=timedelta(days=days))
    make(session, "admin", name="never", at=now, lasts=None)
    by_name = {key.name: key for key in session.execute(select(ApiKey)).unique().scalars()}
    api_keys.revoke(session, by_name["revoked"].id, user_id=None, at=now)
    key = by_name["replaced"]
    key.expires_on += timedelta(days=50)  # the follower lasts as long as this one did
    api_keys.rotate(session, key.id, user_id=key.user_id, at=now, at_once=False)
    assert key_notice.tell(session, at=now + timedelta(hours=1)) == 0
    assert session.scalar(select(func.count()).select_from(Notification)) == 0


# --- a changed password -----------------------------------------------------------------------------------------------


def test_a_changed_password_ends_the_keys_of_its_owner_and_nobody_elses(as_user, visitor, session, made):
    mine = [make(session, "marketer", name=name) for name in ("shop", "mail")]
    other = make(session)
    marketer = as_user("marketer")
    page = marketer.post("/profile/password", {"old": PASSWORD, "new": "another fine password"}, follow_redirects=True)
    assert "your keys are revoked" in page.text
    assert [call(visitor, key).status_code for key in (*mine, other)] == [401, 401, 200]
    kept = session.execute(select(ApiKey.active, ApiKey.revoked_on.is_not(None)).order_by(ApiKey.id)).all()
    assert [tuple(row) for row in kept] == [(False, True), (False, True), (True, False)]


def test_a_refused_password_ends_nothing(as_user, visitor, session, made):
    key = make(session, "marketer")
    assert as_user("marketer").post("/profile/password", {"old": PASSWORD, "new": "short"}).status_code == 422
    assert call(visitor, key).status_code == 200


def test_a_password_given_by_an_administrator_ends_keys_and_sign_ins(as_user, visitor, session, made):
    user = made.user("marketer")
    key = make(session, "marketer")
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


# --- scopes -----------------------------------------------------------------------------------------------------------


def routes(app: Flask, *, rest: bool) -> list[tuple[str, str, tuple[str, str], str]]:
    """Return (method, address, right, kind of guard) of every guarded route, one per verb of a resource."""
    found = []
    for rule in rules(app):
        guard = guard_of(app, rule.endpoint)
        if guard is None or (guard.kind == "api") != rest:
            continue
        name = rule.endpoint.partition(".")[0]
        view = next(each for each in app.appbuilder.baseviews if type(each).__name__ == name)
        verbs = [each.name for each in view.verbs] if rest and "verb" in rule.arguments else [None]
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            for verb in verbs:
                right = (guard.right[0], verb or guard.right[1])
                more = {"verb": verb} if verb else {}
                found.append((method, filled(rule, pk="999999999", **more), right, guard.kind))
    return found


def answered(visitor: Any, key: str, method: str, path: str) -> tuple[int, Any]:
    body = {} if method == "GET" else {"json": {}}
    answer = call(visitor, key, path, method, **body)
    return answer.status_code, answer.get_json(silent=True)


@attack(41, "every route and method of REST without the scope")
@pytest.mark.parametrize(
    "name", ["manager", *(pytest.param(one, marks=pytest.mark.once) for one in ("admin", "accountant", "robot"))]
)
def test_every_route_and_method_of_rest_obeys_the_scopes(app, visitor, session, made, statements, name):
    """Without the scope 403 and nothing written; with just this scope what a key with all of them gets."""
    made.party("Mine", owner=name)
    session.commit()
    found = routes(app, rest=True)
    assert len(found) > 100
    areas = {right[0] for _method, _path, right, _kind in found}
    assert {"party", "invoice", "home", "deleted_record"} <= areas
    every = make(session, name, key_scope.ALL)
    scoped: dict[str, str] = {}
    for area in sorted(areas):
        for kind in key_scope.KINDS:
            scoped[f"{area}.{kind}"] = make(session, name, [f"{area}.{kind}"])
            others = {f"{each}.{one}" for each in areas for one in key_scope.KINDS} - {f"{area}.{kind}"}
            # a scope to write or act brings "see" along: whoever is to see nothing of an area gets nothing of it
            scoped[f"-{area}.{kind}"] = make(
                session, name, {one for one in others if kind != "see" or not one.startswith(f"{area}.")}
            )
    for key in [every, *scoped.values()]:  # the first use of a key is written down
        call(visitor, key)
    wrong, allowed = [], 0
    for method, path, (area, verb), _kind in found:
        scope = f"{area}.{kind_of(verb)}"
        statements.clear()
        without = answered(visitor, scoped[f"-{scope}"], method, path)
        if without[0] != 403:
            wrong.append(f"{method} {path} without {scope}: {without[0]}")
        changing = [s for s in statements if s.split(None, 1)[0] in {"INSERT", "UPDATE", "DELETE"}]
        assert changing == [], f"{method} {path}"
        due, got = answered(visitor, every, method, path), answered(visitor, scoped[scope], method, path)
        if path.endswith("/_info") and due[0] == got[0] == 200:  # it says which rights one has here
            assert got[1].pop("permissions") == [f"can_{verb}"] == due[1].pop("permissions")[:1]
        if got != due:
            wrong.append(f"{method} {path} with {scope}: {got}, not {due}")
        allowed += due[0] != 403
    assert not wrong, "\n".join(wrong)
    assert allowed >= {"admin": 100, "accountant": 50, "manager": 25, "robot": 25}[name]


@attack(42, "pages, files and exports with a key")
def test_pages_files_exports_and_lookups_take_no_key(app, visitor, session):
    """A key opens REST and nothing else, whatever its scopes: everywhere else its bearer is not signed in."""
    key = make(session, "admin", key_scope.ALL)
    call(visitor, key)
    wrong = []
    found = routes(app, rest=False)
    assert len(found) > 200
    for method, path, _right, _kind in found:
        answer = call(visitor, key, path, method)
        status = answer.status_code
        if path.endswith("/notice"):  # what a form asks while one types: without a session it is told nothing
            assert (status, answer.json) == (200, {"alike": [], "known": []}), path
        elif status not in {302, 400, 401, 404, 405}:
            wrong.append(f"{method} {path}: {status}")
        if status == 302:
            assert answer.headers["Location"].startswith("/login/"), path
    assert not wrong, "\n".join(wrong)


def test_a_key_has_never_more_than_its_owner(visitor, session, made):
    party = made.party("Mine", owner="manager")
    theirs = made.party("Theirs", owner="manager2")
    session.commit()
    key = make(session, "manager", key_scope.ALL)
    path = f"/api/v1/party/{party.id}"
    assert call(visitor, key, f"{path}/archive", "POST").status_code == 403, "his role does not archive"
    assert call(visitor, key, f"/api/v1/party/{theirs.id}").status_code == 404
    assert call(visitor, key, f"/api/v1/party/{theirs.id}", "PUT", json={"name": "X"}).status_code == 404
    assert call(visitor, key, path, "PUT", json={"name": "Changed"}).status_code == 200
    session.expire_all()
    assert session.get(Party, theirs.id).name == "Theirs"


def test_a_key_that_reads_writes_nothing(visitor, session, made):
    party = made.party("Mine", owner="manager")
    session.commit()
    key = make(session, "manager", READS)
    path = f"/api/v1/party/{party.id}"
    assert call(visitor, key, path).json["result"]["name"] == "Mine"
    for method, address, body in (
        ("PUT", path, {"name": "Changed"}),
        ("PUT", f"{path}/tags", {"tags": ["VIP"]}),
        ("POST", "/api/v1/party/", {"name": "New", "country": "NL"}),
        ("DELETE", path, None),
    ):
        assert call(visitor, key, address, method, json=body).status_code == 403, (method, address)
    session.expire_all()
    assert list(session.scalars(select(Party.name))) == ["Mine"]


def test_a_key_is_cut_by_its_scopes_in_the_browser_of_somebody_with_more_too(as_user, session):
    """What the cookie of the same request could do, the key that came with it may not."""
    key = make(session, "office", ["order.see"])
    admin = as_user("admin")
    assert admin.get("/api/v1/party/").status_code == 200
    assert call(admin, key).status_code == 403
    assert call(admin, key, "/api/v1/order/").status_code == 200


def test_a_key_without_scopes_in_the_database_may_nothing(visitor, session):
    key = make(session)
    for text in (None, "", "party", "party.everything", ".see"):
        session.execute(ApiKey.__table__.update().values(scopes=text))
        session.commit()
        assert call(visitor, key).status_code == 403, text


def test_the_kinds_of_scopes_are_see_write_and_act():
    text = key_scope.written(["party.write", "order.act"])
    assert text == "order.act order.see party.see party.write"
    found = key_scope.read(text)
    asked = [("party", "see"), ("party", "add"), ("party", "delete"), ("party", "archive"), ("order", "confirm")]
    assert [key_scope.allows(found, area, verb) for area, verb in asked] == [True, True, True, False, True]
    assert not key_scope.allows(found, "order", "change")
    assert not key_scope.allows(key_scope.read("*.see"), "party", "export")
    with pytest.raises(ValueError, match=r"party\.all"):
        key_scope.written(["party.all"])


def test_every_scope_of_the_form_is_one_of_a_resource(app, as_user):
    """An administrator is offered each area of REST, nobody one of which he may nothing."""
    of_rest = {
        str(view.class_permission_name)
        for view in app.appbuilder.baseviews
        if isinstance(view, BaseApi) and view.base_permissions
    }
    offered = re.compile(r'name="scope" value="(\w+)\.\w+"')
    seen = {name: set(offered.findall(as_user(name).get("/key/add").text)) for name in ("admin", "warehouse")}
    assert seen["admin"] == of_rest
    catalogue = {"product", "product_category", "unit", "tax", "payment_term", "organisation", "team"}
    assert seen["warehouse"] == {"home", "order", "delivery", "tag", "activity", "deleted_record"} | catalogue


def test_openapi_says_that_scopes_count(visitor, session):
    described = call(visitor, make(session), "/api/v1/_openapi").json
    scheme = described["components"]["securitySchemes"]["api_key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert "as far as its scopes go" in scheme["description"]
    refused = described["paths"]["/api/v1/party/"]["get"]["responses"]["403"]["description"]
    assert refused == "The right is missing, or the key has no scope for it"


def test_moments_of_keys_are_kept_in_utc(session):
    at = clock.now()
    make(session, at=at, lasts=timedelta(days=1))
    known = api_keys.known(session)[0]
    assert known.ends_at == at.astimezone(UTC) + timedelta(days=1)
