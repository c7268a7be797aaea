"""What the lines of a form cost by lists and rules, while one types: the script fills it in and says why."""

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from app import clock
from app.db import db
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import language
from app.models.product import Product
from app.money import digits, format_decimal, parse_decimal, plain
from app.services import price as prices
from app.services import price_words
from app.services.price_choice import About, Ask, Priced

ZERO, ONE = Decimal(0), Decimal(1)


def offers(form: Any, currency: str) -> list[dict[str, Any] | None]:
    """Return for each row of a form what its product costs; None for a row without a product.

    Shape: the cells as they are written, `steps` in words, `is_offered` where the row says just that already, `hint`
    where there is no price, `parameters` that a formula asks for.
    """
    rows = [entry.form for entry in form["lines"].entries]
    if not any(row.product.data for row in rows):
        return [None] * len(rows)
    asks = [
        Ask(row.product.data, row.quantity.data or ONE, _read(row.parameters.data), row.unit_price.data) for row in rows
    ]
    found = prices.prices_of(db.session(), asks, _about(form, currency))
    return [
        None if ask.product is None else _shown(ask.product, ask, offer, row, currency)
        for ask, offer, row in zip(asks, found, rows, strict=True)
    ]


def _about(form: Any, currency: str) -> About:
    def data(name: str) -> Any:
        return form[name].data if name in form else None

    organisation = data("organisation")
    document = SimpleNamespace(ordered_on=data("ordered_on"))
    on = document.ordered_on or (prices.day_of(document, organisation) if organisation is not None else clock.today())
    return About(data("party"), currency, on, bool(data("prices_include_tax")))


def _shown(product: Product, ask: Ask, offer: Priced, row: Any, currency: str) -> dict[str, Any]:
    price, discount = row.unit_price.data, row.discount_percent.data or ZERO
    is_offered = offer.price is not None and price == offer.price and discount == offer.discount_percent
    return {
        "unit_price": "" if offer.price is None else format_decimal(offer.price, language(), least=digits(currency)),
        "discount_percent": format_decimal(offer.discount_percent, language()) if offer.discount_percent else "",
        "steps": price_words.told(offer.steps),
        "is_offered": is_offered,
        "hint": _hint(offer, currency),
        "parameters": parameters(product, ask.parameters) if product.formula else [],
    }


def _hint(offer: Priced, currency: str) -> str | None:
    if offer.refusal is not None:
        return prices.why_refused(offer.refusal)
    if offer.price is None:
        return _("No list and no product has a price in %(currency)s; type one.", currency=currency)
    return None


def parameters(product: Product, given: Any) -> list[dict[str, Any]]:
    """Return the numbers that a product's formula asks for, with what stands there, as the reader writes them."""
    known = given if isinstance(given, dict) else {}
    return [
        {
            "name": each.name,
            "title": str(each),
            "sign": each.sign or "",
            "value": _said(known.get(each.name), each.usual),
            "bounds": " – ".join(_said(None, bound) for bound in (each.least, each.most) if bound is not None),
        }
        for each in product.parameters
    ]


def _said(given: Any, usual: Decimal | None) -> str:
    if given is None:
        return "" if usual is None else format_decimal(usual, language())
    try:
        return format_decimal(Decimal(str(given)), language())
    except (ArithmeticError, ValueError):
        return str(given)


def written(row: Any) -> str:
    """Return the numbers of a stored row's formula as its form carries them."""
    given = getattr(row, "parameters", None)
    return (
        json.dumps({name: format_decimal(Decimal(text), language()) for name, text in given.items()}) if given else ""
    )


def take(form: Any, row: Any) -> None:
    """Give a row the numbers that its form carries; the service judges them."""
    if hasattr(row, "parameters"):
        row.parameters = _read(form.parameters.data)


def _read(text: Any) -> dict[str, str] | None:
    """Read numbers as the reader writes them; what is none stays as it is, to be refused with its name."""
    try:
        given = json.loads(text or "null")
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or not given or len(given) > MOST:
        return None
    return {str(name)[:LONGEST]: _plain(str(value)[:LONGEST]) for name, value in given.items()}


MOST, LONGEST = 50, 60


def _plain(text: str) -> str:
    try:
        return plain(parse_decimal(text, language()))
    except DomainError:
        return text
