"""Leads of the demo company: what arrived within the last month by a form, by programs, by messages and in a file."""

import json
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.demo import numbers
from app.demo.diary import Diary
from app.demo.team import NORTH, People
from app.demo.words import LANDS, Land
from app.models.lead import Lead, LeadRejection, LeadState
from app.models.lead_source import (
    Assignment,
    LeadChannel,
    LeadField,
    LeadForm,
    LeadFormField,
    LeadFormText,
    LeadReceiver,
    LeadSource,
)
from app.models.mailbox import Mailbox
from app.models.party import Party, PartyKind
from app.roles import Scope
from app.services import intake, intake_read, lead_clock, lead_convert
from app.services import lead as leads
from app.services import lead_form as forms
from app.services import lead_source as sources
from app.services import mailbox as mailboxes
from app.services import pipeline as pipelines
from app.services.access import Actor

COUNT = 40
DAYS = 30
MARK = "DEMO-LEAD-"
_WISHES = {
    "nl": ("Graag een offerte voor 2.000 tulpenbollen, levering in oktober.", "Kunt u ook in het weekend leveren?"),
    "ru": ("Пришлите, пожалуйста, прайс на луковицы тюльпанов, 500 штук.", "Есть ли доставка в регионы?"),
    "hy": ("Խնդրում եմ ուղարկել 300 կակաչի սոխուկի գինը։", "Կարո՞ղ եք առաքել մինչև շաբաթվա վերջ։"),
    "en": ("Could you quote for 1,500 daffodil bulbs, delivered in September?", "Do you deliver to the Highlands?"),
}
_TITLES = {
    "nl": ("Vraag een offerte aan", "Wij antwoorden binnen een half uur.", "Versturen"),
    "ru": ("Запросить цену", "Мы ответим в течение получаса.", "Отправить"),
    "hy": ("Պահանջել գին", "Կպատասխանենք կես ժամվա ընթացքում։", "Ուղարկել"),
    "en": ("Ask for a quote", "We answer within half an hour.", "Send"),
}


def ensure(session: Session, *, people: People, today: date) -> dict[str, int]:
    """Make sources, a form and leads once, in a database without them; return what was made, by stem."""
    if session.scalar(select(LeadSource.id).limit(1)) is not None:
        return {"lead_source": 0, "lead": 0}
    found = _sources(session, people)
    _form(session, found[0])
    random, diary = Random("leads"), Diary(session)  # noqa: S311 -- the same demo every time
    moments = sorted(
        datetime.combine(today - timedelta(days=random.randint(1, DAYS)), time(7), UTC)
        + timedelta(minutes=random.randrange(480))
        for _each in range(COUNT)
    )
    robot = Actor(None, "system", Scope.all)
    *asking, listed, written = found
    for at, moment in enumerate(moments):
        with diary.entry(moment, robot):
            _arrive(session, asking[at % len(asking)], at, random, moment)
    with diary.entry(moments[-1], robot):
        _from_file(session, listed, moments[-1])
        _mailbox(session, written)
    head = Actor(people.ids["head"], "head", Scope.all)
    for lead in session.scalars(select(Lead).order_by(Lead.id)).all():
        _go_on(session, lead, random, diary, head)
    lead_clock.look(session, at=datetime.combine(today, time(), UTC))
    return {"lead_source": len(found), "lead": len(session.scalars(select(Lead.id)).all())}


def _sources(session: Session, people: People) -> list[LeadSource]:
    about: tuple[dict[str, Any], ...] = (
        {"name": "Website", "channel": LeadChannel.form, "assignment": Assignment.territory, "norm_minutes": 30},
        {"name": "Marketplace", "channel": LeadChannel.api, "assignment": Assignment.in_turn, "norm_minutes": 60},
        {"name": "Messenger", "channel": LeadChannel.message, "assignment": Assignment.language, "norm_minutes": 20},
        {"name": "Visitors of the fair", "channel": LeadChannel.imported, "assignment": Assignment.in_turn},
        {"name": "Sales mailbox", "channel": LeadChannel.email, "assignment": Assignment.in_turn, "norm_minutes": 120},
    )
    made = []
    for told in about:
        source = LeadSource(**told, language="en", country="NL", team_id=people.teams[NORTH])
        source.code = str(told["name"]).lower().replace(" ", "-")
        source.receivers = [
            LeadReceiver(user_id=people.ids["manager"], most_open=15),
            *(LeadReceiver(user_id=people.ids["manager2"], country=land) for land in ("RU", "AM")),
            *(LeadReceiver(user_id=people.ids["manager2"], language=spoken) for spoken in ("ru", "hy")),
        ]
        sources.save(session, source)
        made.append(source)
    session.flush()
    return made


def _form(session: Session, source: LeadSource) -> None:
    form = LeadForm(name="Ask for a quote", code="ask-for-a-quote", source=source)
    wanted = ((LeadField.name, True), (LeadField.company, False), (LeadField.email, True), (LeadField.phone, False))
    for at, (field, needed) in enumerate((*wanted, (LeadField.text, False)), 1):
        form.fields.append(LeadFormField(position=at, field=field, is_required=needed))
    for language, (title, intro, button) in _TITLES.items():
        form.texts.append(LeadFormText(language=language, title=title, intro=intro, button=button))
    forms.save(session, form)
    session.flush()


def _arrive(session: Session, source: LeadSource, at: int, random: Random, moment: datetime) -> None:
    lands: list[Land] = [land for land, _weight in LANDS]
    land = random.choice(lands)
    first, last = random.choice(land.people)
    name = f"{random.choice(first)} {random.choice(last)}"
    sender = {
        "name": name,
        "company": random.choice(land.nouns).capitalize() if random.random() < 0.4 else None,  # noqa: PLR2004
        "phone": numbers.pattern(random, random.choice(land.towns).phone),
        "email": f"{MARK.lower()}{at}@klant.example",
        "country": land.country,
    }
    text = random.choice(_WISHES.get(land.language, _WISHES["en"]))
    utm = {"source": random.choice(("search", "newsletter", "fair")), "campaign": "autumn"}
    is_message = source.channel is LeadChannel.message
    given: dict[str, Any] = {"text": text, "language": land.language, "utm": utm}
    given |= {"channel": "chat", "from": sender | {"id": f"@guest{at}"}} if is_message else sender
    payload = json.dumps(given, ensure_ascii=False).encode()
    if at % 20 == 13:  # noqa: PLR2004 -- what cannot be read is kept too
        payload = payload[: len(payload) // 2].decode("utf-8", "ignore").encode()
    read = intake_read.message if is_message else intake_read.request
    about = intake.About(external_id=f"{MARK}{at}", read=read)
    intake.receive(session, source, payload, at=moment, about=about)


def _from_file(session: Session, source: LeadSource, moment: datetime) -> None:
    """Bring in the list that was kept at a fair, one visitor in each language."""
    for at, land in enumerate(land for land, _weight in LANDS):
        first, last = land.people[0]
        given = {
            "name": f"{first[at]} {last[at]}",
            "email": f"{MARK.lower()}fair{at}@klant.example",
            "country": land.country,
            "language": land.language,
            "text": _WISHES.get(land.language, _WISHES["en"])[0],
        }
        about = intake.About(external_id=f"{MARK}fair{at}", channel=LeadChannel.imported, values=given)
        payload = json.dumps(given, ensure_ascii=False).encode()
        intake.receive(session, source, payload, at=moment, about=about)


def _mailbox(session: Session, source: LeadSource) -> None:
    """Show a mailbox that is read for leads; it is switched off, for its server does not exist."""
    box = Mailbox(name="Sales", host="imap.example.com", login="sales@example.com", source=source, is_active=False)
    mailboxes.save(session, box)
    session.flush()


def _go_on(session: Session, lead: Lead, random: Random, diary: Diary, by: Actor) -> None:
    """Let something become of a lead: most are answered in time, some too late, the last ones wait."""
    drawn = random.random()
    moment = lead.received_at + timedelta(minutes=random.choice((4, 9, 14, 22, 35, 75)))
    if lead.state is not LeadState.new or drawn < 0.2:  # noqa: PLR2004
        return
    with diary.entry(moment, by):
        if drawn < 0.4:  # noqa: PLR2004
            leads.reject(session, lead, reason=random.choice(list(LeadRejection)[:5]), at=moment)
            return
        leads.accept(session, lead, by=by, at=moment)
        if drawn > 0.75 and pipelines.default(session) is not None:  # noqa: PLR2004
            lead_convert.convert(session, lead, party=_client(session, lead), by=by, at=moment)


def _client(session: Session, lead: Lead) -> Party:
    """Return a private client of the lead's country, as who he turned out to be."""
    found = select(Party).where(Party.kind == PartyKind.person, Party.archived_at.is_(None), Party.is_customer)
    return session.scalars(found.order_by(Party.country != lead.country, Party.id).offset(lead.id % 5).limit(1)).one()
