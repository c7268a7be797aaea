"""When and how much is due: the dates of payment terms, and discounts for paying early."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from app.errors import DomainError
from app.i18n import gettext as _
from app.money.amount import QUANTITY, exact, percent_of, quantize, within
from app.money.pricing import HUNDRED, Priced, less, shares, tax_on

_MOST = 3660  # days in one step: ten years
_MONTHS = 12


class StepKind(StrEnum):
    """One move forward in the calendar."""

    days = "days"
    months = "months"
    month_end = "month_end"
    month_day = "month_day"


# The least and the most that the count of a step may be.
_LIMITS = {
    StepKind.days: (0, _MOST),
    StepKind.months: (0, _MOST // 30),
    StepKind.month_end: (0, 0),
    StepKind.month_day: (1, 31),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of payment terms: add `count` days or months, go to the month's end, or to the next day `count`.

    A month added to 31 January is the last of February. The next 1st (or 15th) is the first such day that is not
    before the day reached, so that whoever is on the 15th already stays there; in a short month the 31st is its
    last day.
    """

    kind: StepKind
    count: int = 0

    def __post_init__(self) -> None:
        least, most = _LIMITS[self.kind]
        if not least <= self.count <= most:
            raise DomainError(
                _("This step of the terms needs a number from %(least)s to %(most)s", least=least, most=most),
                field="steps",
            )

    def __call__(self, day: date) -> date:
        """Take the step from a day."""
        if self.kind == StepKind.days:
            return day + timedelta(days=self.count)
        if self.kind == StepKind.months:
            return _in_month(day.year, day.month + self.count, day.day)
        if self.kind == StepKind.month_end:
            return _in_month(day.year, day.month, 31)
        here = _in_month(day.year, day.month, self.count)
        return here if here >= day else _in_month(day.year, day.month + 1, self.count)


def read_steps(stored: object) -> tuple[Step, ...]:
    """Read steps as they are stored in JSON.

    Shape: `[["days", 5], ["month_end"], ["month_day", 1]]`.
    Raises DomainError for anything else.
    """
    if not isinstance(stored, list | tuple):
        raise DomainError(_("These payment terms cannot be read"), field="steps")
    steps = []
    for item in stored:
        count = item[1] if isinstance(item, list | tuple) and len(item) > 1 else 0
        if (
            not isinstance(item, list | tuple)
            or len(item) not in {1, 2}
            or item[0] not in list(StepKind)
            or type(count) is not int
        ):
            raise DomainError(_("These payment terms cannot be read"), field="steps")
        steps.append(Step(StepKind(item[0]), count))
    return tuple(steps)


def due_on(issued_on: date, steps: Iterable[Step]) -> date:
    """Return the day that payment terms lead to; without steps that of the document itself.

    Raises DomainError when the calendar ends before that day.
    """
    day = issued_on
    for step in steps:
        try:
            day = step(day)
        except OverflowError:
            raise DomainError(_("These payment terms lead beyond the calendar"), field="steps") from None
    return day


def months_before(day: date, count: int) -> date:
    """Return the day so many months earlier: of 31 March one month before, the last of February."""
    if day.year * _MONTHS + day.month - count <= _MONTHS:
        return date.min
    return _in_month(day.year, day.month - count, day.day)


def _in_month(year: int, month: int, day: int) -> date:
    """Return the day in a month counted on from January of the year, or the last day of that month."""
    years, index = divmod(month - 1, _MONTHS)
    year, month = year + years, index + 1
    if year > date.max.year:
        raise OverflowError
    return date(year, month, min(day, monthrange(year, month)[1]))


class CashDiscountTax(StrEnum):
    """When a discount for early payment lowers the tax: always, only for those who take it, or never."""

    always = "always"
    early = "early"
    never = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class CashDiscount:
    """What is to be paid early and late, and the tax of every group then, in the order of the document's groups."""

    early: Decimal
    late: Decimal
    early_taxes: tuple[Decimal, ...]
    late_taxes: tuple[Decimal, ...]


def cash_discount(priced: Priced, percent: Decimal, tax: CashDiscountTax) -> CashDiscount:
    """Return what a document comes to with and without its discount for early payment.

    The discount is taken off the document's total (of prices with tax when these are what was agreed), and split
    over the tax groups by largest remainder; a tax that is lowered is computed on what remains, by the document's
    own way of rounding. Where the tax is never lowered, the discount is taken off the net total only.
    """
    if not 0 <= within(percent, QUANTITY, "percent") <= HUNDRED:
        raise DomainError(_("A discount is between 0 and 100 percent"), field="percent")
    currency = priced.options.currency
    full = tuple(group.tax for group in priced.groups)
    with exact():
        if tax == CashDiscountTax.never:
            early = quantize(priced.gross - percent_of(priced.net, percent, currency), currency)
            return CashDiscount(early=early, late=priced.gross, early_taxes=full, late_taxes=full)
        agreed = [sum(group.parts, Decimal(0)) for group in priced.groups]
        off = percent_of(sum(agreed, Decimal(0)), percent, currency)
        cuts = (shares(off, agreed, currency) if agreed else None) or [Decimal(0)] * len(agreed)
        lower = tuple(
            tax_on(less(group.parts, cut, currency), group.rate, priced.options)
            for group, cut in zip(priced.groups, cuts, strict=True)
        )
        early = priced.gross - off
        if not priced.options.prices_include_tax:
            early += sum(lower) - priced.tax
        late_taxes = lower if tax == CashDiscountTax.always else full
        return CashDiscount(
            early=quantize(early, currency),
            late=quantize(priced.net + sum(late_taxes), currency),
            early_taxes=lower,
            late_taxes=late_taxes,
        )
