"""What the people of the demo company have planned and done, when they work, and who is away."""

from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.demo.diary import Diary
from app.demo.team import PERSONS, People, Person
from app.models.activity import Activity, ActivityKind, Direction, Priority
from app.models.party import Party
from app.models.work_schedule import DAYS, Absence, AbsenceKind, CompanyHoliday, WorkSchedule
from app.services import access, planned, work_schedule
from app.services.access import Actor

MOST = 60
_SHARE_DONE = 0.45
_SELLERS = ("manager", "manager2", "head")
_OFFICE = "09:00-13:00, 13:30-17:30"
SUBJECTS: dict[str, dict[ActivityKind, tuple[str, ...]]] = {
    "en": {
        ActivityKind.call: ("Ask about the delivery address", "Talk through the offer"),
        ActivityKind.meeting: ("Visit at the warehouse", "Talk about next year"),
        ActivityKind.task: ("Send the price list", "Prepare samples"),
        ActivityKind.letter: ("Answer the question about packaging",),
        ActivityKind.message: ("Confirm the day of delivery",),
    },
    "nl": {
        ActivityKind.call: ("Vragen naar het afleveradres", "Offerte doornemen"),
        ActivityKind.meeting: ("Bezoek aan het magazijn", "Volgend jaar bespreken"),
        ActivityKind.task: ("Prijslijst sturen", "Monsters klaarleggen"),
        ActivityKind.letter: ("Vraag over verpakking beantwoorden",),
        ActivityKind.message: ("Leverdag bevestigen",),
    },
    "ru": {
        ActivityKind.call: ("Уточнить адрес доставки", "Обсудить предложение"),
        ActivityKind.meeting: ("Встреча на складе", "Обсудить следующий год"),
        ActivityKind.task: ("Отправить прайс-лист", "Подготовить образцы"),
        ActivityKind.letter: ("Ответить на вопрос об упаковке",),
        ActivityKind.message: ("Подтвердить день доставки",),
    },
    "hy": {
        ActivityKind.call: ("Ճշտել առաքման հասցեն", "Քննարկել առաջարկը"),
        ActivityKind.meeting: ("Հանդիպում պահեստում", "Քննարկել հաջորդ տարին"),
        ActivityKind.task: ("Ուղարկել գնացուցակը", "Պատրաստել նմուշներ"),
        ActivityKind.letter: ("Պատասխանել փաթեթավորման հարցին",),
        ActivityKind.message: ("Հաստատել առաքման օրը",),
    },
}
RESULTS = {
    "en": ("Agreed", "Call again in autumn", "Wants it in writing"),
    "nl": ("Akkoord", "In het najaar weer bellen", "Wil het schriftelijk"),
    "ru": ("Договорились", "Перезвонить осенью", "Просит письменно"),
    "hy": ("Պայմանավորվեցինք", "Աշնանը նորից զանգել", "Ուզում է գրավոր"),
}


def ensure(session: Session, *, people: People, today: date) -> dict[str, int]:
    """Make schedules, an absence and activities where there are none; return how many by stem."""
    _working_time(session, today)
    if session.scalar(select(func.count()).select_from(Activity)):
        return {"activity": 0}
    random = Random("plans")  # noqa: S311 -- the same demo every time
    diary, made = Diary(session), 0
    for person in PERSONS:
        if person.username not in _SELLERS:
            continue
        user_id = people.ids[person.username]
        by = Actor(user_id, person.username, access.SYSTEM.scope)
        theirs = select(Party).where(Party.owner_id == user_id).order_by(Party.id).limit(MOST // len(_SELLERS))
        for party in session.scalars(theirs).all():
            _one(session, random, diary, person, by, party, today)
            made += 1
        made += _repeating(session, diary, person, by, today)
    return {"activity": made}


def _one(  # noqa: PLR0917 -- the parts of one scene
    session: Session, random: Random, diary: Diary, person: Person, by: Actor, party: Party, today: date
) -> None:
    """Plan something about a party, and mostly have it done when its day is past."""
    kind = random.choice(list(SUBJECTS[person.language]))
    subject = random.choice(SUBJECTS[person.language][kind])
    days = random.randint(-20, 12)
    due_at = _at(person, today + timedelta(days=days), random.choice((9, 10, 11, 14, 15, 16)))
    planned_at = _at(person, today - timedelta(days=random.randint(21, 30)), 12)
    is_done = days < 0 and random.random() > _SHARE_DONE / 4
    with diary.entry(planned_at, by) as touched:
        made = planned.plan(
            session,
            party,
            kind=kind,
            subject=subject,
            due_at=due_at,
            owner_id=by.user_id,
            by=by,
            at=planned_at,
            is_all_day=kind is ActivityKind.task,
            duration_minutes={ActivityKind.call: 15, ActivityKind.meeting: 60}.get(kind),
            direction=None if kind in {ActivityKind.task, ActivityKind.meeting} else Direction.outgoing,
            priority=random.choice((Priority.normal,) * 6 + (Priority.high, Priority.low)),
        )
        touched.append(made)
    if is_done:
        done_at = due_at + timedelta(minutes=random.randint(5, 90))
        with diary.entry(done_at, by) as touched:
            planned.finish(session, made, result=random.choice(RESULTS[person.language]), by=by, at=done_at)
            touched.append(made)


def _repeating(session: Session, diary: Diary, person: Person, by: Actor, today: date) -> int:
    """Plan what repeats every Monday, about no record."""
    words = {"en": "Look through open invoices", "nl": "Openstaande facturen doornemen"}
    words |= {"ru": "Просмотреть неоплаченные счета", "hy": "Դիտել չվճարված հաշիվները"}
    monday = today + timedelta(days=(7 - today.weekday()) % 7 or 7)
    at = _at(person, today - timedelta(days=9), 10)
    with diary.entry(at, by) as touched:
        made = planned.plan(
            session,
            None,
            kind=ActivityKind.task,
            subject=words[person.language],
            due_at=_at(person, monday, 9),
            owner_id=by.user_id,
            by=by,
            at=at,
            recurrence="FREQ=WEEKLY;BYDAY=MO",
        )
        touched.append(made)
    return 1


def _at(person: Person, day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZoneInfo(person.time_zone))


def _working_time(session: Session, today: date) -> None:
    if session.scalar(select(func.count()).select_from(WorkSchedule)):
        return
    week = dict.fromkeys(DAYS[:5], _OFFICE)
    for name, zone, country, is_default in (
        ("Rotterdam", "Europe/Amsterdam", "NL", True),
        ("Ереван · Երևան", "Asia/Yerevan", "AM", False),
    ):
        work_schedule.save(
            session, WorkSchedule(name=name, time_zone=zone, country=country, is_default=is_default, **week)
        )
        session.flush()
    work_schedule.save_holiday(session, CompanyHoliday(held_on=date(today.year, 12, 24), name="Kerstavond"))
    away, stand_in = (
        session.scalars(select(User).where(User.username == name)).unique().one() for name in ("manager2", "head")
    )
    begins = today + timedelta(days=5)
    work_schedule.save_absence(
        session,
        Absence(
            user=away,
            kind=AbsenceKind.leave,
            begins_on=begins,
            ends_on=begins + timedelta(days=9),
            substitute=stand_in,
        ),
    )
    session.flush()
