"""Why a price is what it is, in the reader's words: each step is one sentence."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.i18n import gettext as _
from app.i18n import language, ngettext
from app.money import digits, format_decimal, format_money

Step = Mapping[str, Any]


def told(steps: Iterable[Step] | None) -> list[str]:
    """Return what was done, in order; nothing where a person chose the price."""
    given = list(steps or ())
    currency = next((str(step["currency"]) for step in given if step.get("currency")), None)
    return [_told(step, currency) for step in given]


def left(others: Iterable[Step]) -> list[str]:
    """Return which lists and rules were looked at and left, each with its reason."""
    return [f"{_named(step)}: {_why(step)}" for step in others if step["kind"] != "formula"]


def _told(step: Step, currency: str | None) -> str:
    kind, price = step["kind"], money(step.get("price"), currency)
    if kind == "list" and "from_quantity" in step:
        least = _number(step["from_quantity"])
        return _("Price list “%(name)s”, from %(least)s: %(price)s", name=step["name"], least=least, price=price)
    if kind == "list":
        return _("Price list “%(name)s”: %(price)s", name=step["name"], price=price)
    if kind == "product":
        return _("Price of the product: %(price)s", price=price)
    if kind == "formula":
        given = ", ".join(f"{name} {_number(value)} {sign}".strip() for name, value, sign in step["given"])
        return _("Formula %(formula)s with %(given)s: %(price)s", formula=step["text"], given=given, price=price)
    if kind == "amount":
        off = money(step["amount"], currency)
        return _("%(name)s: %(off)s off, %(price)s is left", name=step["name"], off=off, price=price)
    percent = _number(step["percent"])
    return _("%(name)s: %(percent)s %% off, %(price)s is left", name=step["name"], percent=percent, price=price)


def _named(step: Step) -> str:
    if step["kind"] == "list":
        return _("Price list “%(name)s”", name=step["name"])
    return _("Price of the product") if step["kind"] == "product" else str(step["name"])


def _why(step: Step) -> str:
    why = str(step["why"])
    if why == "quantity":
        return _("only from %(least)s", least=_number(step["least"]))
    if why == "amount":
        return _("only when all lines come to %(least)s", least=money(step["least"], step["currency"]))
    if why == "turnover":
        found = (money(step[name], step["currency"]) for name in ("is", "least"))
        bought, least = found
        return ngettext(
            "invoiced in %(count)s month: %(bought)s of %(least)s",
            "invoiced in %(count)s months: %(bought)s of %(least)s",
            int(step["months"]),
            count=int(step["months"]),
            bought=bought,
            least=least,
        )
    if why == "orders":
        return ngettext(
            "invoices in %(count)s month: %(bought)s of %(least)s",
            "invoices in %(count)s months: %(bought)s of %(least)s",
            int(step["months"]),
            count=int(step["months"]),
            bought=_number(step["is"]),
            least=_number(step["least"]),
        )
    return _reasons().get(why, why)


def _reasons() -> dict[str, str]:
    return {
        "currency": _("is in another currency"),
        "audience": _("is for others"),
        "day": _("does not hold on this day"),
        "item_day": _("has no price of this product on this day"),
        "tax": _("its prices say otherwise whether tax is in them"),
        "no_item": _("has no price of this product"),
        "no_price": _("there is none"),
        "later": _("another list goes first"),
        "product": _("is for another product"),
        "category": _("is for another category"),
        "party": _("is for another party"),
        "tag": _("is for parties with a tag"),
        "alone": _("stands alone, and the others together are better"),
        "beaten": _("a rule that stands alone is better"),
    }


def _number(text: str) -> str:
    return format_decimal(Decimal(text), language())


def money(text: str | None, currency: str | None) -> str:
    """Write a price with all its decimals: those of a unit may be finer than the currency."""
    if text is None:
        return ""
    number = Decimal(text)
    if currency is None:
        return format_decimal(number, language())
    if -number.as_tuple().exponent <= digits(currency):  # type: ignore[operator]  # finite: no letters
        return format_money(number, currency, language())
    return f"{format_decimal(number, language(), least=digits(currency))} {currency}"
