"""What a document costs us and what is left of it: noted when it becomes binding, whatever costs change later."""

from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.invoice import Invoice, InvoiceLine
from app.models.product import Product
from app.models.sale_order import SaleOrder, SaleOrderLine
from app.money import exact, quantize
from app.services import document as documents

ZERO = Decimal(0)
Line = SaleOrderLine | InvoiceLine


def take(session: Session, document: SaleOrder | Invoice) -> None:
    """Note what each line of a document costs, and the document's margin.

    An invoice keeps the cost of its order, a credit note that of its invoice; anything else costs what its product
    costs now. Without a cost in the document's currency that of the line is unknown, and so is the margin.
    """
    costs = _costs(session, document)
    is_order = isinstance(document, SaleOrder)
    for line in document.lines:
        if is_order or line.unit_cost is None:
            documents.put(line, {"unit_cost": costs.get(line.product_id) if line.product_id is not None else None})
    documents.put(document, {"margin": of_document(document)})


def drop(order: SaleOrder) -> None:
    """Forget what an order costs: it is a draft again."""
    for line in order.lines:
        line.unit_cost = None
    order.margin = None


def _costs(session: Session, document: SaleOrder | Invoice) -> dict[int, Decimal]:
    """Return what the products of a document cost, by key, where that is known in its currency."""
    keys = sorted({line.product_id for line in document.lines if line.product_id is not None})
    if not keys:
        return {}
    found = select(Product.id, Product.cost_price).where(
        Product.id.in_(keys), Product.currency == document.currency, Product.cost_price.is_not(None)
    )
    return {row.id: row.cost_price for row in session.execute(found)}


def of_line(line: Line, currency: str) -> Decimal | None:
    """Return what is left of a line's net amount beyond its cost; None where nobody knows the cost."""
    cost = cost_of(line, currency)
    return None if cost is None else line.net - cost


def cost_of(line: Line, currency: str) -> Decimal | None:
    """Return what a whole line costs, rounded to the currency."""
    if line.unit_cost is None:
        return None
    with exact():
        return quantize(line.unit_cost * line.quantity, currency)


def of_document(document: SaleOrder | Invoice) -> Decimal | None:
    """Return what is left of a document's net amount; None without lines, or where the cost of one is unknown."""
    costs = [cost_of(line, document.currency) for line in document.lines]
    known = [cost for cost in costs if cost is not None]
    if not costs or len(known) < len(costs):
        return None
    return document.net - _sum(known)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
