"""What a draft invoice or credit note obeys when it is stored, and what of an issued one may still change."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.invoice import FREE_AFTER_ISSUE, Invoice, InvoiceKind, InvoiceLine, InvoiceState, InvoiceTax
from app.money import Priced
from app.search import search_text
from app.services import access
from app.services import document as documents
from app.services.collected import Collected
from app.services.document import Head, Resolved
from app.services.text import line

ZERO = Decimal(0)
# The state has its verbs, and a party is exchanged by merging only.
_BY_VERBS = {"party_id", "state", "closed_on", "closed_reason", "file_id", "reminder_block_until", "reminder_block_why"}
_FREE = FREE_AFTER_ISSUE - _BY_VERBS


def save(session: Session, invoice: Invoice) -> None:
    """Judge and price a document and add it to the session.

    Raises Refusals with everything that is wrong, by field ("lines-0-quantity"); nothing is changed then. An issued
    document only changes its owner and team.
    """
    with session.no_autoflush:
        invoice.state = invoice.state or InvoiceState.draft
        if invoice.state != InvoiceState.draft:
            documents.refuse_changes(
                invoice, free=_FREE, text=_("An issued document is not changed; credit it instead")
            )
            session.add(invoice)
            return
        settle(session, invoice, day=invoice.delivery_on)


def settle(session: Session, invoice: Invoice, *, day: date | None) -> Priced:
    """Judge and price a draft whose taxes are chosen by a day, and store what it comes to."""
    found = Collected()
    documents.put(invoice, {"kind": invoice.kind or InvoiceKind.invoice})
    original = documents.linked(session, invoice, "credits", Invoice)
    _refuse_kind(invoice, original, found)
    if original is not None:
        _follow(invoice, original)
        day = None  # what is taken back keeps the tax that it was charged with
    about = documents.head(session, invoice, found)
    resolved: list[Resolved] = []
    if about is not None:
        _head_values(invoice, about, found)
        resolved = documents.resolve(session, invoice, about, found, day=day)
    found.settle()
    assert about is not None  # noqa: S101 -- its absence was refused
    priced = documents.price(about, resolved)
    if original is not None:
        refuse_more_than_invoiced(session, invoice, original, resolved, priced)
    documents.put(invoice, {"search_text": searched(invoice, about)})
    documents.store(session, invoice, about, resolved, priced)
    _store_taxes(invoice, about, priced)
    return priced


def comes_to(session: Session, invoice: Invoice) -> Priced:
    """Return what a draft comes to, without storing anything."""
    found = Collected()
    about = documents.head(session, invoice, found)
    resolved = documents.resolve(session, invoice, about, found, day=None) if about is not None else []
    found.settle()
    assert about is not None  # noqa: S101 -- its absence was refused
    return documents.price(about, resolved)


def searched(invoice: Invoice, about: Head) -> str:
    """Return what a document is found by."""
    order = invoice.order.number if invoice.order is not None else None
    party = about.party
    return search_text([invoice.number, party.name, party.tax_number, about.values["buyer_reference"], order])


def _refuse_kind(invoice: Invoice, original: Invoice | None, found: Collected) -> None:
    if (invoice.kind == InvoiceKind.credit_note) != (original is not None):
        found.refuse("credits", _("A credit note, and nothing else, takes back an invoice"))
    elif original is not None and (original.is_draft or original.kind != InvoiceKind.invoice):
        found.refuse("credits", _("Only an issued invoice can be credited"))


def _follow(invoice: Invoice, original: Invoice) -> None:
    """Let a credit note speak of the same business as its invoice."""
    invoice.organisation, invoice.party = original.organisation, original.party
    invoice.currency, invoice.exchange_rate = original.currency, original.exchange_rate
    invoice.prices_include_tax, invoice.returns = original.prices_include_tax, original.returns
    invoice.order_id = original.order_id


def _head_values(invoice: Invoice, about: Head, found: Collected) -> None:
    """Judge what an invoice has beyond an order."""
    values = about.values
    values["language"] = documents.written_in(invoice, about, found)
    values["credit_reason"] = found.take("credit_reason", lambda: line(invoice.credit_reason or "", limit=500) or None)
    if invoice.delivery_until is not None:
        if invoice.delivery_on is None:
            found.refuse("delivery_on", _("A period needs its first day"))
        elif invoice.delivery_until < invoice.delivery_on:
            found.refuse("delivery_until", _("The last day is before the first"))
    rate = invoice.exchange_rate
    if about.currency == about.organisation.currency:
        values["exchange_rate"] = None
    elif rate is not None:
        values["exchange_rate"] = documents.number(rate)
        found.take("exchange_rate", lambda: money.in_currency(0, rate, about.organisation.currency))


def _store_taxes(invoice: Invoice, about: Head, priced: Priced) -> None:
    """Keep one row per tax group; the row of a group that stays is kept, so that nothing is written in vain."""
    rate = about.values.get("exchange_rate")
    homes: Sequence[Decimal | None] = [None] * len(priced.groups)
    if rate is not None:
        homes = money.taxes_in(priced, rate, about.organisation.currency)
    standing = {(row.category, row.rate): row for row in invoice.taxes}
    rows = []
    for at, (group, home) in enumerate(zip(priced.groups, homes, strict=True)):
        row = standing.get((group.category, group.rate)) or InvoiceTax(category=group.category, rate=group.rate)
        documents.put(row, {"position": at + 1, "base": group.base, "tax": group.tax, "tax_home": home})
        rows.append(row)
    if rows != invoice.taxes:
        invoice.taxes = rows


def refuse_more_than_invoiced(
    session: Session, invoice: Invoice, original: Invoice, resolved: Sequence[Resolved], priced: Priced
) -> None:
    """Raise Refusals when a credit note takes back what its invoice does not have, or has no longer."""
    found = Collected()
    lines = {each.id: each for each in original.lines}
    left = left_to_credit(session, original, but=invoice)
    for at, each in enumerate(resolved):
        key = each.line.credits_line_id or (each.line.credits_line.id if each.line.credits_line else None)  # type: ignore[union-attr]
        source = lines.get(key) if key is not None else None
        if source is None:
            found.refuse(f"lines-{at}-text", _("A credit note takes back lines of its invoice only"))
            continue
        quantity = each.values["quantity"]
        if quantity * source.quantity < 0 or abs(quantity) > abs(left[source.id]):
            found.refuse(
                f"lines-{at}-quantity",
                _("At most %(left)s of this line can be taken back", left=money.plain(left[source.id])),
            )
        left[source.id] -= quantity
        if each.values["tax"] is not source.tax:
            found.refuse(f"lines-{at}-tax", _("A credit note keeps the tax of its invoice"))
        if _after_discount(each.values) > _after_discount(vars_of(source)):
            found.refuse(f"lines-{at}-unit_price", _("This is more than the invoice charges"))
    found.settle()
    rest = original.gross - credited(session, original, but=invoice)
    if priced.gross > rest:
        raise Refusals({"lines": [_("At most %(left)s can be taken back", left=money.plain(rest, original.currency))]})


def vars_of(source: InvoiceLine) -> dict[str, Decimal]:
    """Return the numbers that make a line's price."""
    return {"unit_price": source.unit_price, "discount_percent": source.discount_percent}


def _after_discount(values: dict[str, Decimal]) -> Decimal:
    with money.exact():
        return values["unit_price"] * (100 - values["discount_percent"])


def left_to_credit(session: Session, original: Invoice, *, but: Invoice | None = None) -> dict[int, Decimal]:
    """Return how much of each line no issued credit note has taken back yet, by the id of the line."""
    found = (
        select(InvoiceLine.credits_line_id, func.sum(InvoiceLine.quantity))
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(Invoice.credits_id == original.id, Invoice.state != InvoiceState.draft)
        .group_by(InvoiceLine.credits_line_id)
    )
    if but is not None and but.id is not None:
        found = found.where(Invoice.id != but.id)
    with access.everything(session, why="what is credited does not depend on who asks"):
        taken = {row[0]: row[1] for row in session.execute(found)}
    return {each.id: each.quantity - (taken.get(each.id) or ZERO) for each in original.lines}


def credited(session: Session, original: Invoice, *, but: Invoice | None = None) -> Decimal:
    """Return what issued credit notes have taken back of an invoice."""
    found = select(func.sum(Invoice.gross)).where(
        Invoice.credits_id == original.id, Invoice.state != InvoiceState.draft
    )
    if but is not None and but.id is not None:
        found = found.where(Invoice.id != but.id)
    with access.everything(session, why="what is credited does not depend on who asks"):
        return session.scalar(found) or ZERO


def credited_of_document(session: Session, original: Invoice) -> tuple[Decimal, Decimal]:
    """Return how much of an invoice's own discount and charge issued credit notes have taken back."""
    found = select(func.sum(Invoice.discount), func.sum(Invoice.charge)).where(
        Invoice.credits_id == original.id, Invoice.state != InvoiceState.draft
    )
    with access.everything(session, why="what is credited does not depend on who asks"):
        discount, charge = session.execute(found).one()
    return discount or ZERO, charge or ZERO


def refuse_unless_draft(invoice: Invoice) -> None:
    """Raise DomainError when a document is issued."""
    if not invoice.is_draft:
        raise DomainError(_("This document is issued already"), field="state")
