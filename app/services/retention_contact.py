"""Terms of what tells who was written to: what is due of each kind, and what goes. Figures stay what they were.

Rows that are counted (of a mailing, a rule, the text messages) lose what they say, those of a mailing address and name
too, and keep how far they came; rows that only serve to decide who may be written to now are deleted.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, null, or_, select, update
from sqlalchemy.orm import Session

from app.db import metadata
from app.i18n import lazy_gettext as _l
from app.models.contact_rule import RuleOccurrence
from app.models.mailing import OPEN, Mailing, MailingRecipient
from app.models.suppression import AddressFailure, ContactMade, ContactRefusal
from app.models.text_message import OPEN as OPEN_TEXTS
from app.models.text_message import TextMessage
from app.services.retention_kind import FOREVER, Kind

GONE = "—"  # what stands in the place of a text that was kept long enough


def _texts_due(before: datetime) -> Select[Any]:
    """Return the text messages that are on their way no more."""
    ended = TextMessage.phase.not_in(OPEN_TEXTS), TextMessage.created_at < before
    return select(TextMessage.id).where(*ended, TextMessage.text != GONE)


def _take_texts(session: Session, keys: Sequence[Any], at: datetime) -> None:
    """Take the text away, and what the provider said."""
    table = metadata.tables["text_message"]
    values = {"text": GONE, "answer": None, "version": table.c.version + 1, "changed_at": at}
    session.connection().execute(update(table).where(table.c.id.in_(keys)).values(values))
    session.expire_all()


def _occasions_due(before: datetime) -> Select[Any]:
    """Return the occasions of rules that were decided and still hold the words of their letter."""
    return select(RuleOccurrence.id).where(RuleOccurrence.done_at < before, RuleOccurrence.words.is_not(null()))


def _take_occasions(session: Session, keys: Sequence[Any], at: datetime) -> None:  # noqa: ARG001 -- as the others
    """Take the words away; the occasion stays, so that nobody is written to twice."""
    table = metadata.tables["rule_occurrence"]
    session.connection().execute(update(table).where(table.c.id.in_(keys)).values(words=null()))
    session.expire_all()


def _recipients_due(before: datetime) -> Select[Any]:
    """Return the rows of mailings that have ended, which still say to whom they were."""
    ended = select(Mailing.id).where(Mailing.ended_at < before)
    row = MailingRecipient
    says = or_(row.address.is_not(None), row.name.is_not(None), row.digest.is_not(None), row.answer.is_not(None))
    return select(row.id).where(row.mailing_id.in_(ended), row.phase.not_in(OPEN), says)


def _take_recipients(session: Session, keys: Sequence[Any], at: datetime) -> None:  # noqa: ARG001
    """Take away who it was; what became of the letter stays, and so the numbers of the mailing."""
    table = metadata.tables["mailing_recipient"]
    gone = dict.fromkeys(("address", "domain", "digest", "name", "answer", "zones"), null())
    session.connection().execute(update(table).where(table.c.id.in_(keys)).values(**gone, words={}))
    session.expire_all()


def _older(entity: Any, moment: Any) -> Any:  # noqa: ANN401 -- a table's class, one of its columns
    def due(before: datetime) -> Select[Any]:
        return select(entity.id).where(moment < before)

    def take(session: Session, keys: Sequence[Any], at: datetime) -> None:  # noqa: ARG001
        session.execute(delete(entity).where(entity.id.in_(keys)).execution_options(synchronize_session=False))

    return due, take


_refusals_due, _take_refusals = _older(ContactRefusal, ContactRefusal.refused_at)
_failures_due, _take_failures = _older(AddressFailure, AddressFailure.at)
_contacts_due, _take_contacts = _older(ContactMade, ContactMade.at)

KINDS: tuple[Kind, ...] = (
    Kind(
        name="text_message",
        label=_l("Texts of text messages"),
        hint=_l("The text goes; to which number a message went, when and what became of it stays."),
        default=FOREVER,
        least=30,
        due=_texts_due,
        take=_take_texts,
    ),
    Kind(
        name="rule_occurrence",
        label=_l("Words of automatic letters"),
        hint=_l("What stood in the places of a template goes; the occasion and what came of it stay."),
        default=1_095,
        least=30,
        due=_occasions_due,
        take=_take_occasions,
    ),
    Kind(
        name="mailing_recipient",
        label=_l("Addresses of mailings that have ended"),
        hint=_l("Address, name, words and the server's answer go; the numbers of the mailing stay."),
        default=1_095,
        least=90,
        due=_recipients_due,
        take=_take_recipients,
    ),
    Kind(
        name="contact_refusal",
        label=_l("Letters that were not allowed"),
        hint=_l("When somebody was not written to, and why."),
        default=365,
        least=30,
        due=_refusals_due,
        take=_take_refusals,
    ),
    Kind(
        name="address_failure",
        label=_l("Failures of addresses"),
        hint=_l("Each letter that did not arrive; addresses that are left alone stay so."),
        default=400,
        least=366,
        due=_failures_due,
        take=_take_failures,
    ),
    Kind(
        name="contact_made",
        label=_l("When somebody had marketing"),
        hint=_l("By it is counted how often somebody is written to; that looks back a year at most."),
        default=400,
        least=366,
        due=_contacts_due,
        take=_take_contacts,
    ),
)
