"""Decimal arithmetic of the product: rounding, splitting, pricing a document, terms, numbers as people write them.

Nothing here reads a clock, a file or a database, and nothing anywhere else computes money.
"""

from app.money.amount import (
    digits,
    exact,
    in_currency,
    instalments,
    on_grid,
    percent_of,
    quantize,
    split,
    step,
    within,
)
from app.money.en16931 import EnTax, EnTotals, en_totals
from app.money.pricing import (
    LineIn,
    Options,
    Priced,
    PricedLine,
    TaxCategory,
    TaxGroup,
    TaxKey,
    TaxRounding,
    price,
    taxes_in,
)
from app.money.terms import CashDiscount, CashDiscountTax, Step, StepKind, cash_discount, due_on, read_steps
from app.money.text import format_decimal, format_money, parse_decimal, plain

__all__ = [
    "CashDiscount",
    "CashDiscountTax",
    "EnTax",
    "EnTotals",
    "LineIn",
    "Options",
    "Priced",
    "PricedLine",
    "Step",
    "StepKind",
    "TaxCategory",
    "TaxGroup",
    "TaxKey",
    "TaxRounding",
    "cash_discount",
    "digits",
    "due_on",
    "en_totals",
    "exact",
    "format_decimal",
    "format_money",
    "in_currency",
    "instalments",
    "on_grid",
    "parse_decimal",
    "percent_of",
    "plain",
    "price",
    "quantize",
    "read_steps",
    "split",
    "step",
    "taxes_in",
    "within",
]
