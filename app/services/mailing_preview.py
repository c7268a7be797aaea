"""Who a mailing or a template is shown for before anybody gets it: one after another, with the words of his places.

A mailing that was checked is shown as its recipients will get it, from the rows of its ledger; one that was not, and a
template, for the counterparties that the reader sees. Nothing is written.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, inspect, or_, select, true
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import label_of
from app.models.contact_rule import ContactRule
from app.models.mail_template import MailingChannel, MailTemplate
from app.models.mailing import Mailing, MailingKind, MailingRecipient, RecipientPhase
from app.models.organisation import Organisation
from app.models.party import Party
from app.search import escape_like
from app.services import mailing_audience as audience
from app.services import mailing_frame as frames
from app.services import segment as segments
from app.services.mailing_frame import Around

_WRITTEN = tuple(phase for phase in RecipientPhase if phase is not RecipientPhase.excluded)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Somebody for whom it is shown: `before` and `after` are the keys of his neighbours, None at the ends.

    `state` says how far his letter is; "" where there is none. `record` is the row whose data is shown.
    """

    key: int
    name: str
    address: str
    language: str
    words: Mapping[str, str]
    state: str = ""
    record: MailingRecipient | Party | None = None
    before: int | None = None
    after: int | None = None


def as_mailing(template: MailTemplate, us: Organisation) -> Mailing:
    """Return a mailing of a template by one of our companies, which is in no session."""
    return Mailing(kind=MailingKind.marketing, channel=template.channel, organisation=us, template=template)


def of_rule(rule: ContactRule) -> Mailing:
    """Return a rule of automatic letters as a mailing of its template, which is in no session."""
    return Mailing(
        kind=rule.kind,
        channel=rule.channel,
        organisation=rule.organisation,
        template=rule.template,
        segment=rule.segment,
    )


def around(mailing: Mailing, language: str, pictures: Mapping[int, str]) -> Around:
    """Return what stands around the template, without asking for a mail server."""
    us = mailing.organisation
    return frames.around(
        us, language, is_marketing=mailing.kind is MailingKind.marketing, pictures=pictures, opens=False
    )


# --- of a mailing that was checked ------------------------------------------------------------------------------------


def has_recipients(session: Session, mailing: Mailing) -> bool:
    """Say whether the ledger of a mailing names anybody."""
    return bool(session.scalar(select(exists().where(MailingRecipient.mailing_id == mailing.id))))


def recipient(session: Session, mailing: Mailing, *, key: int | None = None, text: str = "") -> Shown | None:
    """Return a recipient by the key of his row, else the first whose name or address holds a text; None without one."""
    all_rows = select(MailingRecipient).where(
        MailingRecipient.mailing_id == mailing.id, MailingRecipient.phase.in_(_WRITTEN)
    )
    wanted = all_rows
    if key is not None:
        wanted = wanted.where(MailingRecipient.id == key)
    elif text:
        like = f"%{escape_like(text)}%"
        columns = MailingRecipient.name, MailingRecipient.address
        wanted = wanted.where(or_(*(each.ilike(like, escape="\\") for each in columns)))
    row = session.scalars(wanted.order_by(MailingRecipient.id).limit(1)).one_or_none()
    if row is None:
        return None
    before, after = _neighbours(session, all_rows, MailingRecipient.id, row.id)
    return Shown(
        key=row.id,
        name=row.name or "",
        address=row.address or "",
        language=row.language,
        words=row.words,
        state=label_of(row.phase),
        record=row,
        before=before,
        after=after,
    )


# --- of everything else -----------------------------------------------------------------------------------------------


def chosen(session: Session, mailing: Mailing, *, at: datetime) -> Select[Party]:
    """Return the counterparties that a mailing would go to, as the reader sees them.

    Of a template it is all of them, of a rule those of its segment, where it has one.
    """
    if inspect(mailing).transient:
        living = select(Party).where(Party.merged_into_id.is_(None), Party.archived_at.is_(None))
        if mailing.segment is not None:
            living = living.where(Party.id.in_(segments.members(session, mailing.segment, at=at)))
        return audience.with_words(living)
    return audience.chosen(session, mailing, at=at)


def party(
    session: Session,
    mailing: Mailing,
    *,
    of: Select[Party],
    key: int | None = None,
    keys: Collection[int] | None = None,
    sees_people: bool,
) -> Shown | None:
    """Return a counterparty by its key, else the first of `keys`, else the first of all; None without one.

    Without `sees_people` nothing is told of contact persons, nor any address.
    """
    wanted = of
    if key is not None:
        wanted = wanted.where(Party.id == key)
    elif keys is not None:
        wanted = wanted.where(Party.id.in_(keys))
    found = session.scalars(wanted.order_by(Party.id).limit(1)).unique().one_or_none()
    if found is None:
        return None
    told = audience.first(mailing, found, with_people=sees_people)
    before, after = _neighbours(session, of, Party.id, found.id)
    return Shown(
        key=found.id,
        name=told.name,
        address=(told.address or "") if sees_people else "",
        language=told.language,
        words=told.words,
        record=found,
        before=before,
        after=after,
    )


def nobody(mailing: Mailing) -> Shown:
    """Return somebody of whom nothing is known: every place falls back."""
    us = mailing.organisation
    words = {"organisation": us.legal_name or us.name}
    return Shown(key=0, name=_("Somebody of whom nothing is known"), address="", language=us.language, words=words)


def _neighbours(session: Session, of: Select[Any], column: Any, key: int) -> tuple[int | None, int | None]:  # noqa: ANN401
    keys = select(column).where(true() if of.whereclause is None else of.whereclause).limit(1)
    before = session.scalar(keys.where(column < key).order_by(column.desc()))
    return before, session.scalar(keys.where(column > key).order_by(column))


def is_text(mailing: Mailing) -> bool:
    """Say whether it goes as a text message."""
    return mailing.channel is MailingChannel.sms
