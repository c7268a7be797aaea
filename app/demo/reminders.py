"""Levels of reminders of the demo company, in four languages; they begin with what is due from the demo's day on."""

from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.organisation import Organisation
from app.models.reminder_level import ReminderLevel, ReminderText
from app.services import reminder_level as levels

# days after the due date, fee, interest (percent a year)
STEPS: tuple[tuple[int, Decimal | None, Decimal | None], ...] = (
    (5, None, None),
    (15, Decimal(10), None),
    (30, Decimal(25), Decimal(8)),
)
# language → subject and beginning of each step, what is to be paid without and with costs, and the closing
Said = tuple[tuple[tuple[str, str], ...], tuple[str, str], str]
SAID: dict[str, Said] = {
    "nl": (
        (
            ("Herinnering: factuur {number}", "Misschien is onze factuur {number} van {issued} u ontgaan."),
            ("Tweede herinnering: factuur {number}", "Wij zagen nog geen betaling van factuur {number}."),
            ("Laatste herinnering: factuur {number}", "Factuur {number} staat na twee herinneringen nog open."),
        ),
        ("Te betalen: {rest}, vervallen op {due}.", "Te betalen met kosten en rente: {total}, vervallen op {due}."),
        "Met vriendelijke groet,\n{organisation}",
    ),
    "en": (
        (
            ("Reminder: invoice {number}", "Perhaps our invoice {number} of {issued} has escaped you."),
            ("Second reminder: invoice {number}", "We have seen no payment of invoice {number} yet."),
            ("Last reminder: invoice {number}", "Invoice {number} is still open after two reminders."),
        ),
        ("To be paid: {rest}, due on {due}.", "To be paid with costs and interest: {total}, due on {due}."),
        "Yours sincerely,\n{organisation}",
    ),
    "ru": (
        (
            ("Напоминание: счёт {number}", "Возможно, вы не заметили наш счёт {number} от {issued}."),
            ("Второе напоминание: счёт {number}", "Мы пока не видим оплаты счёта {number}."),
            ("Последнее напоминание: счёт {number}", "После двух напоминаний счёт {number} не оплачен."),
        ),
        ("К оплате: {rest}, срок {due}.", "К оплате с расходами и процентами: {total}, срок {due}."),
        "С уважением,\n{organisation}",
    ),
    "hy": (
        (
            ("Հիշեցում՝ հաշիվ {number}", "Գուցե չեք նկատել {issued}-ի մեր {number} հաշիվը։"),
            ("Երկրորդ հիշեցում՝ հաշիվ {number}", "Դեռ չենք տեսնում {number} հաշվի վճարումը։"),
            ("Վերջին հիշեցում՝ հաշիվ {number}", "Երկու հիշեցումից հետո {number} հաշիվը դեռ վճարված չէ։"),
        ),
        ("Վճարման ենթակա՝ {rest}, ժամկետը՝ {due}։", "Վճարման ենթակա ծախսերով և տոկոսներով՝ {total}, ժամկետը՝ {due}։"),
        "Հարգանքով՝\n{organisation}",
    ),
}


def ensure(session: Session, *, organisation: Organisation, today: date) -> int:
    """Make the levels, if there are none, and return how many were made."""
    if session.scalar(select(ReminderLevel.id).limit(1)) is not None:
        return 0
    for at, (days, fee, interest) in enumerate(STEPS):
        made = ReminderLevel(organisation=organisation, position=at + 1, days=days, gap_days=5, since=today)
        made.fee, made.interest_percent = fee, interest
        made.texts = [_text(code, at, asks_costs=fee is not None) for code in SAID]
        levels.save(session, made)
    session.flush()
    return len(STEPS)


def _text(code: str, at: int, *, asks_costs: bool) -> ReminderText:
    steps, ends, closing = SAID[code]
    subject, begins = steps[at]
    return ReminderText(language=code, subject=subject, text=f"{begins}\n\n{ends[asks_costs]}\n\n{closing}")
