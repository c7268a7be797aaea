"""Filing a mail of somebody we know: to the record that our letter was about, else to the counterparty; who is told."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.models.activity import Activity, ActivityKind, ActivityLink, ActivityState, Direction, Participant
from app.models.base import Entity, entity_of
from app.models.letter import Letter
from app.models.notification import NotificationKind
from app.models.party import Party
from app.models.suppression import ContactChannel
from app.search import search_text
from app.services import access, suppression
from app.services import notification as notifications
from app.services.mail_read import Mail


def file_under(
    session: Session, letter: Letter | None, known: Sequence[tuple[Party, int | None]], mail: Mail, *, at: datetime
) -> Entity | None:
    """Write a mail into the history of the record that it belongs to and return that; None where all of it is gone.

    An answer goes to what our letter was about and stands on the card of its counterparty too; what comes by its
    address alone goes to all counterparties that have it.
    """
    parties = [party for party, _contact in known]
    about = _record_of(session, letter) if letter is not None else None
    of_letter = access.get(session, Party, letter.party_id) if letter is not None and letter.party_id else None
    if of_letter is not None:
        parties = [of_letter]
    record = about if about is not None else next(iter(parties), None)
    if record is None:
        return None
    contacts = sorted({key for party, key in known if key is not None and party in parties})
    _write(session, record, parties, contacts, subject=mail.subject or _("Letter"), body=mail.text, at=at)
    return record


def came_back(session: Session, letter: Letter, mail: Mail, *, at: datetime) -> None:
    """Note at a letter that it did not arrive, and tell it where its record is looked at; once."""
    if letter.bounced_at is not None:
        return
    letter.bounced_at = at
    letter.answer = mail.verdict or mail.subject
    is_hard = suppression.is_lasting(mail.verdict)
    suppression.bounced(session, ContactChannel.email, letter.to_address, is_hard=is_hard, at=at)
    told = _("This letter came back: “%(subject)s”", subject=letter.subject)
    tell_of(session, letter, told, "\n".join(filter(None, (letter.to_address, mail.verdict))), at=at)


def tell_of(session: Session, letter: Letter, told: str, body: str, *, at: datetime) -> None:
    """Say what became of a letter in the history of what it was about."""
    record = _record_of(session, letter)
    party = access.get(session, Party, letter.party_id) if letter.party_id else None
    record = record if record is not None else party
    if record is None:
        return
    _write(session, record, [party] if party is not None else [], [], subject=told[:250], body=body, at=at)


def _record_of(session: Session, letter: Letter) -> Entity | None:
    entity = entity_of(letter.entity) if letter.entity else None
    if entity is None or letter.record_id is None:
        return None
    found = access.get(session, entity, letter.record_id)
    return found if isinstance(found, Entity) else None


def _write(
    session: Session,
    record: Entity,
    parties: Sequence[Party],
    contacts: Sequence[int],
    *,
    subject: str,
    body: str,
    at: datetime,
) -> None:
    first = next(iter(parties), None)
    owned = record if getattr(record, "owner_id", None) is not None else first
    made = Activity(
        entity=record.__stem__,
        record_id=record.id,
        kind=ActivityKind.letter,
        state=ActivityState.done,
        direction=Direction.incoming,
        subject=subject[:250],
        body=body or None,
        owner_id=getattr(owned, "owner_id", None),
        team_id=getattr(owned, "team_id", None),
        done_at=at,
        search_text=search_text([subject, body]),
        participants=[Participant(contact_id=key) for key in contacts],
        links=[ActivityLink(entity="party", record_id=one.id) for one in parties if one is not record],
    )
    session.add(made)
    session.flush()
    people = notifications.followers(session, record)
    if made.owner_id is not None:
        people = people | {made.owner_id}
    notifications.tell(session, NotificationKind.letter_came, record, people, at=at)
