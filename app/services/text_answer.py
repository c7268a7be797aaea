"""Answers to text messages: who asks for no more, and where what somebody has written is filed."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.models.activity import Activity, ActivityKind, ActivityLink, ActivityState, Direction, Participant
from app.models.notification import NotificationKind
from app.models.party import Party, PartyChannel, PartyContact
from app.search import fold, search_text
from app.services import notification as notifications

MOST_PARTIES = 10
LONGEST = 5_000
_STOP = frozenset(
    fold(each)
    for each in (
        *("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "optout", "opt out", "revoke"),
        *("стоп", "отписаться", "отпишите", "отписка", "отмена", "не писать"),
        *("afmelden", "uitschrijven", "stoppen", "դադարեցնել", "դադար", "ստոպ"),
    )
)


def is_stop(text: str) -> bool:
    """Say whether an answer, as a whole, asks for no more; a sentence with such a word in it does not."""
    return " ".join(fold(text).strip(" .!,;:-«»\"'").split()) in _STOP


def file(session: Session, number: str, text: str, *, at: datetime) -> Activity | None:
    """Write an answer into the history of the counterparties with its number; None where nobody has it."""
    found = known(session, number)
    if not found:
        return None
    parties = list(dict.fromkeys(party for party, _contact in found))
    body = "".join(sign for sign in text if sign.isprintable() or sign == "\n")[:LONGEST]
    first = parties[0]
    subject = _("Text message from %(number)s", number=number)
    contacts = sorted({key for _party, key in found if key is not None})
    made = Activity(
        entity=Party.__stem__,
        record_id=first.id,
        kind=ActivityKind.message,
        state=ActivityState.done,
        direction=Direction.incoming,
        subject=subject,
        body=body or None,
        owner_id=first.owner_id,
        team_id=first.team_id,
        done_at=at,
        search_text=search_text([subject, body]),
        participants=[Participant(contact_id=key) for key in contacts],
        links=[ActivityLink(entity=Party.__stem__, record_id=each.id) for each in parties[1:]],
    )
    session.add(made)
    session.flush()
    people = notifications.followers(session, first) | ({first.owner_id} if first.owner_id is not None else set())
    notifications.tell(session, NotificationKind.letter_came, first, people, at=at)
    return made


def known(session: Session, number: str) -> list[tuple[Party, int | None]]:
    """Return the counterparties with a number, each with its contact of that number; those with an owner first."""
    of_contact = select(PartyContact.party_id, PartyContact.id).where(PartyContact.phone == number)
    contacts = {row.party_id: row.id for row in session.execute(of_contact.order_by(PartyContact.id))}
    keys = {*contacts, *session.scalars(select(Party.id).where(Party.phone == number))}
    keys |= {*session.scalars(select(PartyChannel.party_id).where(PartyChannel.value == number))}
    living = select(Party).where(Party.id.in_(keys), Party.archived_at.is_(None)).order_by(Party.id)
    found = session.scalars(living.limit(MOST_PARTIES)).unique().all()
    return [(party, contacts.get(party.id)) for party in sorted(found, key=lambda one: (one.owner_id is None, one.id))]
