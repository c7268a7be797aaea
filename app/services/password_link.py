"""Links by which an account's owner chooses a password: asked for, mailed, used once.

Whoever asks learns nothing: the request only writes a job with the address that was typed, and the worker looks whose
it is. The worker also makes the link, when its letter leaves: nothing but the letter ever holds it.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.errors import DomainError, NotFound
from app.i18n import LANGUAGES, in_language
from app.i18n import gettext as _
from app.models.organisation import Organisation
from app.models.password import PasswordLink
from app.models.suppression import ContactChannel, ContactKind
from app.outbox import enqueue
from app.services import access, gate
from app.services import letter_office as offices
from app.services import letter_writing as writing
from app.services.gate import Answer

TOPIC = "password.link"
LASTS = timedelta(hours=1)
_BYTES = 32
_NAME_LENGTH = 250


@dataclass(frozen=True, kw_only=True)
class Letter:
    """The letter with a link: who gets it, from whom, and what it says."""

    message_id: str
    from_address: str
    to_address: str
    to_name: str | None
    subject: str
    body: str
    language: str
    passed: Answer


# --- asking -----------------------------------------------------------------------------------------------------------


def problem(session: Session) -> str | None:
    """Say why no link can be mailed, None when it can be tried."""
    try:
        _sender(session, offices.ready())
    except DomainError as refusal:
        return refusal.text
    return None


def ask(session: Session, *, email: str) -> None:
    """Let a link be mailed to whoever has this address, if anybody has; nothing is looked up here.

    Raises DomainError when no letter can be sent.
    """
    _sender(session, offices.ready())
    enqueue(session, TOPIC, email=email)


def send_to(session: Session, user: User) -> None:
    """Let a link be mailed to an account's owner. Raises DomainError when that cannot be."""
    _sender(session, offices.ready())
    require_usable(user)
    actor = access.current(session)
    enqueue(session, TOPIC, user_id=user.id, actor_id=actor.user_id if actor is not None else None)


def require_usable(user: User) -> None:
    """Raise DomainError for an account that nobody may sign in to."""
    if not user.active:
        raise DomainError(_("This account is locked: make it active first"))


# --- mailing ----------------------------------------------------------------------------------------------------------


def recipient(session: Session, asked: Mapping[str, Any]) -> User | None:
    """Return the active account that a job is about, None when there is none."""
    user_id, email = asked.get("user_id"), asked.get("email")
    if not user_id and not email:
        return None
    about = User.id == int(user_id) if user_id else User.email == str(email)
    wanted = select(User).where(about, User.active.is_(True)).order_by(User.id).limit(1)
    return session.execute(wanted).unique().scalars().first()


def write(session: Session, user: User, *, public_url: str, at: datetime) -> Letter:
    """Make a link that ends all earlier ones of the account, and the letter that brings it.

    Raises NotContactedError when the gate says no; nothing has changed then.
    """
    office = offices.ready()
    to = writing.plain_address(user.email)
    passed = gate.may_contact(session, None, ContactChannel.email, ContactKind.transactional, address=to, at=at)
    gate.refuse(session, passed, sender=TOPIC, at=at)
    sender = _sender(session, office)
    token = make(session, user, at=at)
    language = user.profile.language if user.profile is not None else ""
    language = language if language in LANGUAGES else "en"
    with in_language(language):
        said = [
            _("Hello %(name)s,", name=user.first_name or user.username),
            _("with this link you choose the password of your account “%(account)s”:", account=user.username),
            f"{public_url}/password/link/{token}",
            _("It works once, within an hour, and instead of all links before it."),
            _("If it has ended, ask for another: “Forgot your password?” on the sign-in page."),
            _("You did not ask for it? Then do nothing: your password stays as it is."),
        ]
        subject = _("Choose a password for Countinghouse")
    return Letter(
        message_id=writing.message_id(office, sender),
        from_address=sender,
        to_address=to,
        to_name=_name(user),
        subject=subject,
        body="\n\n".join(said),
        language=language,
        passed=passed,
    )


def make(session: Session, user: User, *, at: datetime) -> str:
    """Make a link, end all earlier ones of the account, and return the part that nobody can guess."""
    end_all(session, user.id, at=at)
    token = secrets.token_urlsafe(_BYTES)
    session.add(PasswordLink(user_id=user.id, token_hash=_digest(token), made_at=at, ends_at=at + LASTS))
    session.flush()
    return token


# --- using ------------------------------------------------------------------------------------------------------------


def find(session: Session, token: str, *, at: datetime) -> PasswordLink:
    """Return the live link of an active account. Raises NotFound for anything else."""
    wanted = (
        select(PasswordLink).join(User, User.id == PasswordLink.user_id).where(_live(token, at), User.active.is_(True))
    )
    found = session.execute(wanted).unique().scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def redeem(session: Session, token: str, *, at: datetime) -> User:
    """End a live link and return whose it is. Raises NotFound when there is none, or somebody was quicker."""
    link = find(session, token, at=at)
    ended = session.execute(
        update(PasswordLink).where(_live(token, at)).values(ended_at=at).execution_options(synchronize_session=False)
    )
    if ended.rowcount != 1:  # type: ignore[attr-defined]
        raise NotFound
    return link.user


def end_all(session: Session, user_id: int, *, at: datetime) -> None:
    """End every link of an account."""
    ending = update(PasswordLink).where(PasswordLink.user_id == user_id, PasswordLink.ended_at.is_(None))
    session.execute(ending.values(ended_at=at).execution_options(synchronize_session=False))


def _live(token: str, at: datetime) -> Any:  # noqa: ANN401 -- a condition
    return (PasswordLink.token_hash == _digest(token)) & PasswordLink.ended_at.is_(None) & (PasswordLink.ends_at > at)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _name(user: User) -> str | None:
    """Return a name that may stand in the head of a letter, None for one that may not."""
    try:
        return writing.head_line(f"{user.first_name or ''} {user.last_name or ''}", limit=_NAME_LENGTH) or None
    except DomainError:
        return None


def _sender(session: Session, office: offices.Office) -> str:
    """Return the address that a letter of the program itself comes from: the one of all letters, else a company's."""
    own = select(Organisation.email).where(Organisation.email.is_not(None), Organisation.email != "")
    address = office.sender or session.execute(own.order_by(Organisation.id).limit(1)).scalar()
    if not address:
        raise DomainError(_("A letter needs a sender: give your company an e-mail address, or set CRM_MAIL_FROM"))
    return writing.plain_address(address)
