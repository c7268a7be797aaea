"""What a quote says, as one plain structure: its file and the customer's page are made from it.

Shape: as services.invoice_snapshot builds it for invoices, so that one layout prints both.
"""

from typing import Any

from app import money
from app.i18n import in_language
from app.models.quote import Quote
from app.money import LineIn, Options, Priced
from app.services import invoice_snapshot as snapshots
from app.services import payment_term as terms
from app.services import tax as taxes

_HEAD = ("number", "edition", "sent_on", "valid_until", "delivery_on", "buyer_reference", "language", "currency")
_SUMS = ("prices_include_tax", "discount", "charge", "note", "net", "tax", "gross")
_LINE = ("position", "text", "quantity", "unit_price", "discount_percent", "net", "tax_amount", "gross")


def content(quote: Quote) -> dict[str, Any]:
    """Return what a quote says."""
    currency, priced = quote.currency, _priced(quote)
    head = snapshots.said(quote, (*_HEAD, *_SUMS), currency)
    with in_language(quote.language):
        return {
            "document": head
            | {"kind": "quote", "issued_on": head["sent_on"], "delivery_until": None, "due_on": head["valid_until"]}
            | {"credit_reason": None, "exchange_rate": None},
            "seller": snapshots.seller(quote.organisation),
            "buyer": snapshots.buyer(quote.party),
            "bank": None,
            "order": None,
            "credits": None,
            "home": None,
            "terms": _terms(quote),
            "lines": _lines(quote, priced),
            "taxes": _taxes(quote, priced),
            "totals": {
                name: money.plain(getattr(priced, name), currency)
                for name in ("discount", "charge", "net", "tax", "gross")
            },
        }


def _priced(quote: Quote) -> Priced:
    """Price a stored quote again, by the one way in which documents are priced."""
    lines = [
        LineIn(
            quantity=each.quantity,
            unit_price=each.unit_price,
            discount_percent=each.discount_percent,
            tax=taxes.key(each.tax),
        )
        for each in quote.lines
    ]
    return money.price(
        lines,
        Options(
            currency=quote.currency,
            prices_include_tax=quote.prices_include_tax,
            tax_rounding=quote.organisation.tax_rounding,
            discount=quote.discount,
            charge=quote.charge,
            returns=quote.returns,
        ),
    )


def _terms(quote: Quote) -> dict[str, Any] | None:
    term = quote.payment_term
    if term is None:
        return None
    return {"name": term.name, "text": terms.text_in(term, quote.language), "early": None}


def _lines(quote: Quote, priced: Priced) -> list[dict[str, Any]]:
    currency = quote.currency
    return [
        snapshots.said(each, _LINE, currency)
        | {
            "sku": each.product.sku if each.product is not None else None,
            "unit": each.unit.short if each.unit is not None else None,
            "tax": {"name": each.tax.name, "category": str(each.tax.category), "rate": money.plain(each.tax.rate)},
            "full": money.plain(amounts.full, currency),
            "discount": money.plain(amounts.discount, currency),
        }
        for each, amounts in zip(quote.lines, priced.lines, strict=True)
    ]


def _taxes(quote: Quote, priced: Priced) -> list[dict[str, Any]]:
    named = {(each.tax.category, each.tax.rate): each.tax for each in reversed(quote.lines)}
    found = []
    for group in priced.groups:
        tax = named[group.category, group.rate]
        found.append(
            {
                "category": str(group.category),
                "rate": money.plain(group.rate),
                "base": money.plain(group.base, quote.currency),
                "tax": money.plain(group.tax, quote.currency),
                "tax_home": None,
                "name": tax.name,
                "exemption_text": tax.exemption_text,
            }
        )
    return found
