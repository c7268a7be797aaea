"""Erasing one of our own people: who has left loses name and address, what he did stays and is proved."""

from datetime import UTC, datetime

import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select, text

from app.errors import DomainError
from app.models.history import FieldChange
from app.models.saved_view import SavedView
from app.models.second_factor import RememberedDevice
from app.models.sign_in import LoginAttempt
from app.roles import Scope
from app.services import access, audit_seal, audit_verify, user_erase
from app.services.verify import Report

AT = datetime(2026, 4, 2, 12, tzinfo=UTC)


@pytest.fixture
def leaver(session, made) -> User:
    """Return a locked account with a party that is archived and things of its own."""
    user = made.user("manager2")
    session.add(SavedView(user_id=user.id, entity="party", name="Mine", query="q=x"))
    session.add(LoginAttempt(address="192.0.2.1", username=user.username))
    user.first_name = "Brumkadel"
    session.flush()
    user.first_name = "Zoltan"
    user.active = False
    session.flush()
    return user


def test_an_erased_colleague_keeps_his_number_and_nothing_else(session, leaver):
    key, was = leaver.id, leaver.username
    user_erase.erase(session, leaver, at=AT)
    session.flush()
    session.expire_all()
    assert (leaver.username, leaver.email) == (f"former-{key}", f"former-{key}@invalid.example")
    assert (f"{leaver.first_name} {leaver.last_name}", leaver.password, leaver.roles, leaver.active) == (
        f"Former colleague #{key}", None, [], False,
    )  # fmt: skip
    for entity in (SavedView, RememberedDevice):
        assert session.scalars(select(entity).where(entity.user_id == key)).all() == []
    assert session.scalars(select(LoginAttempt).where(LoginAttempt.username == was)).all() == []
    of_account = select(FieldChange).where(FieldChange.entity == "user", FieldChange.record_id == key)
    told = session.scalars(of_account.order_by(FieldChange.id)).all()
    assert [each for each in told if "Brumkadel" in str(each.changes) or "Zoltan" in str(each.changes)] == []
    assert told[-1].act == "erase"
    assert user_erase.erased(session) == {key}
    with pytest.raises(DomainError, match="erased already"):
        user_erase.erase(session, leaver, at=AT)


def test_the_chain_of_the_audit_still_holds(session, leaver):
    key = bytes(range(32))
    audit_seal.seal(session, key=key, at=AT)
    user_erase.erase(session, leaver, at=AT)
    session.flush()
    report = Report()
    audit_verify.verify(session, key=key, at=AT, report=report)
    assert report.problems == []


@pytest.mark.parametrize(
    ("change", "why"),
    [("active", "Lock the account first"), ("owns", "Still responsible for open records"), ("own", "erases himself")],
)
def test_who_has_not_left_is_not_erased(session, made, leaver, change, why):
    if change == "active":
        leaver.active = True
    if change == "owns":
        made.party("Tulip", owner="manager2")
    if change == "own":
        access.act_as(session, access.Actor(leaver.id, "manager2", Scope.all))
    session.flush()
    with pytest.raises(DomainError, match=why):
        user_erase.erase(session, leaver, at=AT)
    stored = session.execute(text("SELECT username FROM ab_user WHERE id = :id"), {"id": leaver.id}).scalar()
    assert (stored, leaver.first_name) == ("manager2", "Zoltan")
