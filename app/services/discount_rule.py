"""Discount rules: what they obey when they are stored."""

from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.columns import Amount, Quantity
from app.i18n import gettext as _
from app.models.discount_rule import DiscountRule, Past
from app.money import digits
from app.services import price_list as price_lists
from app.services.collected import Collected
from app.services.text import is_blank, line
from app.services.validity import refuse_days

HUNDRED = Decimal(100)
MOST_MONTHS = 120


def save(session: Session, rule: DiscountRule) -> None:
    """Bring a discount rule into its normal form and add it to the session. Raises Refusals at the fields."""
    with session.no_autoflush:
        found = Collected()
        values = _texts(session, rule, found)
        _what(rule, found)
        _for_whom(rule, found)
        _past(rule, found)
        refuse_days(rule, found)
        values["priority"] = price_lists.priority(rule.priority, found)
        has_money = rule.amount is not None or rule.from_amount is not None or rule.past == Past.turnover
        if has_money and values["currency"] is None and "currency" not in found:
            found.refuse("currency", _("An amount needs its currency"))
        found.settle()
        for name, value in values.items():
            setattr(rule, name, value)
        session.add(rule)


def _texts(session: Session, rule: DiscountRule, found: Collected) -> dict[str, Any]:
    name = found.take("name", lambda: line(rule.name or "", limit=120)) or ""
    if "name" not in found and is_blank(name):
        found.refuse("name", _("A rule needs a name: it is what a line says about its price"))
    twin = select(DiscountRule.id).where(DiscountRule.name == name, DiscountRule.id != (rule.id or 0))
    if "name" not in found and session.scalar(twin) is not None:
        found.refuse("name", _("This value is already in use"))
    currency = (rule.currency or "").strip().upper() or None
    if currency is not None:
        found.take("currency", lambda: digits(currency))
    return {"name": name, "currency": currency}


def _what(rule: DiscountRule, found: Collected) -> None:
    if (rule.percent is None) == (rule.amount is None):
        found.refuse("percent", _("Give a percentage or an amount, one of both"))
    if rule.percent is not None and not 0 < rule.percent <= HUNDRED:
        found.refuse("percent", _("A discount is between 0 and 100 percent"))
    for name, value, kind in (
        ("percent", rule.percent, Quantity()),
        ("amount", rule.amount, Quantity()),
        ("from_quantity", rule.from_quantity, Quantity()),
        ("from_amount", rule.from_amount, Amount()),
        ("past_least", rule.past_least, Quantity()),
    ):
        if value is None:
            continue
        found.take(name, partial(kind.fit, value))
        if name != "percent" and value <= 0:
            found.refuse(name, _("This must be above zero"))


def _for_whom(rule: DiscountRule, found: Collected) -> None:
    if (rule.product or rule.product_id) and (rule.category or rule.category_id):
        found.refuse("category", _("Choose a product or a category, not both"))
    if (rule.party or rule.party_id) and (rule.tag or rule.tag_id):
        found.refuse("tag", _("Choose a party or a tag, not both"))


def _past(rule: DiscountRule, found: Collected) -> None:
    if rule.past is None:
        for name in ("past_months", "past_least"):
            if getattr(rule, name) is not None:
                found.refuse("past", _("Say what of the past counts"))
                return
        return
    if rule.past_months is None or not 1 <= rule.past_months <= MOST_MONTHS:
        found.refuse("past_months", _("From 1 to %(most)s months are possible", most=MOST_MONTHS))
    if rule.past_least is None:
        found.refuse("past_least", _("Say how much it must be at least"))
