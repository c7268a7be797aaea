"""What an issued document says, as one plain structure: its file, its hash and its verification are made from it.

Shape: `document`, `lines` and `taxes` hold what stands in the rows too (verification compares them); `seller`,
`buyer`, `bank`, `order`, `credits` and `terms` hold what other records said on the day of issue. Numbers and dates
are texts, so that every language reads and writes the content alike.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

from app import money
from app.i18n import in_language
from app.models.invoice import Invoice, InvoiceKind
from app.models.organisation import Organisation, OrganisationBankAccount
from app.models.party import AddressUsage, Party, PartyAddress
from app.models.payment_term import PaymentTerm
from app.money import CashDiscount, Priced
from app.services import payment_term as terms

FORMAT = 1  # of this structure
TEMPLATE = 1  # of the printed document
# Columns of the rows that the content repeats; money is written with the digits of the currency.
DOCUMENT = (
    "kind",
    "number",
    "series_id",
    "number_period",
    "number_n",
    "organisation_id",
    "order_id",
    "credits_id",
    "credit_reason",
    "payment_term_id",
    "issued_on",
    "delivery_on",
    "delivery_until",
    "due_on",
    "buyer_reference",
    "language",
    "currency",
    "exchange_rate",
    "prices_include_tax",
    "returns",
    "discount",
    "charge",
    "note",
    "net",
    "tax",
    "gross",
)
LINE = (
    "position",
    "product_id",
    "text",
    "quantity",
    "unit_id",
    "unit_price",
    "discount_percent",
    "tax_id",
    "credits_line_id",
    "net",
    "tax_amount",
    "gross",
)
TAX = ("position", "category", "rate", "base", "tax", "tax_home")
_WRITTEN_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_MONEY = frozenset({"discount", "charge", "net", "tax", "tax_amount", "gross", "base"})
_PLACE = ("street", "postal_code", "city", "region", "country")
_REACH = ("phone", "email", "website")
_NUMBERS = ("tax_number", "tax_branch", "registration_number")
_BANK = ("iban", "account", "bic", "bik", "bank_name", "correspondent_account", "currency")
# The address that stands on an invoice: the first of these that the buyer has.
_ADDRESSES = (AddressUsage.billing, AddressUsage.legal, AddressUsage.postal, AddressUsage.delivery)


def said(row: Any, names: Sequence[str], currency: str) -> dict[str, Any]:  # noqa: ANN401 -- a record or a result row
    """Return columns of a row as the content writes them."""
    return {name: _text(getattr(row, name), currency if name in _MONEY else None) for name in names}


def _text(value: object, currency: str | None = None) -> Any:  # noqa: ANN401 -- what JSON can hold
    if type(value) in _WRITTEN_AS_THEY_ARE:
        return value
    if isinstance(value, Decimal):
        return _plain(value, currency)
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value


@lru_cache(maxsize=8192)  # rates, quantities and prices come again and again; equal numbers are written alike
def _plain(value: Decimal, currency: str | None) -> str:
    return money.plain(value, currency)


def content(invoice: Invoice, priced: Priced, *, bank: OrganisationBankAccount | None) -> dict[str, Any]:
    """Return what a document says that has its number and dates."""
    currency = invoice.currency
    with in_language(invoice.language):
        return {
            "format": FORMAT,
            "template": TEMPLATE,
            "document": said(invoice, DOCUMENT, currency),
            "tax_rounding": str(priced.options.tax_rounding),
            "seller": seller(invoice.organisation),
            "buyer": buyer(invoice.party),
            "bank": said(bank, _BANK, currency) if bank is not None else None,
            "order": _order(invoice),
            "credits": _credits(invoice),
            "terms": _terms(invoice, priced),
            "lines": _lines(invoice, priced),
            "taxes": _taxes(invoice, priced),
            "totals": {
                "discount": money.plain(priced.discount, currency),
                "charge": money.plain(priced.charge, currency),
                "net": money.plain(priced.net, currency),
                "tax": money.plain(priced.tax, currency),
                "gross": money.plain(priced.gross, currency),
            },
            "home": _home(invoice),
        }


def seller(organisation: Organisation) -> dict[str, Any]:
    """Return what a document says of us."""
    names = {"name": organisation.legal_name or organisation.name, "short_name": organisation.name}
    return names | said(organisation, (*_NUMBERS, *_PLACE, *_REACH), organisation.currency)


def buyer(party: Party) -> dict[str, Any]:
    """Return what a document says of its addressee."""
    address = billing_address(party)
    place = said(address, _PLACE, "") if address is not None else dict.fromkeys(_PLACE)
    place["country"] = place["country"] or party.country
    return {
        "kind": str(party.kind),
        "name": party.legal_name or party.name,
        **said(party, _NUMBERS, ""),
        **place,
        "email": party.email,
    }


def billing_address(party: Party) -> PartyAddress | None:
    """Return the address of a party that stands on invoices."""
    for usage in _ADDRESSES:
        for address in party.addresses:
            if address.usage == usage and (address.street or address.city):
                return address
    return None


def bank_account(organisation: Organisation, currency: str) -> OrganisationBankAccount | None:
    """Return our account for payments in a currency: one in it, else one that names none, else the first."""
    for wanted in (currency, None):
        for account in organisation.bank_accounts:
            if account.currency == wanted:
                return account
    return organisation.bank_accounts[0] if organisation.bank_accounts else None


def _order(invoice: Invoice) -> dict[str, Any] | None:
    if invoice.order is None:
        return None
    return {"number": invoice.order.number, "ordered_on": _text(invoice.order.ordered_on)}


def _credits(invoice: Invoice) -> dict[str, Any] | None:
    original = invoice.credits
    if original is None:
        return None
    return {"number": original.number, "issued_on": _text(original.issued_on)}


def _terms(invoice: Invoice, priced: Priced) -> dict[str, Any] | None:
    term = invoice.payment_term
    if term is None or invoice.kind == InvoiceKind.credit_note or invoice.issued_on is None:
        return None
    early = terms.early_until(term, invoice.issued_on)
    return {
        "name": term.name,
        "text": terms.text_in(term, invoice.language),
        "early": _early(term, priced, early) if early is not None else None,
    }


def _early(term: PaymentTerm, priced: Priced, until: date) -> Mapping[str, Any]:
    percent = term.discount_percent or Decimal(0)
    found: CashDiscount = money.cash_discount(priced, percent, term.discount_tax)
    currency = priced.options.currency
    return {
        "until": until.isoformat(),
        "percent": money.plain(percent),
        "tax": str(term.discount_tax),
        "early": money.plain(found.early, currency),
        "late": money.plain(found.late, currency),
    }


def _lines(invoice: Invoice, priced: Priced) -> list[dict[str, Any]]:
    currency = invoice.currency
    return [
        said(line, LINE, currency)
        | {
            "sku": line.product.sku if line.product is not None else None,
            "unit": line.unit.short if line.unit is not None else None,
            "unit_code": line.unit.code if line.unit is not None else None,
            "tax": {"name": line.tax.name, "category": str(line.tax.category), "rate": money.plain(line.tax.rate)},
            "full": money.plain(amounts.full, currency),
            "discount": money.plain(amounts.discount, currency),
        }
        for line, amounts in zip(invoice.lines, priced.lines, strict=True)
    ]


def _taxes(invoice: Invoice, priced: Priced) -> list[dict[str, Any]]:
    named = {(line.tax.category, line.tax.rate): line.tax for line in reversed(invoice.lines)}
    found = []
    for row, group in zip(invoice.taxes, priced.groups, strict=True):
        tax = named[group.category, group.rate]
        found.append(
            said(row, TAX, invoice.currency)
            | {
                "name": tax.name,
                "exemption_text": tax.exemption_text,
                "discount": money.plain(group.discount, invoice.currency),
                "charge": money.plain(group.charge, invoice.currency),
            }
        )
    return found


def _home(invoice: Invoice) -> dict[str, Any] | None:
    """Return the tax in our own currency, which a document in another must state."""
    homes = [row.tax_home for row in invoice.taxes if row.tax_home is not None]
    if invoice.exchange_rate is None:
        return None
    currency = invoice.organisation.currency
    with money.exact():
        return {"currency": currency, "tax": money.plain(sum(homes, Decimal(0)), currency)}
