"""What a good password is, which ones are not chosen again, and when another is due."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from werkzeug.security import check_password_hash

from app.errors import DomainError, PasswordDue
from app.models.password import OldPassword
from app.services import api_key as api_keys
from app.services import password as passwords
from app.services import user as users
from app.services.password import Policy
from tests.conftest import PASSWORD

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TAKE = "Take three or four words that do not belong together."
NAMES = f"This is guessed quickly: it contains your name, your address or the company's name. {TAKE}"


@pytest.fixture
def ask_for():
    """Ask more of passwords than is usual, for one test."""
    before = passwords.use(Policy)
    passwords.use(before)

    def ask(**policy):
        passwords.use(lambda: Policy(**policy))

    yield ask
    passwords.use(before)


def refused(session, user, password):
    before = (user.password, session.scalar(select(func.count()).select_from(OldPassword)))
    with pytest.raises(DomainError) as refusal:
        users.reset_password(session, user, password, at=NOON)
    assert refusal.value.field == "password"
    assert (user.password, session.scalar(select(func.count()).select_from(OldPassword))) == before
    return refusal.value.text


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "A password has at least 12 characters"),
        ("short", "A password has at least 12 characters"),
        ("elevenchars", "A password has at least 12 characters"),
        ("x" * 129, "A password has at most 128 characters"),
        ("password1234", f"This is guessed quickly: it contains a password that many people have. {TAKE}"),
        ("aaaaaaaaaaaaaaaa", f"This is guessed quickly: it repeats itself. {TAKE}"),
        ("abcabcabcabcabc", f"This is guessed quickly: it repeats itself. {TAKE}"),
        ("abcdefghijklmnop", f"This is guessed quickly: it contains a sequence such as “abc” or “6543”. {TAKE}"),
        ("31.12.19841984", f"This is guessed quickly: it contains a date or a year. {TAKE}"),
        ("Max Marketer", NAMES),
        ("marketer@example.org", NAMES),
        ("Max Marketer 2026!", NAMES),
        ("Countinghouse1", NAMES),
        ("Mandelbroodje2026", NAMES),
        ("йцукенгшщзхъ", f"This is guessed quickly: its keys lie side by side. {TAKE}"),
        ("парольпароль", f"This is guessed quickly: it repeats itself. {TAKE}"),
    ],
)  # fmt: skip
def test_what_is_guessed_is_refused_with_the_reason(made, session, password, why):
    made.organisation("Mandelbroodje B.V.", series=False)
    assert refused(session, made.user("marketer"), password) == why


@pytest.mark.parametrize(
    "password",
    [
        *("correct horse battery staple", "kade mist orgel trap", "Marketer van lampen en wolken", "x7#Vq!m2Lp@z"),
        *("чайник облако верста", "Ծիրան ու կամուրջ 7", "q" + "Zr4" * 3 + "kade mist orgel" * 7),
    ],
)  # fmt: skip
def test_what_is_not_guessed_is_taken_in_any_script(made, session, password):
    user = made.user("marketer")
    users.reset_password(session, user, password, at=NOON)
    assert check_password_hash(user.password, password)
    assert user.password.startswith("scrypt:")
    assert (user.profile.password_set_at, user.profile.must_change_password) == (NOON, False)


def test_the_last_five_are_not_chosen_again(made, session):
    user = made.user("marketer")
    words = ["kade mist orgel", "trap wolk anker", "lamp steen veer", "boot glas merel", "zand kroon fluit"]
    for number, word in enumerate(words):
        users.reset_password(session, user, word, at=NOON + number * DAY)
    for word in words:
        assert refused(session, user, word) == "This is one of your last 5 passwords: choose a new one"
    users.reset_password(session, user, PASSWORD, at=NOON)  # the sixth before
    users.reset_password(session, user, words[0], at=NOON)
    kept = session.execute(select(OldPassword.hash).where(OldPassword.user_id == user.id)).scalars().all()
    assert len(kept) == 4
    assert refused(session, made.user("office"), PASSWORD) == "This is one of your last 5 passwords: choose a new one"
    users.reset_password(session, made.user("office"), words[4], at=NOON)  # what another has is no matter


def test_a_company_may_ask_for_more(made, session, ask_for):
    ask_for(least=20)
    user = made.user("marketer")
    assert refused(session, user, "kade mist orgel 9") == "A password has at least 20 characters"
    users.reset_password(session, user, "kade mist orgel trap wolk", at=NOON)
    assert len(passwords.generate()) >= 20


def test_made_passwords_are_good_and_differ(session, made):
    made_ones = {passwords.generate() for _number in range(20)}
    assert len(made_ones) == 20
    for password in made_ones:
        passwords.require_good(session, made.user("marketer"), password)


def test_accounts_of_the_demo_alone_may_have_a_weak_one(session):
    about = {"first_name": "D", "last_name": "E", "email": "demo@example.org", "roles": ["Marketer"]}
    with pytest.raises(DomainError) as refusal, session.begin_nested():
        users.make(session, username="demo", password="demo", **about)
    assert refusal.value.field == "password"
    assert check_password_hash(
        users.make(session, username="demo", password="demo", trusted=True, **about).password, "demo"
    )


def test_a_new_password_ends_keys_and_says_when_it_was_set(made, session):
    user = made.user("marketer")
    key = api_keys.make(session, user, name="shop", scopes=["*.see"], at=NOON)
    users.reset_password(session, user, "kade mist orgel", at=NOON, must_change=True)
    assert api_keys.owner(session, key, at=NOON) is None
    assert passwords.is_due(user)
    with pytest.raises(PasswordDue):
        passwords.require_chosen(user)


def test_an_old_password_is_due_at_sign_in_if_the_company_wants_it(made, session, ask_for):
    user = made.user("marketer")
    users.reset_password(session, user, "kade mist orgel", at=NOON)
    passwords.note_age(user, at=NOON + 4000 * DAY)
    assert not passwords.is_due(user)
    ask_for(days=90)
    passwords.note_age(user, at=NOON + 90 * DAY - timedelta(seconds=1))
    assert not passwords.is_due(user)
    passwords.note_age(user, at=NOON + 90 * DAY)
    assert passwords.is_due(user)


def test_a_password_of_unknown_age_begins_to_age_at_the_next_sign_in(made, session, ask_for):
    user = made.user("office")
    ask_for(days=90)
    user.profile.password_set_at = None
    passwords.note_age(user, at=NOON)
    assert (passwords.is_due(user), user.profile.password_set_at) == (False, NOON)
