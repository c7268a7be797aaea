"""Letters that bring a record: to whom it goes, in its language and with its file, and where a refusal belongs."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.letter import Letter
from app.models.party import ChannelKind, Party
from app.models.suppression import ContactKind
from app.services.access import Actor
from app.services.letter_writing import write

_FIELDS = {"to_address": "to", "body": "text"}


def bring(
    session: Session,
    record: Any,  # noqa: ANN401 -- one of several kinds
    *,
    to: str | None,
    subject: str,
    text: str,
    purpose: str,
    kind: ContactKind,
    at: datetime,
    by: Actor | None,
) -> Letter:
    """Write the letter that brings a record of a party: an invoice, a quote, a contract, a document made of one.

    Without `to` it goes to the party's `addressee`; `refuse_nowhere` says beforehand that there is none. Raises
    DomainError or Refusals at "to", "subject", "text".
    """
    name, address = refuse_nowhere(record.party, to)
    try:
        return write(
            session,
            organisation=record.organisation,
            party=record.party,
            to_address=to or address or "",
            to_name=name if not to or to.strip().lower() == address else None,
            subject=subject,
            body=text,
            language=record.language,
            entity=record.__stem__,
            record_id=record.id,
            attachment=record.file,
            purpose=purpose,
            kind=kind,
            belongs_with=record,
            at=at,
            by=by,
        )
    except Refusals as refusal:
        raise Refusals({_FIELDS.get(field, field): texts for field, texts in refusal.errors.items()}) from None
    except DomainError as refusal:
        refusal.field = _FIELDS.get(refusal.field or "", refusal.field)  # the gate's answer stays what it is
        raise


def refuse_nowhere(party: Party | None, to: str | None) -> tuple[str | None, str | None]:
    """Return a party's addressee. Raises DomainError at "to" when nothing says where a letter goes."""
    name, address = addressee(party) if party is not None else (None, None)
    if not to and address is None:
        if party is None:
            raise DomainError(_("Say where the letter goes"), field="to")
        raise DomainError(_("“%(name)s” has no e-mail address; say where the letter goes", name=party.name), field="to")
    return name, address


def addressee(party: Party) -> tuple[str | None, str | None]:
    """Return the name and the address to which documents of a party go; (None, None) when it has no address.

    The party's own address comes first, then its further ones that have not bounced, then that of a contact person.
    """
    name = party.legal_name or party.name
    bounced = {each.value for each in party.channels if each.kind == ChannelKind.email and each.bounced_at is not None}
    if party.email and party.email not in bounced:
        return name, party.email
    for channel in party.channels:
        if channel.kind == ChannelKind.email and channel.value not in bounced:
            return name, channel.value
    for contact in party.contacts:
        if contact.email and contact.email not in bounced:
            return contact.name, contact.email
    return None, None
