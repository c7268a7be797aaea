"""Passwords: what a good one is, how it is kept, and when its owner must choose another.

Every place that sets a password comes through `set_password`. Services read no settings: the program that starts says
by `use` how long a password is and how old it gets.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from app.errors import DomainError, PasswordDue
from app.i18n import gettext as _
from app.models.organisation import Organisation
from app.models.password import OldPassword
from app.models.team import UserProfile

MOST = 128  # characters: hashing costs time
REMEMBERED = 5  # passwords that are not chosen again, the valid one among them
LEAST_SCORE = 3  # of 4: more than a hundred million guesses
LEAST_BESIDE = 2  # what is left without the names that a guesser knows: a million guesses
_JUDGED = 72  # characters that the judge reads; more than that make no password weaker
# Keys of the Russian layout: who types "йцукен" or "пароль" there gives away as much as by "qwerty" and "gfhjkm".
_KEYS = str.maketrans("йцукенгшщзхъфывапролджэячсмитьбюё", "qwertyuiop[]asdfghjkl;'zxcvbnm,.`")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What an installation asks of passwords: characters at least, and days after which a new one is due (0: never)."""

    least: int = 12
    days: int = 0


_provider: Callable[[], Policy] = Policy


def use(provider: Callable[[], Policy]) -> Callable[[], Policy]:
    """Choose who knows the settings, and return who was chosen before."""
    global _provider
    before, _provider = _provider, provider
    return before


def policy_of(settings: Mapping[str, Any]) -> Policy:
    """Return what an installation's settings ask of passwords."""
    return Policy(least=settings["CRM_PASSWORD_LENGTH"], days=settings["CRM_PASSWORD_DAYS"])


def hint() -> str:
    """Say what a good password is, for the field where one is chosen."""
    least = _provider().least
    return _("At least %(count)s characters. Three or four words that do not belong together are good.", count=least)


# --- choosing ---------------------------------------------------------------------------------------------------------


def set_password(
    session: Session,
    user: User,
    password: str,
    *,
    at: datetime | None,
    must_change: bool = False,
    trusted: bool = False,
) -> None:
    """Store a password's hash. `must_change`: its owner has not chosen it himself, and does so when he signs in.

    `trusted` takes any password, for accounts of the demo company only. Raises DomainError (`password`) for a bad one.
    """
    if not trusted:
        require_good(session, user, password)
    if user.password and user.id is not None and at is not None:
        session.add(OldPassword(user_id=user.id, hash=user.password, replaced_at=at))
        _forget_oldest(session, user.id)
    user.password = generate_password_hash(password, method="scrypt")
    if user.profile is None:
        user.profile = UserProfile()
    user.profile.password_set_at, user.profile.must_change_password = at, must_change


def require_good(session: Session, user: User, password: str) -> None:
    """Raise DomainError when a password is too short, too long, easily guessed, or one of the account's last ones."""
    least = _provider().least
    if len(password) < least:
        raise DomainError(_("A password has at least %(count)s characters", count=least), field="password")
    if len(password) > MOST:
        raise DomainError(_("A password has at most %(count)s characters", count=MOST), field="password")
    weak = weakness(password, _known_words(session, user))
    if weak is not None:
        raise DomainError(weak, field="password")
    if any(check_password_hash(kept, password) for kept in _last(session, user)):
        raise DomainError(
            _("This is one of your last %(count)s passwords: choose a new one", count=REMEMBERED), field="password"
        )


def generate() -> str:
    """Return a random password that is good."""
    while True:
        made = secrets.token_urlsafe(max(12, _provider().least))
        if weakness(made) is None:
            return made


def weakness(password: str, known: list[str] | None = None) -> str | None:
    """Say why a password is easily guessed, None when it is not; `known` are words that a guesser tries first."""
    words = known or []
    typed = password[:_JUDGED]
    beside = _without(typed, words)
    if beside != typed.casefold() and _judged(beside or "a", [])["score"] < LEAST_BESIDE:
        return f"{_names_in_it()} {_take()}"
    for keys in dict.fromkeys((typed, typed.lower().translate(_KEYS))):
        judged = _judged(keys, words)
        if judged["score"] < LEAST_SCORE:
            return f"{_reason(judged['sequence'])} {_take()}"
    return None


def _judged(text: str, words: list[str]) -> dict[str, Any]:
    """Return what the judge says: `score` from 0 to 4, and in `sequence` the parts that it has seen."""
    from zxcvbn import zxcvbn  # its lists of words take a while and 15 MB

    judged: dict[str, Any] = zxcvbn(text, user_inputs=words)
    return judged


def _without(typed: str, words: list[str]) -> str:
    """Return what stands in a password beside the words that a guesser knows of the account."""
    rest = typed.casefold()
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, " ")
    return rest if rest == typed.casefold() else " ".join(rest.split())


def _take() -> str:
    return _("Take three or four words that do not belong together.")


def _names_in_it() -> str:
    return _("This is guessed quickly: it contains your name, your address or the company's name.")


def _reason(found: list[dict[str, Any]]) -> str:
    """Return what makes a password weak: the longest part of it that a guesser knows."""
    known = [part for part in found if part["pattern"] != "bruteforce"]
    part = max(known, key=lambda one: len(one["token"]), default={"pattern": ""})
    if part["pattern"] == "dictionary":
        return {
            "user_inputs": _names_in_it(),
            "passwords": _("This is guessed quickly: it contains a password that many people have."),
        }.get(part["dictionary_name"], _("This is guessed quickly: it is little more than a known word or name."))
    return {
        "spatial": _("This is guessed quickly: its keys lie side by side."),
        "repeat": _("This is guessed quickly: it repeats itself."),
        "sequence": _("This is guessed quickly: it contains a sequence such as “abc” or “6543”."),
        "regex": _("This is guessed quickly: it contains a date or a year."),
        "date": _("This is guessed quickly: it contains a date or a year."),
    }.get(part["pattern"], _("This is guessed quickly: it is too simple."))


def _known_words(session: Session, user: User) -> list[str]:
    """Return what a guesser knows of an account: names, the address and its parts, the company, the program."""
    names = session.execute(select(Organisation.name, Organisation.legal_name)).all()
    texts = [user.username, user.first_name, user.last_name, user.email, "Countinghouse"]
    texts += [name for row in names for name in row]
    words = {word for text in texts if text for word in _parts(text)}
    return sorted(words)


def _parts(text: str) -> set[str]:
    """Return a text, its words, and both as the Russian layout types them."""
    whole = text.casefold()
    words = "".join(sign if sign.isalnum() else " " for sign in whole).split()
    found = {whole, "".join(words), *(word for word in words if len(word) > 2)}  # noqa: PLR2004 -- "BV" is no word
    return found | {word.translate(_KEYS) for word in found}


def _last(session: Session, user: User) -> list[str]:
    """Return the hashes of the passwords that are not chosen again, the valid one first."""
    if user.id is None:
        return []
    former = select(OldPassword.hash).where(OldPassword.user_id == user.id).order_by(OldPassword.id.desc())
    return [*filter(None, [user.password]), *session.execute(former.limit(REMEMBERED - 1)).scalars()]


def _forget_oldest(session: Session, user_id: int) -> None:
    session.flush()
    kept = select(OldPassword.id).where(OldPassword.user_id == user_id).order_by(OldPassword.id.desc())
    first = session.execute(kept.offset(REMEMBERED - 2).limit(1)).scalar()
    if first is not None:
        session.execute(delete(OldPassword).where(OldPassword.user_id == user_id, OldPassword.id < first))


# --- comparing --------------------------------------------------------------------------------------------------------


class Credentials(NamedTuple):
    """What a typed password is compared with."""

    user_id: int
    kept: str


def credentials(session: Session, name: str) -> Credentials | None:
    """Return the hash of the account that is signed in to by this user name or e-mail, None when there is none."""
    wanted = select(User.id, User.password, User.active).where(or_(User.username == name, User.email == name))
    found = session.execute(wanted.order_by(User.id).limit(1)).first()
    return Credentials(found.id, found.password) if found is not None and found.active and found.password else None


# --- when another is due ----------------------------------------------------------------------------------------------


def is_due(user: User) -> bool:
    """Say whether somebody must choose a new password before he may do anything else."""
    return user.profile is not None and bool(user.profile.must_change_password)


def require_chosen(user: User) -> None:
    """Raise PasswordDue for somebody who must choose a new password first."""
    if is_due(user):
        raise PasswordDue(_("Choose a new password first: sign in with a browser."))


def note_age(user: User, *, at: datetime) -> None:
    """Let somebody who signs in choose a new password when his is too old; one of unknown age begins to age now."""
    days, profile = _provider().days, user.profile
    if not days or profile is None:
        return
    if profile.password_set_at is None:
        profile.password_set_at = at
    elif profile.password_set_at + timedelta(days=days) <= at:
        profile.must_change_password = True
