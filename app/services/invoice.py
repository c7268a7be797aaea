"""Invoices: one import for all their verbs."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.lifecycle import move
from app.models.invoice import INVOICE_MOVES, Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.services import allocation as allocations
from app.services import document as documents
from app.services import invoice_advance, invoice_issue
from app.services import order_progress as progress
from app.services import period as periods
from app.services.access import Actor
from app.services.allocation import When
from app.services.chain import append_file as store_file
from app.services.invoice_credit import credit, refuse_uncreditable
from app.services.invoice_issue import Missing, ask_for_file, missing_for_issue
from app.services.invoice_rules import credited, left_to_credit, refuse_unless_draft, save
from app.services.invoicing import invoice as from_order
from app.services.invoicing import refuse_more_than_ordered
from app.services.text import is_blank, line

__all__ = [
    "Missing",
    "ask_for_file",
    "close",
    "copy",
    "credit",
    "credited",
    "credits_of",
    "due",
    "from_order",
    "issue",
    "left_to_credit",
    "missing_for_issue",
    "refuse_uncreditable",
    "refuse_unless_draft",
    "remove",
    "replace",
    "save",
    "store_file",
]

_COPIED = (
    "organisation",
    "party",
    "contract",
    "owner_id",
    "team_id",
    "payment_term",
    "buyer_reference",
    "language",
    "currency",
    "prices_include_tax",
    "returns",
    "discount",
    "charge",
    "note",
)
_COPIED_LINE = (
    *("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax"),
    *("price_steps", "parameters"),
)


def issue(session: Session, invoice: Invoice, *, at: datetime, on: date | None = None, by: Actor | None = None) -> None:
    """Issue a draft as services.invoice_issue does; a credit note settles at once what is open of its invoice."""
    periods.hold(session, invoice.organisation)
    order = invoice.order
    if order is not None:
        refuse_unless_draft(invoice)
        documents.lock(session, order)  # what is invoiced of it is asked once, and stays so until the end
        refuse_more_than_ordered(session, invoice)
        invoice_advance.refuse_more_than_ordered(session, invoice)
    invoice_issue.issue(session, invoice, at=at, on=on, by=by)
    session.flush()
    if order is not None:
        progress.follow(session, order)
    original = invoice.credits
    if original is None:
        return
    when = When(at=at, on=invoice.issued_on, by=by)
    if invoice.gross and allocations.left(session, original, on=when.day(original)) > 0:
        allocations.allocate(session, invoice, original, when=when)


def copy(session: Session, invoice: Invoice) -> Invoice:
    """Make a new draft with the same lines for the same party, on its own: without order, dates and number."""
    return _again(session, invoice)


def replace(session: Session, invoice: Invoice) -> Invoice:
    """Make the draft that takes the place of an invoice that is being credited: of the same order and delivery."""
    names = ("order", "delivery_on", "delivery_until", "exchange_rate")
    return _again(session, invoice, ("order_line_id",), **{name: getattr(invoice, name) for name in names})


def _again(session: Session, invoice: Invoice, line_names: tuple[str, ...] = (), **more: Any) -> Invoice:  # noqa: ANN401
    if invoice.kind != InvoiceKind.invoice:
        raise DomainError(_("Only invoices are copied; a credit note is made from its invoice"), field="kind")
    values = {name: getattr(invoice, name) for name in _COPIED} | more
    draft = Invoice(kind=invoice.kind, state=InvoiceState.draft, **values)
    with session.no_autoflush:
        draft.lines = [
            InvoiceLine(**{name: getattr(each, name) for name in (*_COPIED_LINE, *line_names)})
            for each in invoice.lines
        ]
        save(session, draft)
    session.flush()
    return draft


def close(session: Session, invoice: Invoice, *, reason: str, at: datetime) -> None:
    """Put an issued document away for a reason; what it says and whether it is paid stay as they are."""
    words = line(reason, limit=500, field="reason")
    if is_blank(words):
        raise DomainError(_("Say why"), field="reason")
    on = periods.today(invoice.organisation, at)
    periods.hold(session, invoice.organisation)
    periods.refuse_locked(invoice.organisation, on, "state")
    documents.lock(session, invoice)
    move(INVOICE_MOVES, invoice, InvoiceState.closed)
    invoice.closed_on, invoice.closed_reason = on, words
    session.flush()


def remove(session: Session, invoice: Invoice) -> None:  # noqa: ARG001 -- every rule of deleting takes its session
    """Say whether a document may be deleted: DomainError once it is issued."""
    if not invoice.is_draft:
        raise DomainError(_("An issued document is not deleted; credit it instead"), field="state")


def credits_of(invoice: Invoice) -> Select[Invoice]:
    """Return the credit notes of an invoice, drafts included, oldest first."""
    return select(Invoice).where(Invoice.credits_id == invoice.id).order_by(Invoice.id)


def due(on: date) -> Select[Invoice]:
    """Return the issued invoices that are due by a day, the oldest first; what is paid of them is not asked."""
    return (
        select(Invoice)
        .where(Invoice.kind == InvoiceKind.invoice, Invoice.state == InvoiceState.issued, Invoice.due_on <= on)
        .order_by(Invoice.due_on, Invoice.id)
    )
