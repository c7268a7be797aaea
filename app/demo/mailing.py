"""Mailings of the demo company: templates, one that was sent in spring with what came of it, and one that is a draft.

Who got it was found by the rules of the product, from consents that the demo notes; what became of it is drawn.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.demo import mailing_words as words
from app.demo.party import NUMBERED
from app.demo.team import SALES, People
from app.lifecycle import move
from app.models.consent import Consent, ConsentPurpose, ConsentSource, ConsentState
from app.models.document_template import DocumentTemplate
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import (
    MAILING_MOVES,
    Mailing,
    MailingKind,
    MailingParty,
    MailingRecipient,
    MailingState,
    RecipientPhase,
)
from app.models.organisation import Organisation
from app.models.party import Party, PartyContact
from app.models.segment import Segment, SegmentKind
from app.models.suppression import ContactChannel, ContactMade
from app.services import access, mailing_letter, paper_run, suppression
from app.services import mail_template as templates
from app.services import mailing as mailings
from app.services import mailing_audience as audience
from app.services import segment as segments
from app.services import segment_members as members

KNOWN = 160  # so many counterparties are asked, however large the demo is
BEGAN, ATTRIBUTION = timedelta(days=100), 60
POSTED, LETTERS = timedelta(days=40), 24
SEED = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
LIVE = "Klanten in Nederland"
ASKED = "Asked for the catalogue"


def ensure(session: Session, *, organisation: Organisation, people: People, today: date) -> dict[str, int]:
    """Make templates, a segment and mailings, if there are no templates, and return how many were made."""
    made = {"mail_template": 0, "mailing": 0, "segment": 0}
    if session.scalar(select(MailTemplate.id).limit(1)) is not None:
        return made
    catalogue = _mail(session, "Catalogue", words.CATALOGUE)
    delivery = _mail(session, "Saturday deliveries", words.DELIVERY)
    _text(session, "Ready to be picked up", words.PICK_UP)
    owner, team = people.ids.get("marketer", people.ids["head"]), people.teams[SALES]
    began = datetime.combine(today - BEGAN, time(8), tzinfo=UTC)
    asked = _segment(session, owner_id=owner, team_id=team, at=began - timedelta(days=2))
    sent = Mailing(name="Spring catalogue", kind=MailingKind.marketing, organisation=organisation, template=catalogue)
    sent.segment, sent.holdout_percent, sent.attribution_days = asked, 35, ATTRIBUTION
    sent.tracks_opens, sent.owner_id, sent.team_id = True, owner, team
    mailings.save(session, sent)
    _send(session, sent, at=began)
    draft = Mailing(name="Saturdays, too", kind=MailingKind.service, organisation=organisation, template=delivery)
    draft.segment = session.scalars(select(Segment).where(Segment.name == LIVE)).first()
    draft.window_from, draft.window_to, draft.per_hour = 9, 18, 500
    draft.owner_id, draft.team_id = owner, team
    mailings.save(session, draft)
    session.flush()
    _on_paper(session, organisation, began=datetime.combine(today - POSTED, time(8), tzinfo=UTC), owner=(owner, team))
    return {"mail_template": 3, "mailing": 3, "segment": 1}


def _on_paper(session: Session, us: Organisation, *, began: datetime, owner: tuple[int, int]) -> None:
    """Write to some on paper, and note that the letters were posted, one of which came back."""
    letter = session.scalars(select(DocumentTemplate).where(DocumentTemplate.supplied == f"letter.{us.language}")).one()
    made = Mailing(name="New opening hours", kind=MailingKind.service, channel=MailingChannel.paper, organisation=us)
    made.letter, made.owner_id, made.team_id = letter, *owner
    found = select(Party.id).where(Party.external_id.like(NUMBERED), Party.archived_at.is_(None)).order_by(Party.id)
    made.parties = [MailingParty(party_id=key) for key in session.scalars(found.limit(LETTERS))]
    mailings.save(session, made)
    session.flush()
    _find_out(session, made, at=began)
    rows = _begun(session, made, at=began)
    for number, row in enumerate(rows, 1):
        row.tries, row.number, row.handed_at, row.sent_at = 1, number, began, began + timedelta(days=1)
        row.phase, row.answer = RecipientPhase.sent, "Posted"
    session.flush()
    for row in rows[-1:]:
        paper_run.returned(session, row, at=began + timedelta(days=6))
    move(MAILING_MOVES, made, MailingState.done)
    made.ended_at = began + timedelta(days=1)
    session.flush()


def _mail(session: Session, name: str, said: words.Said) -> MailTemplate:
    made = MailTemplate(name=name, channel=MailingChannel.email)
    for code, (subject, preheader, blocks) in said.items():
        made.texts.append(MailTemplateText(language=code, subject=subject, preheader=preheader))
        made.blocks += [
            MailTemplateBlock(language=code, kind=BlockKind(kind), text=text, address=address)
            for kind, text, address in blocks
        ]
    templates.save(session, made)
    return made


def _text(session: Session, name: str, said: dict[str, str]) -> None:
    made = MailTemplate(name=name, channel=MailingChannel.sms)
    made.texts = [MailTemplateText(language=code, message=message) for code, message in said.items()]
    templates.save(session, made)


def _segment(session: Session, *, owner_id: int, team_id: int, at: datetime) -> Segment:
    """Put those who can be written to into a static segment; most of them have agreed to be."""
    found = select(Party.id).where(Party.external_id.like(NUMBERED), Party.email.is_not(None), Party.created_at < at)
    keys = list(session.scalars(found.where(Party.archived_at.is_(None)).order_by(Party.id).limit(KNOWN)))
    made = Segment(name=ASKED, kind=SegmentKind.static, definition={"version": 1, "all": []})
    made.owner_id, made.team_id = owner_id, team_id
    segments.save(session, made)
    session.flush()
    members.add(session, made, keys=keys, at=at)
    random = Random(ASKED)  # noqa: S311 -- the same demo every time
    people = select(PartyContact.party_id, PartyContact.id).where(PartyContact.party_id.in_(keys))
    asked = [(key, None) for key in keys] + [tuple(row) for row in session.execute(people.order_by(PartyContact.id))]
    session.add_all(
        Consent(
            party_id=party_id,
            contact_id=contact_id,
            purpose=ConsentPurpose.marketing_mail,
            state=ConsentState.given,
            source=ConsentSource.form,
            wording="Send me the catalogue",
            said_at=at,
            noted_at=at,
            by_id=owner_id,
        )
        for party_id, contact_id in asked
        if random.random() < 0.9  # noqa: PLR2004 -- nine of ten
    )
    session.flush()
    return made


def _send(session: Session, mailing: Mailing, *, at: datetime) -> None:
    """Find out who gets it as the worker does, and note what became of each letter."""
    session.flush()
    _find_out(session, mailing, at=at)
    last = _deliver(session, _begun(session, mailing, at=at), at=at)
    move(MAILING_MOVES, mailing, MailingState.done)
    mailing.ended_at = last
    session.flush()


def _find_out(session: Session, mailing: Mailing, *, at: datetime) -> None:
    move(MAILING_MOVES, mailing, MailingState.checking)
    if mailing.template is not None:
        mailing.version_id = templates.latest(session, mailing.template).id
    else:
        mailing.letter_version_id = mailing_letter.published(session, mailing)
    mailing.seed = SEED
    session.flush()
    after: int | None = 0
    while after is not None:
        after = audience.take(session, mailing.id, by=access.SYSTEM, after=after, at=at)
    audience.finish(session, mailing.id, at=at)


def _begun(session: Session, mailing: Mailing, *, at: datetime) -> Sequence[MailingRecipient]:
    move(MAILING_MOVES, mailing, MailingState.sending)
    mailing.started_at = at
    mine = MailingRecipient.mailing_id == mailing.id, MailingRecipient.phase == RecipientPhase.queued
    return session.scalars(select(MailingRecipient).where(*mine).order_by(MailingRecipient.id)).all()


def _deliver(session: Session, rows: Sequence[MailingRecipient], *, at: datetime) -> datetime:
    random = Random(SEED)  # noqa: S311 -- the same demo every time
    last, contacts = at, []
    for row in rows:
        last += timedelta(seconds=random.randint(1, 3))
        row.tries, row.handed_at = 1, last
        drawn = random.random()
        if drawn < 0.02:  # noqa: PLR2004 -- of hundred
            row.phase, row.answer = RecipientPhase.refused, "554 5.7.1 Message refused by the policy of this system"
            continue
        row.sent_at, row.answer = last, "250 2.0.0 Ok: queued"
        contacts.append({"party_id": row.party_id, "contact_id": row.contact_id, "at": last})
        if drawn < 0.05 and row.address is not None:  # noqa: PLR2004
            row.phase, row.answer = RecipientPhase.bounced, "550 5.1.1 User unknown"
            suppression.bounced(session, ContactChannel.email, row.address, is_hard=True, at=last + timedelta(hours=1))
            continue
        row.phase = RecipientPhase.sent
        _react(row, random)
    if contacts:
        session.execute(insert(ContactMade), [{"channel": ContactChannel.email, **each} for each in contacts])
    return last


def _react(row: MailingRecipient, random: Random) -> None:
    if row.sent_at is None or random.random() > 0.5:  # noqa: PLR2004 -- every second one opens it
        return
    row.opened_at = row.sent_at + timedelta(minutes=random.randint(3, 2_000))
    drawn = random.random()
    if drawn < 0.3:  # noqa: PLR2004
        row.clicked_at = row.opened_at + timedelta(minutes=1)
    if drawn < 0.06:  # noqa: PLR2004
        row.answered_at = row.opened_at + timedelta(hours=5)
