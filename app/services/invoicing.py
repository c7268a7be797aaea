"""From orders to invoices: what of an order is invoiced, and the draft of what is left."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app import money
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.models.sale_order import UNDER_WAY, SaleOrder, SaleOrderLine
from app.services import access, invoice_advance, invoice_rules
from app.services import document as documents
from app.services import order_progress as progress
from app.services import tax as taxes
from app.services.collected import Collected

ZERO = Decimal(0)


def invoice(session: Session, order: SaleOrder, *, lines: Mapping[int, Decimal] | None = None) -> Invoice:
    """Make a draft invoice of all that is not invoiced yet, or of quantities by the ids of lines, and return it.

    What was paid in advance is taken off. Raises DomainError when the order is not under way or nothing is left,
    Refusals ("lines-0-quantity") for more than is left.
    """
    refuse_unconfirmed(order)
    documents.lock(session, order)  # two at once would invoice everything twice
    done = invoiced_quantities(session, order)
    left = {line.id: line.quantity - done[line.id] for line in order.lines}
    if lines is None:
        refuse_all_invoiced(order, done)
        wanted = left
    else:
        wanted = _chosen(order, lines, done)
    draft = invoice_advance.of_order(order)
    of_document = _left_of_document(session, order)
    draft.discount, draft.charge = of_document["discount"], of_document["charge"]
    if any(wanted.get(key, ZERO) != each for key, each in left.items()):
        share = _share(order, wanted)
        draft.discount = min(draft.discount, money.percent_of(order.discount, share, order.currency))
        draft.charge = min(draft.charge, money.percent_of(order.charge, share, order.currency))
    with session.no_autoflush:
        draft.lines = [_as_invoiced(session, line, wanted[line.id]) for line in order.lines if wanted.get(line.id)]
        invoice_rules.save(session, draft)
        if invoice_advance.deduct(session, draft, order):
            invoice_rules.save(session, draft)
    session.flush()
    return draft


def _chosen(order: SaleOrder, given: Mapping[int, Decimal], done: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """Return the quantities that somebody chose, or refuse what is more than may still be invoiced."""
    if given.keys() - done.keys():
        raise DomainError(_("These lines are not of this order"), field="lines")
    found = Collected()
    for at, line in enumerate(order.lines):
        asked, rest = given.get(line.id) or ZERO, progress.most(line) - done[line.id]
        if asked and (asked * line.quantity < 0 or abs(asked) > abs(rest) or rest * line.quantity < 0):
            text = _("At most %(left)s of this line can still be invoiced", left=money.plain(rest))
            found.refuse(f"lines-{at}-quantity", text)
    found.settle()
    wanted = {key: Decimal(quantity) for key, quantity in given.items() if quantity}
    if not wanted:
        raise DomainError(_("Give the quantity of at least one line"), field="lines")
    return wanted


def _share(order: SaleOrder, wanted: Mapping[int, Decimal]) -> Decimal:
    """Return how many percent of the lines' amounts somebody chose; at most all of it."""
    with money.exact():
        whole = sum((line.gross for line in order.lines), ZERO)
        part = sum((line.gross * wanted.get(line.id, ZERO) / line.quantity for line in order.lines), ZERO)
        return min(100 * part / whole, Decimal(100)).quantize(Decimal("0.0000000001")) if whole else ZERO


def offered(session: Session, order: SaleOrder) -> dict[int, Decimal]:
    """Return what one would invoice now: what is delivered and not invoiced, else all that is not invoiced."""
    done, gone = invoiced_quantities(session, order), progress.moved(session, order)
    left = {line.id: max(line.quantity - done[line.id], ZERO) for line in order.lines}
    ready = {key: min(left[key], max(gone[key].kept - done[key], ZERO)) for key in left}
    return ready if any(ready.values()) else left


def refuse_more_than_ordered(session: Session, draft: Invoice) -> None:
    """Raise Refusals when a draft and what is issued come to more of a line than ordered; its order must be locked."""
    order = draft.order
    if order is None or draft.kind != InvoiceKind.invoice:
        return
    known, done, found = {line.id: line for line in order.lines}, progress.issued(session, order), Collected()
    for at, each in enumerate(draft.lines):
        line = known.get(each.order_line_id or 0)
        if line is None:
            continue
        done[line.id] += each.quantity
        over = done[line.id] - progress.most(line)
        if over * line.quantity > 0:
            text = _("More than is ordered is invoiced of this line, by %(over)s", over=money.plain(abs(over)))
            found.refuse(f"lines-{at}-quantity", text)
    found.settle()


def refuse_unconfirmed(order: SaleOrder) -> None:
    """Raise DomainError unless an order is binding and under way."""
    if order.state not in UNDER_WAY:
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
