"""Links by which a password is chosen: random, kept as hashes, one at a time, for an hour, once."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from werkzeug.security import check_password_hash

from app.errors import DomainError, NotFound
from app.models.password import PasswordLink
from app.models.sign_in import LoginAttempt, SignIn
from app.outbox import Outbox
from app.services import lockout
from app.services import password_link as links
from app.services import sign_in as sign_ins
from app.services import user as users
from tests.attack import attack
from tests.conftest import PASSWORD
from tests.mail import office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
GOOD = "kade mist orgel"


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


def jobs(session):
    return (
        session.execute(select(Outbox.payload).where(Outbox.topic == links.TOPIC).order_by(Outbox.id)).scalars().all()
    )


def test_asking_writes_the_typed_address_into_a_job_and_looks_nothing_up(made, session):
    made.organisation(email="office@grachten.example", series=False)
    session.flush()
    links.ask(session, email="marketer@example.org")
    links.ask(session, email="nobody.at.all@example.org")
    assert jobs(session) == [{"email": "marketer@example.org"}, {"email": "nobody.at.all@example.org"}]
    assert session.scalars(select(PasswordLink)).all() == []


def test_a_job_finds_the_active_account_alone(made, session):
    made.organisation(email="office@grachten.example", series=False)
    user = made.user("marketer")
    assert links.recipient(session, {"email": "marketer@example.org"}) is user
    assert links.recipient(session, {"user_id": user.id}) is user
    assert links.recipient(session, {"email": "nobody.at.all@example.org"}) is None
    assert links.recipient(session, {}) is None
    user.active = False
    session.flush()
    assert links.recipient(session, {"email": "marketer@example.org"}) is None
    with pytest.raises(DomainError, match="locked"):
        links.send_to(session, user)
    assert jobs(session) == []


def test_without_a_sender_nothing_is_asked_for(session):
    assert (
        links.problem(session) == "A letter needs a sender: give your company an e-mail address, or set CRM_MAIL_FROM"
    )
    with pytest.raises(DomainError):
        links.ask(session, email="marketer@example.org")
    assert jobs(session) == []


def test_the_letter_brings_the_only_copy_of_the_link(made, session):
    made.organisation(email="office@grachten.example", series=False)
    user = made.user("marketer")
    user.profile.language = "nl"
    letter = links.write(session, user, public_url="https://crm.example.org", at=NOON)
    (address,) = re.findall(r"https://crm\.example\.org/password/link/(\S+)", letter.body)
    (row,) = session.scalars(select(PasswordLink)).all()
    assert len(address) == 43
    assert row.token_hash == hashlib.sha256(address.encode()).hexdigest()
    assert (row.user_id, row.made_at, row.ends_at, row.ended_at) == (user.id, NOON, NOON + HOUR, None)
    assert (letter.from_address, letter.to_address) == ("office@grachten.example", "marketer@example.org")
    assert (letter.to_name, letter.language) == ("Max Marketer", "nl")


def test_a_name_that_cannot_stand_in_a_head_stands_nowhere(made, session):
    made.organisation(email="office@grachten.example", series=False)
    user = made.user("marketer")
    user.last_name = "=?utf-8?q?hello=0A?="
    assert links.write(session, user, public_url="https://crm.example.org", at=NOON).to_name is None


def test_a_link_sets_the_password_once_and_ends_every_sign_in(made, session):
    user = made.user("marketer")
    user.profile.must_change_password = True
    key = sign_ins.begin(session, user, kind="browser", address="10.0.0.1", agent="", at=NOON, lasts=HOUR).key
    lockout.begin(session, lockout.Try(name="marketer", address="10.0.0.1"), at=NOON)
    token = links.make(session, user, at=NOON)
    assert users.choose_by_link(session, token, GOOD, at=NOON + HOUR - SECOND) is user
    assert check_password_hash(user.password, GOOD)
    assert user.profile.must_change_password is False
    session.expire_all()
    assert session.get_one(SignIn, key).revoked_at is not None
    assert session.scalars(select(LoginAttempt.forgiven_at)).one() is not None
    for word in (GOOD, "another kade mist orgel"):
        with pytest.raises(NotFound):
            users.choose_by_link(session, token, word, at=NOON + HOUR - SECOND)
    assert check_password_hash(user.password, GOOD)


def test_a_bad_password_leaves_the_link_as_it_is(made, session):
    user = made.user("marketer")
    token = links.make(session, user, at=NOON)
    for word in ("short", "password1234", PASSWORD):
        with pytest.raises(DomainError), session.begin_nested():
            users.choose_by_link(session, token, word, at=NOON)
    assert check_password_hash(user.password, PASSWORD)
    assert users.choose_by_link(session, token, GOOD, at=NOON) is user


@attack(78, "a link for a new password after an hour")
@pytest.mark.parametrize("later", [HOUR, 2 * HOUR])
def test_a_link_ends_after_an_hour(made, session, later):
    token = links.make(session, made.user("marketer"), at=NOON)
    with pytest.raises(NotFound):
        users.choose_by_link(session, token, GOOD, at=NOON + later)
    assert check_password_hash(made.user("marketer").password, PASSWORD)


@attack(79, "an older link for a new password")
def test_a_new_link_ends_the_ones_before_and_nobody_elses(made, session):
    first, other = (
        links.make(session, made.user("marketer"), at=NOON),
        links.make(session, made.user("office"), at=NOON),
    )
    second = links.make(session, made.user("marketer"), at=NOON)
    assert len({first, second, other}) == 3
    with pytest.raises(NotFound):
        links.find(session, first, at=NOON)
    assert links.find(session, second, at=NOON).user.username == "marketer"
    assert links.find(session, other, at=NOON).user.username == "office"


def test_the_link_of_a_locked_account_and_a_changed_password_opens_nothing(made, session):
    locked, changed = made.user("marketer"), made.user("office")
    tokens = [links.make(session, user, at=NOON) for user in (locked, changed)]
    locked.active = False
    session.flush()
    users.reset_password(session, changed, GOOD, at=NOON)
    for token in (*tokens, "", "x", hashlib.sha256(tokens[0].encode()).hexdigest()):
        with pytest.raises(NotFound):
            links.find(session, token, at=NOON)
