"""Trying a mailing out: the letter of one recipient, sent to addresses of our own accounts. Nothing of it is counted.

It stands in no ledger of a mailing: a job brings it, once, and says why where it cannot. The job names accounts and
rows by their keys, and reads them when it runs, with the rights of whoever asked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotAllowed
from app.i18n import gettext as _
from app.models.contact_rule import ContactRule
from app.models.mail_template import MailingChannel, MailTemplate
from app.models.mailing import Mailing
from app.models.suppression import ContactChannel, ContactKind
from app.outbox import Outbox, enqueue
from app.services import access, bulk_user, gate, letter_office
from app.services import mail_server as mail_servers
from app.services import mail_template as templates
from app.services import mailing_frame as frames
from app.services import mailing_preview as previews
from app.services import organisation as organisations
from app.services.access import Actor
from app.services.bulk_user import Starter
from app.services.gate import Answer
from app.services.mailing_frame import Frame
from app.services.mailing_preview import Shown

TOPIC = "mailing.try"
MOST_AN_HOUR = 30  # letters that one person may ask for
MOST_AT_ONCE = 5
HOUR = timedelta(hours=1)
SUBJECT = "[Test]"
Tried = Mailing | MailTemplate | ContactRule


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A letter to try, as plain data; `passed` is the gate's answer of this moment."""

    frame: Frame
    language: str
    words: Mapping[str, str]
    passed: Answer


def ask(session: Session, record: Tried, *, to: str, who: Shown, language: str, by: Actor, at: datetime) -> int:
    """Let a letter leave to addresses of our own accounts, to one's own where none is typed; return to how many.

    Raises DomainError at "to".
    """
    mailing = _mailing(session, record)
    if previews.is_text(mailing):
        raise DomainError(_("Only mails are tried out here"), field="to")
    _ready(session, mailing)
    users = _accounts(session, to, by)
    lately = select(func.count()).where(Outbox.topic == TOPIC, Outbox.actor_id == by.user_id)
    asked = int(session.scalar(lately.where(Outbox.created_at > at - HOUR)) or 0)
    if asked + len(users) > MOST_AN_HOUR:
        raise DomainError(_("At most %(most)s letters to try in an hour; wait a while", most=MOST_AN_HOUR), field="to")
    for user in users:
        answer = _asked(session, mailing, user.email, at=at)
        gate.refuse(session, answer, sender="test", at=at, field="to")
        about = {"user": user.id, "who": who.key, "language": language, "template": mailing.written.id}
        if isinstance(record, ContactRule):
            about["rule"] = record.id
        enqueue(session, TOPIC, record.id if record is mailing else None, due_at=at, actor_id=by.user_id, **about)
    return len(users)


def trial(
    session: Session, mailing_id: int | None, payload: Mapping[str, Any], *, by_id: int | None, at: datetime
) -> Trial:
    """Return the letter that a job is about. Raises DomainError where it must not leave any more."""
    starter = bulk_user.starter(session, by_id)
    rule_id = payload.get("rule")
    area, verb = ("mailing", "check") if mailing_id is not None else ("mail_template", "change")
    if rule_id is not None:
        area = "contact_rule"
    if not may(session, starter, area, verb):
        raise DomainError(_("You may not do this any more"))
    with access.acting(session, starter.actor):
        mailing = _again(session, mailing_id, payload["template"], rule_id)
        who = _who(session, starter, mailing, payload["who"], at=at)
    _ready(session, mailing)
    user = session.get(User, payload["user"])
    if user is None or not user.active or not user.email:
        raise DomainError(_("This account is not in use any more"))
    answer = _asked(session, mailing, user.email, at=at)
    if not answer.ok:
        raise DomainError(answer.text)
    said = (mailing.content or templates.latest(session, mailing.written)).content["languages"]
    frame = frames.framed(session, mailing, said)
    code = payload["language"] if payload["language"] in said else frame.language_for(who.language)
    return Trial(frame=frame, language=code, words=who.words, passed=answer)


def may(session: Session, starter: Starter, area: str, verb: str) -> bool:
    """Say whether whoever asked has a right now."""
    try:
        starter.require(session, area, verb)
    except NotAllowed:
        return False
    return True


def _mailing(session: Session, record: Tried) -> Mailing:
    if isinstance(record, Mailing):
        return record
    if isinstance(record, ContactRule):
        return previews.of_rule(record)
    us = organisations.first(session)
    if us is None:
        raise DomainError(_("Set up your own company first"), field="to")
    return previews.as_mailing(record, us)


def _again(session: Session, mailing_id: int | None, template_id: int, rule_id: int | None) -> Mailing:
    found: Tried | None
    if rule_id is not None:
        found = access.get(session, ContactRule, rule_id)
    elif mailing_id is not None:
        found = access.get(session, Mailing, mailing_id)
    else:
        found = access.get(session, MailTemplate, template_id)
    if found is None:
        raise DomainError(_("What was to be tried is gone"))
    return _mailing(session, found)


def _who(session: Session, starter: Starter, mailing: Mailing, key: int, *, at: datetime) -> Shown:
    """Return for whom it was asked, as far as whoever asked sees him; else somebody of whom nothing is known."""
    who: Shown | None = None
    if key and previews.has_recipients(session, mailing):
        if may(session, starter, "mailing_recipient", "see"):
            who = previews.recipient(session, mailing, key=key)
    elif key and may(session, starter, "party", "see"):
        of = previews.chosen(session, mailing, at=at)
        sees_people = may(session, starter, "party.personal", "see")
        who = previews.party(session, mailing, of=of, key=key, sees_people=sees_people)
    return who or previews.nobody(mailing)


def _ready(session: Session, mailing: Mailing) -> None:
    """Raise DomainError where no letter can leave."""
    try:
        mail_servers.ready(session, mailing.organisation)
    except DomainError as refusal:
        refusal.field = "to"
        raise
    if letter_office.is_sandbox():
        raise DomainError(_("The sandbox is on: nothing leaves"), field="to")


def _asked(session: Session, mailing: Mailing, address: str, *, at: datetime) -> Answer:
    channel, kind = ContactChannel(MailingChannel.email.value), ContactKind.personal
    us = mailing.organisation.id
    return gate.may_contact(session, None, channel, kind, address=address.strip().lower(), organisation_id=us, at=at)


def _accounts(session: Session, typed: str, by: Actor) -> list[User]:
    """Return the accounts that have the typed addresses. Raises DomainError at "to"."""
    own = session.get(User, by.user_id) if by.user_id is not None else None
    wanted = list(dict.fromkeys(each.lower() for each in re.split(r"[\s,;]+", typed) if each))
    if not wanted:
        if own is None or not own.email:
            raise DomainError(_("Your account has no e-mail address"), field="to")
        return [own]
    if len(wanted) > MOST_AT_ONCE:
        raise DomainError(_("At most %(most)s addresses at once", most=MOST_AT_ONCE), field="to")
    found = select(User).where(func.lower(User.email).in_(wanted), User.active.is_(True)).order_by(User.id)
    known = {user.email.lower(): user for user in session.scalars(found).unique()}
    strange = next((each for each in wanted if each not in known), None)
    if strange is not None:
        text = _("“%(address)s” belongs to none of our accounts; a letter to try goes to these alone", address=strange)
        raise DomainError(text, field="to")
    return [known[each] for each in wanted]
