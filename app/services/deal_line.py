"""The lines of a deal: what may be sold, and what that comes to."""

from decimal import Decimal
from functools import partial

from sqlalchemy.orm import Session

from app import money
from app.i18n import gettext as _
from app.models.deal import Deal, DealLine
from app.models.product import Product
from app.models.tax import Tax
from app.models.unit import Unit
from app.services import unit as units
from app.services.collected import Collected
from app.services.document import linked, put
from app.services.text import is_blank, lines

MOST = 200
_TEXT = 2000
_HUNDRED = Decimal(100)


def judged(session: Session, deal: Deal, currency: str, found: Collected) -> Decimal | None:
    """Bring the lines into their normal form and return what they come to, None when there are none."""
    if len(deal.lines) > MOST:
        found.refuse("lines", _("At most %(most)s lines are possible", most=MOST))
        return None
    nets = [_judge(session, each, f"lines-{at}-", currency, found) for at, each in enumerate(deal.lines)]
    for at, (each, net) in enumerate(zip(deal.lines, nets, strict=True)):
        put(each, {"position": at + 1, "net": net})
    return sum(nets, Decimal(0)) if nets else None


def _judge(session: Session, each: DealLine, prefix: str, currency: str, found: Collected) -> Decimal:
    product = linked(session, each, "product", Product)
    unit = linked(session, each, "unit", Unit) or (product.unit if product is not None else None)
    tax = linked(session, each, "tax", Tax) or (product.tax if product is not None else None)
    typed = each.text if not is_blank(each.text or "") else (product.name if product else "")
    text = found.take(f"{prefix}text", partial(lines, typed, limit=_TEXT))
    if text == "":
        found.refuse(f"{prefix}text", _("A line needs a product or a text"))
    price: Decimal | None = each.unit_price
    if price is None and product is not None and product.currency == currency:
        price = product.price
    quantity: Decimal | None = each.quantity
    percent = Decimal(each.discount_percent or 0)
    if quantity is None:
        found.refuse(f"{prefix}quantity", _("Give the quantity"))
    elif quantity <= 0:
        found.refuse(f"{prefix}quantity", _("A quantity is above zero"))
    elif unit is not None:
        found.take(f"{prefix}quantity", partial(units.refuse_parts, unit, quantity))
    if price is None:
        found.refuse(f"{prefix}unit_price", _("Give the price"))
    elif price < 0:
        found.refuse(f"{prefix}unit_price", _("A price is not below zero"))
    if not 0 <= percent <= _HUNDRED:
        found.refuse(f"{prefix}discount_percent", _("A discount is between 0 and 100 percent"))
    values = {"product": product, "text": text or "", "unit": unit, "tax": tax, "discount_percent": percent}
    put(each, values | ({} if price is None else {"unit_price": Decimal(price)}))
    if quantity is None or price is None:
        return Decimal(0)
    with money.exact():
        exact = Decimal(quantity) * Decimal(price) * (_HUNDRED - percent) / _HUNDRED
    return found.take(f"{prefix}quantity", partial(money.quantize, exact, currency)) or Decimal(0)
