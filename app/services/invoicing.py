"""From orders to invoices: what of an order is invoiced, and the draft of what is left."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.models.sale_order import OrderState, SaleOrder, SaleOrderLine
from app.services import access, invoice_rules
from app.services import document as documents
from app.services import tax as taxes

ZERO = Decimal(0)


def invoice(session: Session, order: SaleOrder) -> Invoice:
    """Make a draft invoice of all that is not invoiced yet, and return it.

    Raises DomainError when the order is not confirmed or nothing is left.
    """
    refuse_unconfirmed(order)
    documents.lock(session, order)  # two at once would invoice everything twice
    done = invoiced_quantities(session, order)
    refuse_all_invoiced(order, done)
    left = {line: line.quantity - done[line.id] for line in order.lines}
    draft = Invoice(
        kind=InvoiceKind.invoice,
        state=InvoiceState.draft,
        order=order,
        organisation=order.organisation,
        party=order.party,
        owner_id=order.owner_id,
        team_id=order.team_id,
        currency=order.currency,
        payment_term=order.payment_term,
        delivery_on=order.delivery_on,
        buyer_reference=order.buyer_reference,
        prices_include_tax=order.prices_include_tax,
        returns=order.returns,
        note=order.note,
        **_left_of_document(session, order),
    )
    with session.no_autoflush:
        draft.lines = [_as_invoiced(session, line, left[line]) for line in order.lines if left[line]]
        invoice_rules.save(session, draft)
    session.flush()
    return draft


def refuse_unconfirmed(order: SaleOrder) -> None:
    """Raise DomainError unless an order is binding."""
    if order.state not in {OrderState.confirmed, OrderState.done}:
        raise DomainError(_("Confirm the order before it is invoiced"), field="state")


def refuse_all_invoiced(order: SaleOrder, done: Mapping[int, Decimal]) -> None:
    """Raise DomainError when an order is not binding yet, or nothing of it is left; `done` is what is invoiced."""
    refuse_unconfirmed(order)
    if all(line.quantity == done[line.id] for line in order.lines):
        raise DomainError(_("Everything of this order is invoiced already"), field="state")


def _as_invoiced(session: Session, line: SaleOrderLine, quantity: Decimal) -> InvoiceLine:
    day = line.order.delivery_on
    names = ("product", "text", "unit", "unit_price", "discount_percent", "price_steps", "parameters", "unit_cost")
    return InvoiceLine(
        order_line_id=line.id,
        quantity=quantity,
        tax=(taxes.rate_on(session, line.tax, day=day) if day else None) or line.tax,
        **{name: getattr(line, name) for name in names},
    )


def _left_of_document(session: Session, order: SaleOrder) -> dict[str, Decimal]:
    """Return what of the document's discount and charge has not been invoiced."""
    left = {"discount": order.discount, "charge": order.charge}
    live = select(Invoice.kind, func.sum(Invoice.discount), func.sum(Invoice.charge)).where(_counts(order))
    with access.everything(session, why="what is left of an order does not depend on who asks"):
        for kind, discount, charge in session.execute(live.group_by(Invoice.kind)):
            left["discount"] -= discount if kind == InvoiceKind.invoice else -discount
            left["charge"] -= charge if kind == InvoiceKind.invoice else -charge
    return left


def _counts(order: SaleOrder) -> ColumnElement[bool]:
    """Return the condition for documents that count as invoiced: all invoices, and credit notes once issued."""
    return and_(
        Invoice.order_id == order.id, or_(Invoice.kind == InvoiceKind.invoice, Invoice.state != InvoiceState.draft)
    )


def invoiced_quantities(session: Session, order: SaleOrder) -> dict[int, Decimal]:
    """Return how much of each line stands on invoices, drafts included, less what issued credit notes take back.

    Shape: keyed by the id of the order's line.
    """
    found = (
        select(InvoiceLine.order_line_id, Invoice.kind, func.sum(InvoiceLine.quantity))
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(InvoiceLine.order_line_id.in_([line.id for line in order.lines]), _counts(order))
        .group_by(InvoiceLine.order_line_id, Invoice.kind)
    )
    done: dict[int | None, Decimal] = {line.id: ZERO for line in order.lines}
    with access.everything(session, why="what is invoiced of an order does not depend on who asks"):
        for line_id, kind, quantity in session.execute(found):
            done[line_id] += quantity if kind == InvoiceKind.invoice else -quantity
    return {key: quantity for key, quantity in done.items() if key is not None}


def stands_on_invoice(session: Session, lines: Sequence[SaleOrderLine]) -> bool:
    """Say whether one of the lines stands on an invoice or credit note, of whatever state."""
    found = select(exists().where(InvoiceLine.order_line_id.in_([line.id for line in lines])))
    with access.everything(session, why="what is invoiced of an order does not depend on who asks"):
        return bool(session.scalar(found))


def is_invoiced(session: Session, order: SaleOrder) -> bool:
    """Say whether everything of an order stands on invoices."""
    done = invoiced_quantities(session, order)
    return bool(order.lines) and all(done[line.id] == line.quantity for line in order.lines)


def invoices_of(order: SaleOrder) -> Select[Invoice]:
    """Return the invoices and credit notes of an order, oldest first."""
    return select(Invoice).where(Invoice.order_id == order.id).order_by(Invoice.id)
