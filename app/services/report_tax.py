"""The sales book: base and tax of every issued document of a period, by company, category and rate.

Everything is in the company's own currency: the tax as the document states it, the base at the document's rate, rounded
for each document. Credit notes count down. The day of issue decides about the period.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import money
from app.i18n import gettext as _
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.invoice import Invoice, InvoiceKind, InvoiceState, InvoiceTax
from app.models.organisation import Organisation
from app.models.party import Party
from app.services import report_frame as frame
from app.services.report_frame import (
    HUNDRED,
    ORGANISATION,
    PERIOD,
    ZERO,
    Asked,
    Asks,
    Behind,
    Column,
    Drawing,
    Group,
    Kind,
    Parameter,
    Report,
    Result,
    Row,
)

PARTY, OURS = Party.__table__.c, Organisation.__table__.c  # a document that is visible always shows its party
BY = Parameter("by", _l("By"), Asks.choice, usual="rate", choices=(("rate", _l("Rate")), ("document", _l("Document"))))


@dataclass
class Sum:
    """What stands under one rate."""

    documents: int = 0
    base: Decimal = ZERO
    tax: Decimal = ZERO


def find(session: Session, asked: Asked) -> Result:
    """Return the sales book; one statement."""
    return (_book if asked["by"] == "document" else _rates)(asked, _read(session, asked))


def _read(session: Session, asked: Asked) -> list[Any]:
    about = (Invoice.id, Invoice.number, Invoice.kind, Invoice.issued_on, Invoice.currency, Invoice.exchange_rate)
    ours = (OURS.id.label("our_id"), OURS.name.label("ours"), OURS.currency.label("home"))
    taxes = (InvoiceTax.category, InvoiceTax.rate, InvoiceTax.base, InvoiceTax.tax, InvoiceTax.tax_home)
    client = (Invoice.party_id, PARTY.name.label("party"), PARTY.country.label("country"), PARTY.tax_number)
    found = (
        select(*about, *ours, *taxes, *client)
        .select_from(Invoice)
        .join(Organisation.__table__, OURS.id == Invoice.organisation_id)
        .join(Party.__table__, PARTY.id == Invoice.party_id)
        .join(InvoiceTax, InvoiceTax.invoice_id == Invoice.id)
        .where(
            Invoice.state != InvoiceState.draft,
            Invoice.issued_on.between(asked["period"].first, asked["period"].last),
            *frame.cut(session, asked, Invoice),
        )
        .order_by(OURS.name, OURS.id, Invoice.issued_on, Invoice.id, InvoiceTax.category, InvoiceTax.rate)
    )
    return [*session.execute(found)]


def _at_home(row: Any) -> tuple[Decimal, Decimal]:  # noqa: ANN401 -- a row of the book
    """Return base and tax in the company's currency, below zero for a credit note."""
    sign = -1 if row.kind == InvoiceKind.credit_note else 1
    if row.currency == row.home:
        return sign * row.base, sign * row.tax
    base = money.in_currency(row.base, row.exchange_rate, row.home)
    tax = row.tax_home if row.tax_home is not None else money.in_currency(row.tax, row.exchange_rate, row.home)
    return sign * base, sign * tax


def _rate(row: Any) -> Decimal:  # noqa: ANN401
    return Decimal(money.plain(row.rate * HUNDRED))


def _rates(asked: Asked, read: list[Any]) -> Result:
    heads = (
        Column("organisation", _l("Our company")),
        Column("category", _l("Tax category")),
        Column("rate", _l("Rate"), Kind.percent),
        Column("documents", _l("Documents"), Kind.number),
        Column("base", _l("Net"), Kind.amount, is_summed=True),
        Column("tax", _l("Tax"), Kind.amount, is_summed=True),
        Column("gross", _l("Gross"), Kind.amount, is_summed=True),
    )
    found: dict[tuple[str, int, str, Any, Decimal], Sum] = {}
    with money.exact():
        for row in read:
            one = found.setdefault((row.ours, row.our_id, row.home, row.category, _rate(row)), Sum())
            base, tax = _at_home(row)
            one.documents, one.base, one.tax = one.documents + 1, one.base + base, one.tax + tax
        span = asked["period"]
        days = (("issued_on.ge", span.first.isoformat()), ("issued_on.le", span.last.isoformat()))
        kept = {**asked.given, "by": "document"}
        rows = [
            Row(
                (ours, category.value, rate, one.documents, one.base, one.tax, one.base + one.tax),
                home,
                {
                    "organisation": Behind(
                        "invoice", (*days, ("state.neq", "draft"), ("organisation.eq", str(our_id)))
                    ),
                    "base": Behind(
                        "", tuple(sorted((kept | {"organisation": str(our_id)}).items())), report=REPORT.key
                    ),
                },
            )
            for (ours, our_id, home, category, rate), one in sorted(
                found.items(), key=lambda pair: (*pair[0][:3], -pair[0][4], str(pair[0][3]))
            )
        ]
    return frame.result(heads, rows, notes=_notes(read), drawing=Drawing("category", ("base", "tax")))


def _book(asked: Asked, read: list[Any]) -> Result:  # noqa: ARG001 -- as the other way
    heads = (
        Column("document", _l("Document")),
        Column("issued_on", _l("Issued"), Kind.day),
        Column("kind", _l("Kind")),
        Column("party", _l("Client")),
        Column("country", _l("Country")),
        Column("tax_number", _l("Tax number")),
        Column("category", _l("Tax category")),
        Column("rate", _l("Rate"), Kind.percent),
        Column("base", _l("Net"), Kind.amount, is_summed=True),
        Column("tax", _l("Tax"), Kind.amount, is_summed=True),
        Column("gross", _l("Gross"), Kind.amount, is_summed=True),
    )
    rows = []
    for row in read:
        with money.exact():
            base, tax = _at_home(row)
            about = (row.number, row.issued_on, label_of(row.kind), row.party, row.country, row.tax_number)
            values = (*about, row.category.value, _rate(row), base, tax, base + tax)
        behind = {"document": Behind("invoice", record_id=row.id), "party": Behind("party", record_id=row.party_id)}
        rows.append(Row(values, row.home, behind))
    return frame.result(heads, rows, notes=_notes(read))


def _notes(read: list[Any]) -> list[str]:
    if not any(row.currency != row.home for row in read):
        return []
    return [_("Documents in other currencies count at their own rate, rounded for each of them.")]


REPORT = Report(
    "tax",
    Group.money,
    _l("Sales book"),
    _l("Base and tax of all documents issued in a period, by company, tax category and rate, or document by document."),
    ("invoice",),
    (PERIOD, BY, ORGANISATION),
    find,
)
