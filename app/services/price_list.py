"""Price lists: what they obey when they are stored."""

from decimal import Decimal
from functools import partial
from itertools import combinations
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.columns import Quantity
from app.i18n import gettext as _
from app.models.price_list import Audience, PriceItem, PriceList
from app.models.product import Product
from app.models.tag import Tag
from app.money import digits
from app.services import document as documents
from app.services.collected import Collected
from app.services.text import is_blank, line
from app.services.validity import overlap, refuse_days

MOST_ITEMS = 1000
MOST_PRIORITY = 999
ZERO = Decimal(0)


def save(session: Session, prices: PriceList) -> None:
    """Bring a price list into its normal form and add it to the session.

    Two prices of one product from the same quantity may not hold on the same day: which of them counts would be
    chance. Raises Refusals at the fields ("items-0-price"); nothing is changed then.
    """
    with session.no_autoflush:
        found = Collected()
        values = _head(session, prices, found)
        rows = _items(session, prices, found)
        found.settle()
        for name, value in values.items():
            setattr(prices, name, value)
        for at, (each, row) in enumerate(zip(prices.items, rows, strict=True)):
            documents.put(each, row | {"position": at + 1})
        session.add(prices)


def _head(session: Session, prices: PriceList, found: Collected) -> dict[str, Any]:
    name = found.take("name", lambda: line(prices.name or "", limit=120)) or ""
    if "name" not in found and is_blank(name):
        found.refuse("name", _("A price list needs a name"))
    twin = select(PriceList.id).where(PriceList.name == name, PriceList.id != (prices.id or 0))
    if "name" not in found and session.scalar(twin) is not None:
        found.refuse("name", _("This value is already in use"))
    currency = (prices.currency or "").strip().upper()
    found.take("currency", lambda: digits(currency))
    audience = prices.audience or Audience.everybody
    tag = documents.linked(session, prices, "tag", Tag)
    if audience == Audience.tag and tag is None:
        found.refuse("tag", _("Choose the tag"))
    if audience == Audience.kind and prices.party_kind is None:
        found.refuse("party_kind", _("Choose companies or persons"))
    refuse_days(prices, found)
    return {
        "name": name,
        "currency": currency,
        "audience": audience,
        "tag": tag if audience == Audience.tag else None,
        "party_kind": prices.party_kind if audience == Audience.kind else None,
        "priority": priority(prices.priority, found),
    }


def priority(value: int | None, found: Collected) -> int:
    """Return a priority that is within its bounds."""
    if not -MOST_PRIORITY <= (value or 0) <= MOST_PRIORITY:
        found.refuse("priority", _("From %(least)s to %(most)s is possible", least=-MOST_PRIORITY, most=MOST_PRIORITY))
    return value or 0


def _items(session: Session, prices: PriceList, found: Collected) -> list[dict[str, Any]]:
    if len(prices.items) > MOST_ITEMS:
        found.refuse("items", _("At most %(most)s lines are possible", most=MOST_ITEMS))
        return []
    rows = [_item(session, each, f"items-{at}-", found) for at, each in enumerate(prices.items)]
    by_product: dict[tuple[Any, Decimal], list[int]] = {}
    for at, row in enumerate(rows):
        if row["product"] is not None:
            by_product.setdefault((row["product"], row["from_quantity"]), []).append(at)
    for same in by_product.values():
        for one, other in combinations(same, 2):
            if overlap(prices.items[one], prices.items[other]):
                text = _("Row %(number)s has a price of this product from the same quantity", number=one + 1)
                found.refuse(f"items-{other}-from_quantity", text)
    return rows


def _item(session: Session, each: PriceItem, prefix: str, found: Collected) -> dict[str, Any]:
    product = documents.linked(session, each, "product", Product)
    if product is None:
        found.refuse(f"{prefix}product", _("Choose the product"))
    numbers: dict[str, Decimal | None] = {"price": each.price, "from_quantity": each.from_quantity}
    if numbers["from_quantity"] is None:
        numbers["from_quantity"] = ZERO
    if numbers["price"] is None:
        found.refuse(f"{prefix}price", _("Give the price"))
    for name, value in numbers.items():
        if value is None:
            continue
        found.take(f"{prefix}{name}", partial(Quantity().fit, value))
        if value < 0:
            found.refuse(f"{prefix}{name}", _("This cannot be less than zero"))
    refuse_days(each, found, prefix)
    return {"product": product, **{name: value and documents.number(value) for name, value in numbers.items()}}
