"""The totals of a document as the European norm for electronic invoices states them.

Source: EN 16931-1:2017, sections 6.3 and 6.4.2.
"""

from dataclasses import dataclass
from decimal import Decimal

from app.errors import DomainError
from app.i18n import gettext as _
from app.money.amount import digits, exact, on_grid, quantize
from app.money.pricing import Priced, TaxCategory

_PLACES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EnTax:
    """One row of the VAT breakdown. Units: the rate is a fraction, BT-119 is 100 times that."""

    category: TaxCategory  # BT-118
    rate: Decimal  # BT-119 / 100
    base: Decimal  # BT-116
    tax: Decimal  # BT-117


@dataclass(frozen=True, slots=True, kw_only=True)
class EnTotals:
    """The document totals, where BR-CO-10 to BR-CO-17 hold exactly."""

    lines: Decimal  # BT-106, the sum of the lines' BT-131
    allowances: Decimal  # BT-107
    charges: Decimal  # BT-108
    without_tax: Decimal  # BT-109
    tax: Decimal  # BT-110
    with_tax: Decimal  # BT-112
    prepaid: Decimal  # BT-113
    rounding: Decimal  # BT-114
    payable: Decimal  # BT-115
    breakdown: tuple[EnTax, ...]  # BG-23


def en_totals(priced: Priced, prepaid: Decimal = Decimal(0)) -> EnTotals:
    """State a priced document by EN 16931; what is payable stays what the document says.

    The norm knows only tax = base * rate, rounded per group (BR-CO-17). Where tax was rounded per line, or prices
    include tax, the document's own tax may differ by some steps: that difference is the rounding amount, BT-114.
    Raises DomainError for currencies with more than two decimals, which the norm has no place for (BR-DEC).
    """
    currency = priced.options.currency
    if digits(currency) > _PLACES:
        raise DomainError(
            _("An electronic invoice cannot state amounts in %(currency)s: they have more than two decimals",
              currency=currency),
            field="currency",
        )  # fmt: skip
    with exact():
        breakdown = tuple(
            EnTax(category=g.category, rate=g.rate, base=g.base, tax=quantize(g.base * g.rate, currency))
            for g in priced.groups
        )
        tax = quantize(sum((row.tax for row in breakdown), Decimal(0)), currency)
        paid = on_grid(prepaid, currency, "prepaid")
        with_tax = quantize(priced.net + tax, currency)
        return EnTotals(
            lines=quantize(sum((line.net for line in priced.lines), Decimal(0)), currency),
            allowances=priced.discount,
            charges=priced.charge,
            without_tax=priced.net,
            tax=tax,
            with_tax=with_tax,
            prepaid=paid,
            rounding=quantize(priced.gross - with_tax, currency),
            payable=quantize(priced.gross - paid, currency),
            breakdown=breakdown,
        )
