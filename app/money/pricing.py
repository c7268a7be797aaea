"""Price a document: the one function behind quote, order, invoice, PDF, XML, API and reports."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.money.amount import QUANTITY, RATE, apportion, digits, exact, in_currency, on_grid, quantize, within

ZERO = Decimal(0)
HUNDRED = Decimal(100)


class TaxCategory(StrEnum):
    """What kind of supply the tax law sees. Source: UN/ECE code list 5305 as used by EN 16931."""

    standard = "S"
    zero_rated = "Z"
    exempt = "E"
    reverse_charge = "AE"
    intra_community = "K"
    export = "G"
    outside_scope = "O"


class TaxRounding(StrEnum):
    """Where the tax of a document is rounded: once on the total of each group (EN 16931), or on every line."""

    per_group = "per_group"
    per_line = "per_line"


@dataclass(frozen=True, slots=True)
class TaxKey:
    """What puts lines into one tax group. Units: 21 % is a rate of 0.21."""

    category: TaxCategory
    rate: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class LineIn:
    """A line as agreed. Units: the price with or without tax, as the document says; the discount in percent."""

    quantity: Decimal
    unit_price: Decimal
    tax: TaxKey
    discount_percent: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a document says about all its lines.

    Units: `discount` and `charge` in the currency, with or without tax as the prices are.
    `returns` allows negative quantities, and a negative discount or charge with them.
    """

    currency: str
    prices_include_tax: bool = False
    tax_rounding: TaxRounding = TaxRounding.per_group
    discount: Decimal = ZERO
    charge: Decimal = ZERO
    returns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """What a line comes to.

    `full` is the amount before the line's discount and `discount` what that takes off, both with or without tax
    as the prices are.
    """

    tax_key: TaxKey
    full: Decimal
    discount: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxGroup:
    """All of a document under one category and rate.

    `base` = the lines' net - `discount` + `charge`, where the last two are this group's shares of the document's,
    without tax. `parts` are the amounts that the tax was computed on, with or without it as the prices are: every
    line less its share of the document's discount, and the charge.
    """

    tax_key: TaxKey
    discount: Decimal
    charge: Decimal
    base: Decimal
    tax: Decimal
    parts: tuple[Decimal, ...]

    @property
    def category(self) -> TaxCategory:
        return self.tax_key.category

    @property
    def rate(self) -> Decimal:
        return self.tax_key.rate

    @property
    def gross(self) -> Decimal:
        return self.base + self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """What a document comes to; the lines in their order, the groups by falling rate.

    Always: net + tax = gross; the groups' bases add up to net and their taxes to tax; the lines' net - discount +
    charge = net, and without document discount and charge the lines' taxes add up to tax.
    """

    options: Options
    lines: tuple[PricedLine, ...]
    groups: tuple[TaxGroup, ...]
    discount: Decimal
    charge: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


def price(lines: Sequence[LineIn], options: Options) -> Priced:
    """Price a document.

    Every line is rounded to the currency once, totals are sums of rounded lines. Tax is rounded per group, and the
    printed taxes of the lines are that sum apportioned by largest remainder; or, by the other setting, rounded on
    every line less its share (by largest remainder) of the document's discount, and on the charge, and added up.
    The tax that a line prints is always that before the document's discount, as its net is. Prices that include tax
    are kept: tax = gross * r / (1 + r), net is the rest.
    Raises Refusals with fields such as `lines-0-quantity`, counted from 0.
    """
    _refuse(lines, options)
    with exact():
        before, amounts = _amounts(lines, options)
        keys = sorted({line.tax for line in lines}, key=lambda key: (-key.rate, key.category))
        members = [[at for at, line in enumerate(lines) if line.tax == key] for key in keys]
        sums = [sum((amounts[at] for at in group), ZERO) for group in members]
        discounts = _document_share(options.discount, sums, options, "discount")
        charges = _document_share(options.charge, sums, options, "charge")
        priced: dict[int, PricedLine] = {}
        groups = []
        for key, group, discount, charge in zip(keys, members, discounts, charges, strict=True):
            own = [amounts[at] for at in group]
            parts = [*less(own, discount, options.currency), charge]
            nets, taxes = _taxed([*own, -discount, charge], parts, key.rate, options)
            groups.append(
                TaxGroup(
                    tax_key=key,
                    discount=_sum([-nets[-2]], options),
                    charge=nets[-1],
                    base=_sum(nets, options),
                    tax=_sum(taxes, options),
                    parts=tuple(parts),
                )
            )
            for at, net, tax in zip(group, nets, taxes, strict=False):  # the last two are no lines
                priced[at] = PricedLine(
                    tax_key=key,
                    full=before[at],
                    discount=_sum([before[at], -amounts[at]], options),
                    net=net,
                    tax=tax,
                    gross=_sum([net, tax], options),
                )
        return Priced(
            options=options,
            lines=tuple(priced[at] for at in range(len(lines))),
            groups=tuple(groups),
            discount=_sum([group.discount for group in groups], options),
            charge=_sum([group.charge for group in groups], options),
            net=_sum([group.base for group in groups], options),
            tax=_sum([group.tax for group in groups], options),
            gross=_sum([group.gross for group in groups], options),
        )


def taxes_in(priced: Priced, rate: Decimal, currency: str) -> list[Decimal]:
    """State the tax of every group in the organisation's currency too; the parts add up to the converted total.

    Source: Directive 2006/112/EC article 230 (the VAT in the national currency); EN 16931 BT-111 is the sum.
    """
    total = in_currency(priced.tax, rate, currency)
    with exact():
        return apportion(total, [group.tax * rate for group in priced.groups], currency)


def shares(amount: Decimal, sums: Sequence[Decimal], currency: str) -> list[Decimal] | None:
    """Split an amount of a document over its groups; None when it has nothing to be split over.

    Groups that run against the document's total (returned goods on a bill) bear none of it: a proportion to
    amounts of both signs could exceed the amount itself. A document with one group needs no proportion.
    """
    if len(sums) == 1:
        return [amount]
    with exact():
        total = sum(sums, ZERO)
        bearing = [value if value * total > 0 else ZERO for value in sums]
        whole = sum(bearing, ZERO)
        if not whole:
            return None
        return apportion(amount, [amount * value / whole for value in bearing], currency)


def less(parts: Sequence[Decimal], off: Decimal, currency: str) -> list[Decimal]:
    """Take an amount off the parts, in proportion and by largest remainder."""
    taken = shares(off, parts, currency) if parts and off else None
    return [part - cut for part, cut in zip(parts, taken, strict=True)] if taken else list(parts)


def tax_on(parts: Sequence[Decimal], rate: Decimal, options: Options) -> Decimal:
    """Return the tax of one group, rounded on the total or on every part as the document says."""
    with exact():
        if options.tax_rounding == TaxRounding.per_line:
            return _sum([quantize(_raw_tax(part, rate, options), options.currency) for part in parts], options)
        return quantize(_raw_tax(sum(parts, ZERO), rate, options), options.currency)


def _raw_tax(amount: Decimal, rate: Decimal, options: Options) -> Decimal:
    return amount * rate / (1 + rate) if options.prices_include_tax else amount * rate


def _taxed(
    rows: Sequence[Decimal], parts: Sequence[Decimal], rate: Decimal, options: Options
) -> tuple[list[Decimal], list[Decimal]]:
    """Return the net amounts and taxes of one group's rows: its lines, its discount (negative), its charge.

    The taxes add up to the tax on the parts.
    """
    total = tax_on(parts, rate, options)
    raw = [_raw_tax(row, rate, options) for row in rows]
    if options.tax_rounding == TaxRounding.per_line:
        taxes = [quantize(tax, options.currency) for tax in raw]
        taxes[-2] += total - sum(taxes)  # the discount takes off what the lines bear less by it
    else:
        taxes = apportion(total, raw, options.currency)
    if options.prices_include_tax:
        return [quantize(row - tax, options.currency) for row, tax in zip(rows, taxes, strict=True)], taxes
    return [quantize(row, options.currency) for row in rows], taxes


def _sum(amounts: Sequence[Decimal], options: Options) -> Decimal:
    return quantize(sum(amounts, ZERO), options.currency)


def _amounts(lines: Sequence[LineIn], options: Options) -> tuple[list[Decimal], list[Decimal]]:
    """Return what the lines come to before and after their discounts, each rounded once."""
    before, after = [], []
    for at, line in enumerate(lines):
        full = line.quantity * line.unit_price
        try:
            before.append(quantize(full, options.currency))
            after.append(quantize(full * (HUNDRED - line.discount_percent) / HUNDRED, options.currency))
        except DomainError as refusal:
            raise DomainError(refusal.text, field=f"lines-{at}-quantity") from None
    return before, after


def _document_share(amount: Decimal, sums: Sequence[Decimal], options: Options, field: str) -> list[Decimal]:
    """Split the document's discount or charge over the groups, or refuse what cannot be split."""
    value = on_grid(amount, options.currency, field)
    if not value:
        return [ZERO] * len(sums)
    total = sum(sums, ZERO)
    if value < 0 and not options.returns:
        raise DomainError(_("This cannot be less than zero"), field=field)
    if field == "discount" and (value * total < 0 or abs(value) > abs(total)):
        raise DomainError(_("The discount cannot be more than the lines come to"), field=field)
    found = shares(value, sums, options.currency) if sums else None
    if found is None:
        raise DomainError(_("There is nothing to split this amount over"), field=field)
    return found


def _refuse(lines: Sequence[LineIn], options: Options) -> None:
    """Raise every refusal of every line at once, so that a form can show them all."""
    digits(options.currency)
    errors: dict[str, list[str]] = {}
    for at, line in enumerate(lines):
        for field, text in _faults(line, returns=options.returns):
            errors.setdefault(f"lines-{at}-{field}", []).append(text)
    if errors:
        raise Refusals(errors)


def _faults(line: LineIn, *, returns: bool) -> Iterator[tuple[str, str]]:
    """Yield the field and the text of everything wrong with a line."""
    for field, value, limits in (
        ("quantity", line.quantity, QUANTITY),
        ("unit_price", line.unit_price, QUANTITY),
        ("discount_percent", line.discount_percent, QUANTITY),
        ("tax", line.tax.rate, RATE),
    ):
        try:
            number = within(value, limits)
        except DomainError as refusal:
            yield field, refusal.text
            continue
        text = _fault(field, number, line, returns=returns)
        if text:
            yield field, text


def _fault(field: str, number: Decimal, line: LineIn, *, returns: bool) -> str | None:
    """Say what is wrong with one number of a line that fits its column."""
    text = None
    if field == "quantity":
        if not number:
            text = _("The quantity cannot be zero")
        elif number < 0 and not returns:
            text = _("The quantity must be above zero")
    elif field == "unit_price" and number < 0:
        text = _("A price cannot be less than zero")
    elif field == "discount_percent" and not 0 <= number <= HUNDRED:
        text = _("A discount is between 0 and 100 percent")
    elif field == "tax":
        if not 0 <= number <= 1:
            text = _("A tax rate is between 0 and 100 percent")
        elif (line.tax.category == TaxCategory.standard) != (number > 0):
            text = _("Only the standard category has a tax rate, and it must be above zero")
    return text
