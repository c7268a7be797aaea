"""Products whose price a formula works out: their parameters, and what a line was asked with."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app import money
from app.columns import Quantity
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.product import Product, ProductParameter
from app.money import formula as formulas
from app.services.collected import Collected
from app.services.text import line

MOST_PARAMETERS = 20


def check(product: Product, found: Collected) -> dict[str, Any]:
    """Judge a product's formula and parameters; return the formula as it is stored.

    A formula asks for nothing but its parameters, each of which it may leave out. Where all have a usual value, they
    must come to a price.
    """
    text = (product.formula or "").strip() or None
    if len(product.parameters) > MOST_PARAMETERS:
        found.refuse("parameters", _("At most %(most)s lines are possible", most=MOST_PARAMETERS))
        return {"formula": text}
    names: set[str] = set()
    for at, each in enumerate(product.parameters):
        _parameter(each, f"parameters-{at}-", names, found)
    if text is None:
        if product.parameters:
            found.refuse("formula", _("Parameters need a formula that asks for them"))
        return {"formula": None}
    read = found.take("formula", lambda: formulas.read(text))
    if read is None:
        return {"formula": text}
    if unknown := sorted(read.names - names):
        found.refuse("formula", _("There is no parameter “%(name)s”", name=unknown[0]))
    elif not found.errors and all(each.usual is not None for each in product.parameters):
        usual = {each.name: each.usual for each in product.parameters if each.usual is not None}
        found.take("formula", lambda: _price(read.value(usual), product.currency))
    return {"formula": read.text}


def _parameter(each: ProductParameter, prefix: str, names: set[str], found: Collected) -> None:
    name = (each.name or "").strip().lower()
    if not formulas.NAME.fullmatch(name) or name in formulas.RESERVED:
        found.refuse(f"{prefix}name", _("A name is a word of small Latin letters, such as width"))
    elif name in names:
        found.refuse(f"{prefix}name", _("This name is there already"))
    names.add(name)
    each.name = name
    for column, limit in (("title", 60), ("sign", 20)):
        text = found.take(f"{prefix}{column}", lambda c=column, most=limit: line(getattr(each, c) or "", limit=most))  # type: ignore[misc]
        setattr(each, column, text or None)
    for column in ("least", "most", "usual"):
        value = getattr(each, column)
        if value is not None:
            found.take(f"{prefix}{column}", lambda number=value: Quantity().fit(number))  # type: ignore[misc]
    if each.least is not None and each.most is not None and each.most < each.least:
        found.refuse(f"{prefix}most", _("The largest is less than the least"))
    elif each.usual is not None and f"{prefix}usual" not in found and _outside(each, each.usual):
        found.refuse(f"{prefix}usual", outside(each))


def _outside(each: ProductParameter, value: Decimal) -> bool:
    return (each.least is not None and value < each.least) or (each.most is not None and value > each.most)


def outside(each: ProductParameter) -> str:
    """Return what to say of a number that is not within a parameter's bounds."""
    least, most = (None if bound is None else money.plain(bound) for bound in (each.least, each.most))
    if most is None:
        return _("“%(name)s” is at least %(least)s", name=str(each), least=least)
    if least is None:
        return _("“%(name)s” is at most %(most)s", name=str(each), most=most)
    return _("“%(name)s” is between %(least)s and %(most)s", name=str(each), least=least, most=most)


def taken(product: Product, given: Any) -> dict[str, Decimal]:  # noqa: ANN401 -- what somebody sent
    """Return the numbers that a product's formula is asked with: the given ones, else the usual ones.

    Shape: `given` maps names to numbers, as texts with a dot. Raises Refusals by the names of parameters ("" for what
    is no such mapping).
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise Refusals({"": [_("Give the parameters by their names")]})
    errors: dict[str, list[str]] = {}
    found: dict[str, Decimal] = {}
    known = {each.name: each for each in product.parameters}
    for name in given:
        if name not in known:
            errors.setdefault("", []).append(_("There is no parameter “%(name)s”", name=str(name)[:30]))
    for name, each in known.items():
        try:
            value = _number(given.get(name), each)
        except DomainError as refusal:
            errors.setdefault(name, []).append(refusal.text)
            continue
        found[name] = value
    if errors:
        raise Refusals(errors)
    return found


def _number(value: Any, each: ProductParameter) -> Decimal:  # noqa: ANN401
    if value is None or value == "":
        if each.usual is None:
            raise DomainError(_("Give “%(name)s”", name=str(each)))
        return each.usual
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise DomainError(_("“%(name)s” is a number", name=str(each)))
    text = str(value)
    if not text.isascii() or not text.removeprefix("-").replace(".", "", 1).isdecimal():
        raise DomainError(_("“%(name)s” is a number", name=str(each)))
    number = Quantity().fit(text)
    if _outside(each, number):
        raise DomainError(outside(each))
    return number


def price(product: Product, given: Mapping[str, Decimal]) -> Decimal:
    """Return what one unit of a product with a formula costs, rounded to its currency.

    Raises DomainError when the formula cannot be worked out with these numbers, or comes to less than zero.
    """
    return _price(formulas.read(product.formula or "").value(given), product.currency)


def _price(value: Decimal, currency: str | None) -> Decimal:
    if value < 0:
        raise DomainError(_("The formula comes to less than zero with these numbers"))
    return money.quantize(value, currency or "EUR")
