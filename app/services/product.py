"""Products: the rules of storing them, and how they are found."""

from functools import partial
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.columns import Quantity
from app.i18n import gettext as _
from app.models.product import Product, ProductKind
from app.money import digits
from app.search import fold, like_clauses, search_text
from app.services import access, product_formula
from app.services import unit as units
from app.services.collected import Collected
from app.services.text import is_blank, line, lines

_DESCRIPTION_LENGTH = 20_000


def save(session: Session, product: Product) -> None:
    """Bring a product into its normal form and add it to the session.

    A price needs its currency. Raises Refusals at the fields; nothing is changed then.
    """
    with session.no_autoflush:
        found = Collected()
        values = _texts(product, found) | _price(product, found) | product_formula.check(product, found)
        if values["formula"] and values["currency"] is None and "currency" not in found:
            found.refuse("currency", _("A price needs its currency"))
        if values["sku"] and _sku_taken(session, product, values["sku"]):
            found.refuse("sku", _("This value is already in use"))
        found.settle()
        for at, each in enumerate(product.parameters, 1):
            each.position = at
        product.kind = product.kind or ProductKind.goods
        for name, value in values.items():
            setattr(product, name, value)
        if product.unit is None and product.unit_id is None:
            product.unit = units.known(session, "HUR" if product.kind == ProductKind.service else units.PIECE)
        derive(product)
        session.add(product)


def _texts(product: Product, found: Collected) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, limit in (("name", 250), ("sku", 64)):
        values[name] = found.take(name, partial(line, getattr(product, name) or "", limit=limit)) or None
    if "name" not in found and is_blank(values["name"] or ""):
        found.refuse("name", _("A product needs a name"))
    values["description"] = (
        found.take("description", lambda: lines(product.description or "", limit=_DESCRIPTION_LENGTH)) or None
    )
    return values


def _price(product: Product, found: Collected) -> dict[str, Any]:
    price, currency = product.price, (product.currency or "").strip().upper() or None
    if currency is not None:
        found.take("currency", lambda: digits(currency))
    for name, amount in (("price", price), ("cost_price", product.cost_price)):
        if amount is not None:
            found.take(name, partial(Quantity().fit, amount))
            if amount < 0:
                found.refuse(name, _("A price cannot be less than zero"))
    if (price is not None or product.cost_price is not None) and currency is None:
        found.refuse("currency", _("A price needs its currency"))
    return {"currency": currency}


def _sku_taken(session: Session, product: Product, sku: str) -> bool:
    found = select(Product.id).where(Product.sku == sku)
    if product.id is not None:
        found = found.where(Product.id != product.id)
    with access.everything(session, why="an article number is unique over all products"):
        return session.scalar(found.limit(1)) is not None


def derive(product: Product) -> None:
    """Compute what is derived from the other fields: the search text and the name key."""
    product.search_text = search_text(
        [product.sku, product.name, str(product.category) if product.category is not None else None]
    )
    product.name_key = fold(product.name)[:250]


def named(query: str, *, inactive: bool = False) -> Select[Product]:
    """Return the products that a typed query finds, by name; those out of use only on demand."""
    found = select(Product).where(*like_clauses(Product.search_text, query)).order_by(Product.name, Product.id)
    return found if inactive else found.where(Product.is_active)
