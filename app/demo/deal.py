"""Deals of the demo company: two pipelines with sixty deals in all stages, and what is to be done next about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.demo.diary import Diary
from app.demo.team import People
from app.models.activity import ActivityKind
from app.models.deal import Deal, DealContact, DealLine, DecisionRole
from app.models.lost_reason import LostReason
from app.models.party import Party
from app.models.pipeline import Pipeline, Stage, StageCheck, StageType
from app.models.product import Product
from app.models.tag import TagColour
from app.roles import Scope
from app.services import deal as deals
from app.services import deal_documents, planned
from app.services import pipeline as pipelines
from app.services import quote as quotes
from app.services.access import Actor

DEALS = 60
DAY = 480  # minutes of working time
TITLES = {
    "nl": ("Voorjaarsbestelling", "Nieuw magazijn", "Jaarcontract levering", "Proefzending", "Uitbreiding assortiment"),
    "ru": ("Весенний заказ", "Оснащение склада", "Годовой договор поставки", "Пробная партия", "Новая линейка"),
    "hy": (
        "Գարնանային պատվեր",
        "Նոր պահեստ",
        "Մատակարարման տարեկան պայմանագիր",
        "Փորձնական խմբաքանակ",
        "Տեսականու ընդլայնում",
    ),
    "en": ("Spring order", "New warehouse", "Yearly supply contract", "Trial delivery", "Wider range"),
}
STEPS = {
    "nl": ((ActivityKind.call, "Bellen over de offerte"), (ActivityKind.meeting, "Afspraak op kantoor")),
    "ru": ((ActivityKind.call, "Позвонить по предложению"), (ActivityKind.meeting, "Встреча в офисе")),
    "hy": ((ActivityKind.call, "Զանգահարել առաջարկի մասին"), (ActivityKind.meeting, "Հանդիպում գրասենյակում")),
    "en": ((ActivityKind.call, "Call about the quote"), (ActivityKind.meeting, "Meeting at the office")),
}
LOSSES = {
    "nl": "Een ander leverde eerder en goedkoper.",
    "ru": "Другой поставщик предложил срок короче и цену ниже.",
    "hy": "Մեկ այլ մատակարար առաջարկեց ավելի կարճ ժամկետ և ցածր գին։",
    "en": "Another supplier was quicker and cheaper.",
}
SOURCES = ("Website", "Trade fair", "Recommendation", "Cold call")
# How far each deal has come: a number of open stages behind it, or how it ended.
FATES = ("0", "0", "1", "1", "2", "2", "3", "3", "won", "lost")


@dataclass
class _Tale:
    """Everybody and everything that the deals need."""

    session: Session
    people: People
    today: date
    diary: Diary
    random: Random
    reasons: Sequence[LostReason]
    products: Sequence[Product]

    def moment(self, days_ago: int) -> datetime:
        """Return a working hour of a day so many days ago."""
        at = time(8 + self.random.randrange(8), self.random.randrange(60))
        return min(datetime.combine(self.today - timedelta(days=days_ago), at, UTC), clock.now())

    def seller(self, party: Party) -> Actor:
        """Return the manager of a party, else the head."""
        names = {key: name for name, key in self.people.ids.items()}
        username = names.get(party.owner_id or 0, "head")
        return Actor(self.people.ids[username], username, Scope.all, team_id=party.team_id)


def ensure(session: Session, *, products: Sequence[Product], people: People, today: date) -> int:
    """Tell the deals once, in a database without any; return how many there are now."""
    if session.execute(select(func.count()).select_from(Deal)).scalar_one():
        return 0
    first = pipelines.default(session) or pipelines.make_first(session, "nl")
    assert first is not None  # noqa: S101 -- there is none only in a database without pipelines
    ways = (first, _projects(session))
    found = select(Party).where(Party.is_customer, Party.archived_at.is_(None)).order_by(Party.id).limit(DEALS)
    parties = list(session.scalars(found))
    reasons = list(session.scalars(select(LostReason).order_by(LostReason.position)))
    random = Random("deal")  # noqa: S311 -- the same demo every time
    tale = _Tale(session, people, today, Diary(session), random, reasons, products)
    for at in range(DEALS if parties else 0):
        _tell(tale, parties[at % len(parties)], ways[at % 3 == 2], FATES[at % len(FATES)], at)  # noqa: PLR2004
    session.flush()
    return session.execute(select(func.count()).select_from(Deal)).scalar_one()


def _projects(session: Session) -> Pipeline:
    """Make the second pipeline, with a checklist and a table of moves."""
    made = Pipeline(name="Проекты", currency="EUR")
    made.stages = [
        Stage(name="Запрос", probability=15, colour=TagColour.grey, norm_minutes=2 * DAY),
        Stage(name="Замер", probability=35, colour=TagColour.teal, norm_minutes=5 * DAY),
        Stage(name="Смета", probability=60, colour=TagColour.blue, norm_minutes=5 * DAY, needs_on_entry=["amount"]),
        Stage(name="Договор", probability=85, colour=TagColour.violet, norm_minutes=8 * DAY),
        Stage(name="Успех", type=StageType.won, probability=100, colour=TagColour.green),
        Stage(name="Отказ", type=StageType.lost, probability=0, colour=TagColour.red),
    ]
    pipelines.save(session, made)
    session.flush()
    made.stages[1].checks = [
        StageCheck(position=1, text="Адрес объекта"),
        StageCheck(position=2, text="Фото и размеры"),
    ]
    session.flush()
    return made


def _tell(tale: _Tale, party: Party, pipeline: Pipeline, fate: str, at: int) -> None:
    """Tell one deal: how it began, the stages that it went through, how it ended or what is next."""
    session, random = tale.session, tale.random
    by, language = tale.seller(party), party.language if party.language in TITLES else "en"
    days = 12 + random.randrange(60)
    began = tale.moment(days)
    open_stages = [stage for stage in pipeline.stages if stage.type is StageType.open]
    with tale.diary.entry(began, by) as touched:
        deal = deals.place(
            session,
            party=party,
            title=f"{TITLES[language][at % 5]} {tale.today.year}",
            by=by,
            at=began,
            pipeline=pipeline,
            currency=party.currency or "EUR",
            amount=Decimal(random.randrange(8, 400) * 50) if at % 4 else None,
            expected_on=tale.today + timedelta(days=random.randrange(3, 120)),
            source=SOURCES[at % len(SOURCES)],
            lines=_lines(tale, party.currency or "EUR") if at % 4 == 0 else (),
            contacts=[
                DealContact(contact=each, role=role) for each, role in zip(party.contacts, DecisionRole, strict=False)
            ],
        )
        deal.created_at = began
        touched.append(deal)
    far = int(fate) if fate.isdecimal() else len(open_stages) - 1
    for number, stage in enumerate(open_stages[1 : far + 1], start=1):
        _step(tale, deal, stage, by, days - number * days // (far + 2))
    if deal.lines and fate.isdecimal() and far:
        _quote(tale, deal, by)
    if fate == "won":
        _end(tale, deal, by, random.randrange(1, 20), language, is_won=True)
    elif fate == "lost" and tale.reasons:
        _end(tale, deal, by, random.randrange(1, 20), language, is_won=False)
    elif at % 6 != 5:  # noqa: PLR2004 -- one in six has no next step
        _plan(tale, deal, by, language, at)


def _lines(tale: _Tale, currency: str) -> list[DealLine]:
    chosen = tale.random.sample(list(tale.products), k=min(2, len(tale.products)))
    return [
        DealLine(
            product=each,
            quantity=Decimal(tale.random.randrange(1, 20)),
            unit_price=each.price if each.price is not None and each.currency == currency else Decimal(125),
        )
        for each in chosen
    ]


def _step(tale: _Tale, deal: Deal, stage: Stage, by: Actor, days_ago: int) -> None:
    moment = tale.moment(max(1, days_ago))
    if deal.amount is None:
        deal.amount = Decimal(2500)
    with tale.diary.entry(moment, by) as touched:
        for check in deal.stage.checks:
            deals.tick(tale.session, deal, check=check, by=by, at=moment)
        deals.move(tale.session, deal, stage, by=by, at=moment)
        touched.append(deal)


def _quote(tale: _Tale, deal: Deal, by: Actor) -> None:
    """Make the quote of a deal and release it: yesterday, as numbers follow the calendar."""
    moment = tale.moment(1)
    with tale.diary.entry(moment, by) as touched:
        quote = deal_documents.make_quote(tale.session, deal)
        quote.created_at = moment
        quote.valid_until = moment.date() + timedelta(days=30)
        tale.session.flush()
        quotes.release(tale.session, quote, at=moment, by=by)
        touched.append(quote)


def _end(tale: _Tale, deal: Deal, by: Actor, days_ago: int, language: str, *, is_won: bool) -> None:
    moment = tale.moment(days_ago)
    with tale.diary.entry(moment, by) as touched:
        if is_won:
            deals.win(tale.session, deal, by=by, at=moment)
        else:
            reason = tale.reasons[tale.random.randrange(len(tale.reasons))]
            deals.lose(tale.session, deal, reason=reason, note=LOSSES[language], by=by, at=moment)
        touched.append(deal)


def _plan(tale: _Tale, deal: Deal, by: Actor, language: str, at: int) -> None:
    """Plan the next step; one in five should have been done by now."""
    kind, subject = STEPS[language][at % 2]
    days = -2 if at % 5 == 0 else 1 + at % 9
    due_at = datetime.combine(tale.today + timedelta(days=days), time(9 + at % 8), UTC)
    moment = tale.moment(3 + at % 4)
    with tale.diary.entry(moment, by) as touched:
        planned.plan(
            tale.session, deal, kind=kind, subject=subject, due_at=due_at, owner_id=by.user_id, by=by, at=moment
        )
        touched.append(deal)
