"""Reminding of overdue invoices: what comes next and why, writing it, and leaving an invoice alone.

A reminder is written in one transaction that holds the invoice, reads anew what is open of it, and notes the level:
each level once, and none after the payment. The letter itself is asked once more before it leaves
(services.letter_ledger): who has paid meanwhile gets none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import language, written_day
from app.models.invoice import Invoice, InvoiceState, Settlement
from app.models.letter import Letter, LetterState
from app.models.organisation import Organisation
from app.models.reminder_level import InvoiceReminder, ReminderLevel
from app.models.suppression import NoContact
from app.services import access, letter_overdue
from app.services import mail_server as mail_servers
from app.services import period as periods
from app.services import reminder_level as levels
from app.services.access import Actor
from app.services.gate import NotContactedError
from app.services.letter_bring import addressee
from app.services.text import is_blank, line

TOPIC = "invoice.remind"
_NEVER_LEFT = (LetterState.failed, LetterState.cancelled)
_OPEN = (Settlement.open, Settlement.partly_paid)
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Next:
    """What comes next for an invoice and why; without a level nothing does, and `why` says what is in the way."""

    why: str
    level: ReminderLevel | None = None
    on: date | None = None


# --- what comes next --------------------------------------------------------------------------------------------------


def upcoming(session: Session, invoice: Invoice, *, at: datetime) -> Next:
    """Say which level comes next for an invoice, not before which day, and because of what."""
    today = periods.today(invoice.organisation, at)
    stopped = _stopped(invoice) or _blocked_for_good(invoice) or _no_mail(session, invoice.organisation)
    if stopped is not None:
        return Next(why=stopped)
    level = _next_level(session, invoice, today=today, is_spent=lambda _row: True)
    if level is None or invoice.due_on is None:
        return Next(why=_("no level is left for it"))
    on, why = max(_reasons(session, invoice, level, due=invoice.due_on), key=lambda each: each[0])
    return Next(level=level, on=max(on, today), why=why)


def _reasons(session: Session, invoice: Invoice, level: ReminderLevel, *, due: date) -> list[tuple[date, str]]:
    """Return before which days a level does not come, each with its reason."""
    found = [(due + timedelta(days=level.days), _("that is the day of this level, counted from the due date"))]
    last = _last_contact(session, invoice)
    if last is not None and level.gap_days:
        said = {"day": written_day(last, language()), "days": level.gap_days}
        why = _("the last letter was written on %(day)s; days kept between letters: %(days)s", **said)
        found.append((last + timedelta(days=level.gap_days), why))
    until = invoice.reminder_block_until
    if invoice.reminder_block_why is not None and until is not None:
        day = written_day(until, language())
        found.append((until + _DAY, _("reminders are blocked up to and including %(day)s", day=day)))
    return found


def _stopped(invoice: Invoice) -> str | None:
    """Return why an invoice is none of which anybody is reminded, whatever the day."""
    if invoice.is_credit_note:
        return _("only invoices are reminded of")
    if invoice.state != InvoiceState.issued:
        return _("only issued invoices that are not closed are reminded of")
    if invoice.rest <= 0:
        return _("nothing of it is open")
    return None


def _blocked_for_good(invoice: Invoice) -> str | None:
    if invoice.reminder_block_why is None or invoice.reminder_block_until is not None:
        return None
    return _("reminders are blocked: %(why)s", why=invoice.reminder_block_why)


def _no_mail(session: Session, organisation: Organisation) -> str | None:
    try:
        mail_servers.ready(session, organisation)
    except DomainError as refusal:
        return refusal.text
    return None


def _next_level(
    session: Session, invoice: Invoice, *, today: date, is_spent: Callable[[InvoiceReminder], bool]
) -> ReminderLevel | None:
    """Return the first level that an invoice has not had; one that comes before the due date is over after it."""
    spent = {row.level for row in session.scalars(of(invoice)) if is_spent(row)}
    is_late = invoice.due_on is not None and invoice.due_on < today
    for level in levels.fitting(session, invoice):
        if level.position not in spent and not (level.days < 0 and is_late):
            return level
    return None


def _last_contact(session: Session, invoice: Invoice) -> date | None:
    """Return the day on which the counterparty was last written to by the invoice's company, whoever wrote."""
    latest = select(func.max(Letter.created_at)).where(
        Letter.party_id == invoice.party_id,
        Letter.organisation_id == invoice.organisation_id,
        Letter.state.not_in(_NEVER_LEFT),
    )
    with access.everything(session, why="days between letters are counted for the one who gets them"):
        found = session.scalar(latest)
    return periods.today(invoice.organisation, found) if found is not None else None


def of(invoice: Invoice) -> Select[InvoiceReminder]:
    """Return the statement for what an invoice was reminded of, the first level first."""
    return select(InvoiceReminder).where(InvoiceReminder.invoice_id == invoice.id).order_by(InvoiceReminder.level)


def count_of(invoice: Invoice) -> Select[int]:
    """Return the statement for how many levels an invoice was reminded of."""
    return select(func.count()).select_from(InvoiceReminder).where(InvoiceReminder.invoice_id == invoice.id)


def shown(invoice: Invoice) -> Select[InvoiceReminder]:
    """Return the same with what a card says of each letter."""
    return of(invoice).options(selectinload(InvoiceReminder.letter))


# --- reminding --------------------------------------------------------------------------------------------------------


def candidates(session: Session, *, at: datetime) -> list[int]:
    """Return the keys of invoices for which a level has come, the longest due first; companies without mail wait."""
    found: dict[int, None] = {}
    for us in session.scalars(select(Organisation).order_by(Organisation.id)).all():
        if _no_mail(session, us) is None:
            today = periods.today(us, at)
            for level in session.scalars(levels.of(us)).all():
                found |= dict.fromkeys(session.scalars(_come(level, today)).all())
    return list(found)


def _come(level: ReminderLevel, today: date) -> Select[int]:
    had = select(InvoiceReminder.id).where(
        InvoiceReminder.invoice_id == Invoice.id, InvoiceReminder.level == level.position
    )
    come = [Invoice.due_on <= today - timedelta(days=level.days), Invoice.due_on >= level.since]
    if level.days < 0:
        come.append(Invoice.due_on >= today)
    return (
        select(Invoice.id)
        .where(
            Invoice.organisation_id == level.organisation_id,
            Invoice.settlement.in_(_OPEN),
            letter_overdue.owed(today),
            *come,
            ~had.exists(),
        )
        .order_by(Invoice.due_on, Invoice.id)
    )


def remind_due(session: Session, invoice_id: int, *, at: datetime) -> Letter | None:
    """Write the reminder that is due for an invoice, and return it; None when there is none now.

    All that speaks for it is read anew while the invoice is held. Whoever cannot be written to is noted with the
    reason: that level is over, and the next one tries again.
    """
    invoice = access.get(session, Invoice, invoice_id)
    if invoice is None:
        return None
    _hold(session, invoice)
    step = upcoming(session, invoice, at=at)
    if step.level is None or step.on is None or step.on > periods.today(invoice.organisation, at):
        return None
    if addressee(invoice.party)[1] is None:
        _note(session, invoice, step.level, refused=NoContact.no_address, at=at)
        return None
    try:
        letter = letter_overdue.send(session, invoice, level=step.level, at=at, by=None)
    except NotContactedError as refusal:
        _note(session, invoice, step.level, refused=refusal.answer.reason, at=at)
        return None
    _note(session, invoice, step.level, letter=letter, at=at)
    return letter


def remind_now(session: Session, invoice: Invoice, *, at: datetime, by: Actor | None) -> Letter:
    """Write the next reminder of an overdue invoice at once, whatever the days between letters; one a day at most.

    A level for which nobody could be written to is tried again. Raises DomainError, NotContactedError.
    """
    _hold(session, invoice)
    refuse_unremindable(invoice, at=at)
    today = periods.today(invoice.organisation, at)
    made = [row for row in session.scalars(of(invoice)) if row.refused is None]
    if any(periods.today(invoice.organisation, row.made_at) == today for row in made):
        raise DomainError(_("A reminder of this invoice was written today already"), field="state")
    level = _next_level(session, invoice, today=today, is_spent=lambda row: row.refused is None)
    if level is None:
        raise DomainError(_("No level of reminders is left for this invoice"), field="state")
    mail_servers.ready(session, invoice.organisation)
    letter = letter_overdue.send(session, invoice, level=level, at=at, by=by)
    _note(session, invoice, level, letter=letter, at=at)
    return letter


def refuse_unremindable(invoice: Invoice, *, at: datetime) -> None:
    """Raise DomainError for an invoice of which nobody is reminded today."""
    today = periods.today(invoice.organisation, at)
    refuse_stopped(invoice)
    if is_blocked(invoice, on=today):
        raise DomainError(_("Reminders are blocked: %(why)s", why=invoice.reminder_block_why), field="state")
    if invoice.due_on is None or invoice.due_on >= today:
        raise DomainError(_("This invoice is not overdue yet"), field="state")


def refuse_stopped(invoice: Invoice) -> None:
    """Raise DomainError at "state" for a document of which nobody is ever reminded as it stands."""
    stopped = _stopped(invoice)
    if stopped is not None:
        raise DomainError(_("Nobody is reminded of this: %(why)s", why=stopped), field="state")


def _hold(session: Session, invoice: Invoice) -> None:
    """Keep payments and blocks of an invoice away until the transaction ends, and read it anew."""
    session.flush()
    session.refresh(invoice, with_for_update={"key_share": True})


def _note(
    session: Session,
    invoice: Invoice,
    level: ReminderLevel,
    *,
    at: datetime,
    letter: Letter | None = None,
    refused: NoContact | None = None,
) -> None:
    had = session.scalars(of(invoice).where(InvoiceReminder.level == level.position)).one_or_none()
    row = had or InvoiceReminder(invoice_id=invoice.id, level=level.position)
    row.made_at, row.letter, row.refused = at, letter, refused
    session.add(row)
    session.flush()


# --- leaving an invoice alone -----------------------------------------------------------------------------------------


def is_blocked(invoice: Invoice, *, on: date) -> bool:
    """Say whether somebody has said that nobody is reminded of an invoice on a day."""
    until = invoice.reminder_block_until
    return invoice.reminder_block_why is not None and (until is None or on <= until)


def block(session: Session, invoice: Invoice, *, reason: str, at: datetime, blocked_until: date | None = None) -> None:
    """Let nobody be reminded of an invoice, up to and including a day or until it is allowed again."""
    words = line(reason, limit=500, field="reason")
    if is_blank(words):
        raise DomainError(_("Say why"), field="reason")
    _hold(session, invoice)
    refuse_stopped(invoice)
    if blocked_until is not None and blocked_until < periods.today(invoice.organisation, at):
        raise DomainError(_("This day is over"), field="blocked_until")
    invoice.reminder_block_why, invoice.reminder_block_until = words, blocked_until
    session.flush()


def allow(session: Session, invoice: Invoice) -> None:
    """Let reminders of an invoice come again."""
    refuse_unblocked(invoice)
    invoice.reminder_block_why = invoice.reminder_block_until = None
    session.flush()


def refuse_unblocked(invoice: Invoice) -> None:
    """Raise DomainError at "state" unless reminders of an invoice are blocked."""
    if invoice.reminder_block_why is None:
        raise DomainError(_("Reminders of this invoice are not blocked"), field="state")
