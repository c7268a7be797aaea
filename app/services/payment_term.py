"""Payment terms: the rules of storing them, what they say in words, and when a document is due."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial

from sqlalchemy.orm import Session

from app import money
from app.i18n import LANGUAGES, ngettext
from app.i18n import gettext as _
from app.models.payment_term import PaymentTerm
from app.money import Step, StepKind
from app.services.collected import Collected
from app.services.text import is_blank, line, lines

_LONGEST_TEXT = 1000
_MOST_STEPS = 8
_MOST_DAYS = 366
_HUNDRED = 100
_TRIED_ON = date(2026, 1, 31)  # any day: terms that cannot be followed are refused when they are stored


def save(session: Session, term: PaymentTerm) -> None:
    """Bring payment terms into their normal form and add them to the session. Raises Refusals at the fields."""
    found = Collected()
    name = found.take("name", lambda: line(term.name or "", limit=120))
    if name is not None and is_blank(name):
        found.refuse("name", _("Payment terms need a name"))
    steps = found.take("steps", lambda: money.read_steps(term.steps or []))
    if len(steps or ()) > _MOST_STEPS:
        found.refuse("steps", _("At most %(most)s steps are possible", most=_MOST_STEPS))
    found.take("steps", lambda: money.due_on(_TRIED_ON, steps or ()))
    _check_discount(term, found)
    texts = [
        found.take(f"texts-{at}-text", partial(lines, text.text or "", limit=_LONGEST_TEXT))
        for at, text in enumerate(term.texts)
    ]
    for at, text in enumerate(term.texts):
        if text.language not in LANGUAGES or text.language in {other.language for other in term.texts[:at]}:
            found.refuse(f"texts-{at}-language", _("One text in each language is possible"))
    found.settle()
    term.name, term.steps = name or "", [list(step) for step in term.steps or []]
    for text, words in zip(term.texts, texts, strict=True):
        text.text = words or ""
    session.add(term)


def _check_discount(term: PaymentTerm, found: Collected) -> None:
    percent, days = term.discount_percent, term.discount_days
    if (percent is None) != (days is None):
        missing = "discount_percent" if percent is None else "discount_days"
        found.refuse(missing, _("A discount for paying early needs its percent and its days"))
    if percent is not None and not 0 <= percent <= _HUNDRED:
        found.refuse("discount_percent", _("A discount is between 0 and 100 percent"))
    if days is not None and not 0 <= days <= _MOST_DAYS:
        found.refuse("discount_days", _("From 0 to %(most)s days are possible", most=_MOST_DAYS))


def due_on(term: PaymentTerm | None, issued_on: date) -> date:
    """Return the day on which a document is due; without terms the day of the document."""
    return money.due_on(issued_on, money.read_steps(term.steps)) if term is not None else issued_on


def early_until(term: PaymentTerm, issued_on: date) -> date | None:
    """Return the last day on which the discount for paying early is taken, None when there is none."""
    return issued_on + timedelta(days=term.discount_days) if term.discount_days is not None else None


def text_in(term: PaymentTerm, language: str) -> str:
    """Return what a document in a language says about the terms: their text, or their steps in words."""
    for text in term.texts:
        if text.language == language:
            return text.text
    return described(money.read_steps(term.steps))


def described(steps: Iterable[Step]) -> str:
    """Return steps in the reader's words: "in 30 days, then at the end of the month"."""
    return ", ".join(_word(step) for step in steps) or _("at once")


def _word(step: Step) -> str:
    if step.kind == StepKind.days:
        return ngettext("in %(count)s day", "in %(count)s days", step.count, count=step.count)
    if step.kind == StepKind.months:
        return ngettext("in %(count)s month", "in %(count)s months", step.count, count=step.count)
    if step.kind == StepKind.month_end:
        return _("at the end of the month")
    return _("on day %(count)s of the month", count=step.count)
