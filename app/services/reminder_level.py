"""The levels by which overdue invoices are reminded of: their rules, and which of them come next for an invoice."""

from collections.abc import Collection

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from app.errors import DomainError, Refusals
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.models.invoice import Invoice
from app.models.organisation import Organisation
from app.models.reminder_level import ReminderLevel, ReminderText
from app.money import on_grid
from app.services.letter_template import LONGEST_TEXT, unknown_places
from app.services.letter_writing import head_line
from app.services.text import is_blank, lines

PLACES = ("party", "organisation", "number", "issued", "due", "days", "rest", "fee", "interest", "total")
_POSSIBLE = {"position": (1, 9), "days": (-60, 730), "gap_days": (0, 365)}
_MOST_PERCENT = 100


def save(session: Session, level: ReminderLevel) -> None:
    """Bring a level into its normal form and add it. Raises Refusals by field ("texts-0-subject")."""
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        for name, (least, most) in _POSSIBLE.items():
            value = getattr(level, name)
            if value is not None and not least <= value <= most:
                errors[name] = [_("A number from %(least)s to %(most)s is expected", least=least, most=most)]
        _check_costs(level, errors)
        if level.organisation is not None and "position" not in errors and _is_taken(session, level):
            errors["position"] = [_("This company has this level already")]
        told = [text.language for text in level.texts]
        if not told:
            errors["texts"] = [_("A level says something in one language at least")]
        elif len(told) != len(set(told)):
            errors["texts"] = [_("Each language stands here once")]
        for number, text in enumerate(level.texts):
            _check_text(text, f"texts-{number}", errors)
        if errors:
            raise Refusals(errors)
        session.add(level)


def _check_costs(level: ReminderLevel, errors: dict[str, list[str]]) -> None:
    if level.fee is not None:
        if level.fee < 0:
            errors["fee"] = [_("This cannot be below zero")]
        elif level.organisation is not None:
            try:
                level.fee = on_grid(level.fee, level.organisation.currency)
            except DomainError as refusal:
                errors["fee"] = [refusal.text]
    if level.interest_percent is not None and not 0 <= level.interest_percent <= _MOST_PERCENT:
        errors["interest_percent"] = [_("A number from %(least)s to %(most)s is expected", least=0, most=_MOST_PERCENT)]


def _is_taken(session: Session, level: ReminderLevel) -> bool:
    position = level.position if level.position is not None else 1
    same = select(ReminderLevel.id).where(
        ReminderLevel.organisation_id == level.organisation.id, ReminderLevel.position == position
    )
    if level.id is not None:
        same = same.where(ReminderLevel.id != level.id)
    return session.scalar(same.limit(1)) is not None


def _check_text(text: ReminderText, field: str, errors: dict[str, list[str]]) -> None:
    if text.language not in LANGUAGES:
        errors[f"{field}-language"] = [_("This is needed")]
    for name in ("subject", "text"):
        typed = getattr(text, name) or ""
        if is_blank(typed):
            errors[f"{field}-{name}"] = [_("This is needed")]
            continue
        try:
            tidy = head_line(typed, limit=250) if name == "subject" else lines(typed, limit=LONGEST_TEXT)
        except DomainError as refusal:
            errors[f"{field}-{name}"] = [refusal.text]
            continue
        setattr(text, name, tidy)
        unknown = unknown_places(tidy, PLACES)
        if unknown:
            known = ", ".join(f"{{{each}}}" for each in PLACES)
            said = _("“{%(name)s}” stands for nothing; these do: %(known)s", name=unknown[0], known=known)
            errors[f"{field}-{name}"] = [said]


def of(organisation: Organisation) -> Select[ReminderLevel]:
    """Return the statement for the levels of a company that are in use, the first one first."""
    return (
        select(ReminderLevel)
        .where(ReminderLevel.organisation_id == organisation.id, ReminderLevel.is_active.is_(True))
        .options(selectinload(ReminderLevel.texts))
        .order_by(ReminderLevel.position)
    )


def fitting(session: Session, invoice: Invoice) -> list[ReminderLevel]:
    """Return the levels that hold for an invoice: those that began before it was due, the first one first."""
    due = invoice.due_on
    return [level for level in session.scalars(of(invoice.organisation)) if due is not None and level.since <= due]


def text_in(level: ReminderLevel, languages: Collection[str]) -> ReminderText:
    """Return what a level says in the first of these languages that it knows, else in the first of its own."""
    known = {text.language: text for text in level.texts}
    return next((known[code] for code in languages if code in known), level.texts[0])
