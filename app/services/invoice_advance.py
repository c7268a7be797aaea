"""Down payments: invoices before the delivery of an order, and the lines by which a later invoice takes them off.

An advance has one line for each tax of the order, with that tax. The final invoice repeats it below its own lines with
the quantity -1: sums and taxes of both together are those of the order. Source: EN 16931, BG-3 and the practice of VAT.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app import money
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import in_language, written_day
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.models.sale_order import UNDER_WAY, SaleOrder
from app.models.tax import Tax
from app.services import access, invoice_rules
from app.services import document as documents

ZERO, HUNDRED = Decimal(0), Decimal(100)


@dataclass
class Paid:
    """One line of an issued advance, and what of its amount no invoice has taken off yet."""

    line: InvoiceLine
    left: Decimal


def advance(
    session: Session, order: SaleOrder, *, percent: Decimal | None = None, amount: Decimal | None = None
) -> Invoice:
    """Make a draft invoice of a part of an order before its delivery, by percent or amount, and return it.

    Units: the amount in the order's currency with tax. Raises DomainError at "percent" or "amount", and when the order
    is not under way.
    """
    refuse_advance(order)
    documents.lock(session, order)
    part = _part(order, percent, amount)
    _refuse_more(session, part, order)
    draft = of_order(order)
    draft.is_advance, draft.note = True, None
    with in_language(order.party.language):
        text = _("Down payment on order %(number)s", number=order.number)
    with session.no_autoflush:
        draft.lines = [
            InvoiceLine(text=text, quantity=Decimal(1), unit_price=share, tax=tax)
            for tax, share in _shares(order, part)
            if share
        ]
        invoice_rules.save(session, draft)
    session.flush()
    return draft


def refuse_advance(order: SaleOrder) -> None:
    """Raise DomainError unless an order is under way and somebody is to pay for it."""
    if order.state not in UNDER_WAY:
        raise DomainError(_("Confirm the order before it is invoiced"), field="state")
    if not order.gross:
        raise DomainError(_("There is nothing to pay for this order"), field="state")


def of_order(order: SaleOrder) -> Invoice:
    """Return a new draft invoice of an order, without lines."""
    same = ("organisation", "party", "contract", "owner_id", "team_id", "currency", "payment_term", "delivery_on")
    more = ("buyer_reference", "prices_include_tax", "returns", "note")
    values = {name: getattr(order, name) for name in (*same, *more)}
    return Invoice(kind=InvoiceKind.invoice, state=InvoiceState.draft, order=order, is_advance=False, **values)


def _part(order: SaleOrder, percent: Decimal | None, amount: Decimal | None) -> Decimal:
    """Return the amount with tax that is asked for."""
    if (percent is None) == (amount is None):
        raise DomainError(_("Give a percentage or an amount, one of both"), field="percent")
    if percent is not None:
        if not 0 < percent <= HUNDRED:
            raise DomainError(_("A percentage is above 0 and at most 100"), field="percent")
        return money.percent_of(order.gross, percent, order.currency)
    assert amount is not None  # noqa: S101 -- one of both is given
    part = money.quantize(amount, order.currency)
    if not 0 < part <= order.gross:
        total = money.plain(order.gross, order.currency)
        raise DomainError(_("An amount is above zero and at most the total, %(total)s", total=total), field="amount")
    return part


def _shares(order: SaleOrder, part: Decimal) -> list[tuple[Tax, Decimal]]:
    """Return the part by tax, as the order's prices are (with or without tax)."""
    amounts: dict[Tax, Decimal] = defaultdict(lambda: ZERO)
    for line in order.lines:
        amounts[line.tax] += line.gross
    known = {tax: whole for tax, whole in amounts.items() if whole > 0}
    shares = money.split(part, list(known.values()), order.currency)
    if order.prices_include_tax:
        return list(zip(known, shares, strict=True))
    with money.exact():
        return [
            (tax, money.quantize(share / (1 + tax.rate), order.currency))
            for tax, share in zip(known, shares, strict=True)
        ]


# --- taking off -------------------------------------------------------------------------------------------------------


def deduct(session: Session, draft: Invoice, order: SaleOrder) -> bool:
    """Add the lines that take off what was paid in advance, as far as each tax of a draft goes; say whether any came.

    The draft must be priced; it is to be priced again.
    """
    room: dict[tuple[object, Decimal], Decimal] = defaultdict(lambda: ZERO)
    for group in draft.taxes:
        room[group.category, group.rate] += group.base + (group.tax if draft.prices_include_tax else ZERO)
    added = []
    for paid in left_of(session, order):
        tax = paid.line.tax
        taken = min(paid.left, room[tax.category, tax.rate])
        if taken <= 0:
            continue
        room[tax.category, tax.rate] -= taken
        added.append(_taken_off(draft, paid.line, taken))
    if added:
        draft.returns = True
        draft.lines.extend(added)
    return bool(added)


def _taken_off(draft: Invoice, line: InvoiceLine, amount: Decimal) -> InvoiceLine:
    of = line.invoice
    language = draft.language or draft.party.language
    with in_language(language):
        day = written_day(of.issued_on, language) if of.issued_on is not None else ""
        text = _("Less down payment: invoice %(number)s of %(day)s", number=of.number, day=day)
    return InvoiceLine(advance_line=line, text=text, quantity=Decimal(-1), unit_price=amount, tax=line.tax)


def left_of(session: Session, order: SaleOrder) -> list[Paid]:
    """Return the lines of an order's issued advances with what of each was not credited and not taken off yet."""
    with access.everything(session, why="what was paid in advance does not depend on who asks"):
        found = select(Invoice).where(
            Invoice.order_id == order.id, Invoice.is_advance, Invoice.state != InvoiceState.draft
        )
        advances = session.scalars(found.where(Invoice.kind == InvoiceKind.invoice).order_by(Invoice.id)).all()
        if not advances:
            return []
        rest = {key: each for one in advances for key, each in invoice_rules.left_to_credit(session, one).items()}
        taken = _taken(session, rest)
    with money.exact():
        paid = [Paid(line, line.unit_price * rest[line.id] - taken[line.id]) for one in advances for line in one.lines]
    return [each for each in paid if each.left > 0]


def _taken(session: Session, keys: Iterable[int]) -> dict[int, Decimal]:
    """Return what invoices, drafts included, have taken off the lines of advances, less what credit notes took back."""
    counts = (Invoice.kind == InvoiceKind.invoice) | (Invoice.state != InvoiceState.draft)
    found = (
        select(InvoiceLine)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(InvoiceLine.advance_line_id.in_(list(keys)), counts)
        .options(joinedload(InvoiceLine.invoice))
    )
    taken: dict[int, Decimal] = defaultdict(lambda: ZERO)
    with money.exact():
        for line in session.scalars(found):
            sign = 1 if line.invoice.kind == InvoiceKind.invoice else -1
            taken[line.advance_line_id or 0] += sign * -line.quantity * line.unit_price
    return taken


def refuse_more_than_ordered(session: Session, draft: Invoice) -> None:
    """Raise DomainError when a draft asks for more in advance than its order, or takes off more than was paid.

    The order must be locked.
    """
    lines = {each.advance_line_id: each.advance_line for each in draft.lines if each.advance_line is not None}
    taken = _taken(session, [key for key in lines if key is not None]) if lines else {}
    for key, line in lines.items():
        with money.exact():
            paid = line.unit_price * invoice_rules.left_to_credit(session, line.invoice)[line.id]
        if taken[key or 0] > paid:
            text = _("At most %(left)s can be taken off", left=money.plain(paid, draft.currency))
            raise DomainError(text, field="lines")
    if draft.is_advance and draft.kind == InvoiceKind.invoice and draft.order is not None:
        with money.exact():  # taxes are rounded: each may come to a step more than the part that was asked for
            slack = money.step(draft.currency) * len(draft.lines)
        _refuse_more(session, draft.gross - slack, draft.order, but=draft)


def _refuse_more(session: Session, amount: Decimal, order: SaleOrder, *, but: Invoice | None = None) -> None:
    """Refuse an advance that comes, with all other live documents of an order, to more than the order."""
    counts = (Invoice.kind == InvoiceKind.invoice) | (Invoice.state != InvoiceState.draft)
    found = select(Invoice.kind, Invoice.gross).where(Invoice.order_id == order.id, counts)
    if but is not None:
        found = found.where(Invoice.id != but.id)
    with access.everything(session, why="what is invoiced of an order does not depend on who asks"):
        rows = session.execute(found).all()
    total = sum((gross if kind == InvoiceKind.invoice else -gross for kind, gross in rows), ZERO)
    with money.exact():
        most = order.gross * (HUNDRED + (order.organisation.over_percent or ZERO)) / HUNDRED
        rest = max(most - total, ZERO)
    if amount > rest:
        left = money.plain(money.quantize(rest, order.currency), order.currency)
        text = _("Advances and invoices come to more than the order: at most %(left)s is left", left=left)
        raise DomainError(text, field="amount")
