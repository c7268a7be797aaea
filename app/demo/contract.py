"""Contracts of the demo company: some for each state of their life, with obligations, an amendment and a renewal."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from dateutil.relativedelta import relativedelta
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.demo.diary import Diary
from app.demo.team import People
from app.models.contract import Contract, ContractKind, Renewal, Rhythm, Side
from app.models.organisation import Organisation
from app.models.party import Party
from app.roles import Scope
from app.services import contract as contracts
from app.services import contract_obligation as obligations
from app.services import contract_signing as signing
from app.services.access import Actor

# What has become of each contract.
FATES = ("draft", "approval", "approved", "sent", "active", "active", "active", "ending", "amended", "terminated")
COUNT = 20
SUBJECTS = {
    "nl": (("Levering van bloembollen", "sale"), ("Onderhoud van de beplanting", "service")),
    "ru": (("Поставка садовых товаров", "sale"), ("Уход за озеленением офиса", "service")),
    "hy": (("Այգեգործական ապրանքների մատակարարում", "sale"), ("Կանաչապատման խնամք", "service")),
    "en": (("Supply of garden goods", "sale"), ("Care of the office plants", "service")),
}
TERMS = {
    "nl": "1. Wij leveren binnen tien werkdagen na bestelling.\n2. Er wordt binnen 30 dagen na factuur betaald.\n"
    "3. Gebreken worden binnen acht dagen na levering gemeld.",
    "ru": "1. Поставка в течение десяти рабочих дней после заказа.\n2. Оплата в течение 30 дней после счёта.\n"
    "3. О недостатках сообщают в течение восьми дней после поставки.",
    "hy": "1. Մատակարարումը՝ պատվերից հետո տասը աշխատանքային օրվա ընթացքում։\n"
    "2. Վճարումը՝ հաշվից հետո 30 օրվա ընթացքում։\n3. Թերությունների մասին հայտնում են ութ օրվա ընթացքում։",
    "en": "1. Goods are delivered within ten working days of the order.\n2. Invoices are paid within 30 days.\n"
    "3. Defects are reported within eight days of the delivery.",
}
OWED = {
    "nl": ("Kwartaalrapport sturen", "Voorschot betalen"),
    "ru": ("Направить квартальный отчёт", "Оплатить аванс"),
    "hy": ("Ուղարկել եռամսյակային հաշվետվություն", "Վճարել կանխավճարը"),
    "en": ("Send the quarterly report", "Pay the advance"),
}
ENDED = {
    "nl": "De klant stopt met de tuin",
    "ru": "Клиент закрывает объект",
    "hy": "Հաճախորդը փակում է օբյեկտը",
    "en": "The client gives up the site",
}


def ensure(session: Session, *, organisation: Organisation, people: People, today: date) -> int:
    """Tell the contracts once, in a database without any; return how many there are now."""
    if session.scalar(select(func.count()).select_from(Contract)):
        return 0
    found = select(Party).where(Party.is_customer, Party.archived_at.is_(None)).order_by(Party.id).limit(COUNT)
    random, diary = Random("contract"), Diary(session)  # noqa: S311 -- the same demo every time
    names = {key: name for name, key in people.ids.items()}
    for at, party in enumerate(session.scalars(found).all()):
        username = names.get(party.owner_id or 0, "head")
        by = Actor(people.ids[username], username, Scope.all, team_id=party.team_id)
        moment = min(datetime.combine(today - timedelta(days=COUNT - at), time(9, at % 60), UTC), clock.now())
        with diary.entry(moment, by) as touched:
            touched.extend(_tell(session, _Plan(organisation, party, FATES[at % len(FATES)], at, by, moment, random)))
    session.flush()
    return session.scalar(select(func.count()).select_from(Contract)) or 0


@dataclass(frozen=True)
class _Plan:
    """What is to become of one contract."""

    ours: Organisation
    party: Party
    fate: str
    at: int
    by: Actor
    moment: datetime
    random: Random


def _tell(session: Session, plan: _Plan) -> list[Contract]:
    """Tell one contract up to its fate."""
    ours, party, fate, at = plan.ours, plan.party, plan.fate, plan.at
    by, moment = plan.by, plan.moment
    spoken = party.language if party.language in SUBJECTS else "en"
    subject, kind = SUBJECTS[spoken][at % 2]
    begins = moment.date().replace(day=1) - relativedelta(months=3 if fate != "ending" else 11)
    one = Contract(
        organisation=ours,
        party=party,
        kind=ContractKind(kind) if at % 5 else ContractKind.framework,
        subject=f"{subject} {begins.year}",
        terms=TERMS[spoken],
        language=spoken,
        currency=ours.currency,
        amount=Decimal(plan.random.randrange(20, 400) * 100) if at % 5 else None,
        valid_from=begins,
        valid_until=begins + relativedelta(months=12, days=-1 if fate != "ending" else 20),
        renewal=Renewal.automatic if at % 3 == 0 else Renewal.none,
        renew_months=12 if at % 3 == 0 else None,
        owner_id=party.owner_id,
        team_id=party.team_id,
        created_at=moment,
    )
    contracts.save(session, one)
    session.flush()
    if fate == "draft":
        return [one]
    contracts.submit(session, one)
    if fate == "approval":
        return [one]
    contracts.approve(session, one, at=moment, by=by)
    if fate == "approved":
        return [one]
    contracts.send(session, one, at=moment)
    report, advance = OWED[spoken]
    due = begins + relativedelta(months=3 if at % 2 else 6)
    obligations.owe(session, one, text=report, side=Side.ours, due_on=due, repeats=Rhythm.quarterly)
    obligations.owe(session, one, text=advance, side=Side.theirs, due_on=begins + timedelta(days=14))
    signing.sign_ours(session, one, at=moment, by=by, name=_full(session, by))
    if fate == "sent":
        return [one]
    signing.sign_theirs(session, one, at=moment, by=by, name=party.name[:120])
    advance_row = next(each for each in one.obligations if each.side is Side.theirs)
    obligations.fulfil(session, one, obligation=advance_row.id, by=by, at=moment)
    if fate == "amended":
        return [one, _amend(session, one, by, moment)]
    if fate == "terminated":
        contracts.terminate(session, one, reason=ENDED[spoken], at=moment)
    return [one]


def _full(session: Session, by: Actor) -> str:
    """Return the full name of somebody of the team."""
    return str(session.get(User, by.user_id))


def _amend(session: Session, one: Contract, by: Actor, moment: datetime) -> Contract:
    """Raise the amount by an amendment that both sign."""
    amended = contracts.amend(session, one)
    amended.created_at, amended.valid_from, amended.terms = moment, moment.date(), one.terms
    amended.amount = (one.amount or Decimal(1000)) * 2
    contracts.save(session, amended)
    contracts.submit(session, amended)
    contracts.approve(session, amended, at=moment, by=by)
    signing.sign_ours(session, amended, at=moment, by=by, name=_full(session, by))
    signing.sign_theirs(session, amended, at=moment, by=by, name=one.party.name[:120])
    return amended
