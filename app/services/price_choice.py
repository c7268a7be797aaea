"""Which list and which rules make a price: decided from what has been read, without a database.

The order is fixed (ADR 23): the price of one unit (the product's formula, else the first list that has one, else the
product's own price); then amounts off, never below zero; then percentages, each of what is left. A rule that stands
alone is taken instead of all others where the buyer pays less. Among equals the higher priority goes first, then the
name: never the order of rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from app.errors import DomainError
from app.models.discount_rule import DiscountRule, Past
from app.models.party import Party
from app.models.price_list import Audience, PriceItem, PriceList
from app.models.product import Product
from app.money import exact, plain
from app.services import product_formula
from app.services.product_category import chain
from app.services.validity import holds

ZERO, HUNDRED = Decimal(0), Decimal(100)
_FINE = Decimal("0.000001")
Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """For whom, when, and in which money prices are asked."""

    party: Party | None
    currency: str
    on: date
    prices_include_tax: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One product and how much of it; `typed` is a price that a person chose, for what the document comes to."""

    product: Product | None
    quantity: Decimal
    parameters: Any = None
    typed: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """What one unit costs, what comes off in percent, and why.

    `price` is None where no list and no product has one in this currency. Shape: `steps` are what was done, in order,
    as `services.price_words` reads them; `others` what was looked at and left, with the reason `why`; `refusal` says
    what is wrong with the parameters.
    """

    price: Decimal | None
    discount_percent: Decimal = ZERO
    steps: tuple[Step, ...] = ()
    others: tuple[Step, ...] = ()
    refusal: DomainError | None = None


@dataclass(frozen=True)
class Known:
    """What has been read for a document: lists, rules, the buyer's tags and past, the tree of categories.

    Shape: `items` are the prices by (list, product); `past` what was bought, by (what, months, currency).
    """

    lists: Sequence[PriceList] = ()
    items: Mapping[tuple[int, int], Sequence[PriceItem]] = field(default_factory=dict)
    rules: Sequence[DiscountRule] = ()
    tags: frozenset[int] = frozenset()
    above: Mapping[int, int | None] = field(default_factory=dict)
    past: Mapping[tuple[str, int, str | None], Decimal] = field(default_factory=dict)


def past_key(rule: DiscountRule) -> tuple[str, int, str | None]:
    """Return what a personal rule asks of the past."""
    assert rule.past is not None  # noqa: S101 -- asked of personal rules only
    return rule.past.value, rule.past_months or 0, rule.currency if rule.past == Past.turnover else None


# --- the price of one unit --------------------------------------------------------------------------------------------


def base(ask: Ask, about: About, known: Known) -> Priced:
    """Return the price of one unit before discounts."""
    product = ask.product
    if product is None:
        return Priced(None)
    if product.formula:
        return _by_formula(product, ask, about)
    others: list[Step] = []
    chosen: tuple[PriceList, PriceItem] | None = None
    for each in sorted(known.lists, key=lambda one: _rank(one, about, known)):
        why = _why_not(each, about, known)
        items = known.items.get((each.id, product.id), ())
        fits = [one for one in items if holds(one, about.on)]
        reached = [one for one in fits if one.from_quantity <= abs(ask.quantity)]
        if why is None and not reached:
            why = "quantity" if fits else "item_day" if items else "no_item"
        if why is None and chosen is not None:
            why = "later"
        if why is not None or chosen is not None:
            least = min((one.from_quantity for one in fits), default=ZERO)
            others.append({"kind": "list", "name": each.name, "why": why, "least": plain(least)})
            continue
        chosen = each, max(reached, key=lambda one: one.from_quantity)
    if chosen is not None:
        prices, item = chosen
        step = {"kind": "list", "name": prices.name, "price": plain(item.price), "currency": about.currency}
        if item.from_quantity:
            step["from_quantity"] = plain(item.from_quantity)
        return Priced(item.price, steps=(step,), others=tuple(others))
    if product.price is None or product.currency != about.currency:
        why = "no_price" if product.price is None else "currency"
        return Priced(None, others=(*others, {"kind": "product", "why": why, "currency": product.currency}))
    own = {"kind": "product", "price": plain(product.price), "currency": about.currency}
    return Priced(product.price, steps=(own,), others=tuple(others))


def _by_formula(product: Product, ask: Ask, about: About) -> Priced:
    if product.currency != about.currency:
        return Priced(None, others=({"kind": "product", "why": "currency", "currency": product.currency},))
    try:
        given = product_formula.taken(product, ask.parameters)
        price = product_formula.price(product, given)
    except DomainError as refusal:
        return Priced(None, others=({"kind": "formula", "why": "parameters"},), refusal=refusal)
    shown = [[str(each), plain(given[each.name]), each.sign or ""] for each in product.parameters]
    step = {"kind": "formula", "text": product.formula, "given": shown, "price": plain(price)}
    return Priced(price, steps=(step | {"currency": about.currency},))


def _rank(prices: PriceList, about: About, known: Known) -> tuple[int, int, str]:
    return _tier(prices, about, known), -prices.priority, prices.name


def _tier(prices: PriceList, about: About, known: Known) -> int:
    """Return how near a list is to the buyer: 0 his own, 1 for people like him, 2 for everybody, 3 not for him."""
    party = about.party
    if party is not None and party.price_list_id == prices.id:
        return 0
    if prices.audience == Audience.everybody:
        return 2
    is_kind = prices.audience == Audience.kind and party is not None and party.kind == prices.party_kind
    is_tagged = prices.audience == Audience.tag and prices.tag_id in known.tags
    return 1 if is_kind or is_tagged else 3


def _why_not(prices: PriceList, about: About, known: Known) -> str | None:
    if prices.currency != about.currency:
        return "currency"
    if _tier(prices, about, known) == 3:  # noqa: PLR2004 -- not for him
        return "audience"
    if not holds(prices, about.on):
        return "day"
    return None if prices.prices_include_tax == about.prices_include_tax else "tax"


# --- discounts --------------------------------------------------------------------------------------------------------


def discounted(found: Priced, ask: Ask, about: About, known: Known, *, amount: Decimal) -> Priced:
    """Return a price with the discounts that fit; `amount` is what the document comes to before any."""
    if found.price is None or ask.product is None:
        return found
    others: list[Step] = list(found.others)
    fitting: list[DiscountRule] = []
    for rule in sorted(known.rules, key=_order):
        why = _why_no_discount(rule, ask, about, known, amount=amount)
        if why is None:
            fitting.append(rule)
        else:
            others.append(_left(rule, why, known))
    together = [rule for rule in fitting if rule.stacks]
    choices = [together, *([rule] for rule in fitting if not rule.stacks)]
    results = [_apply(rules, found.price) for rules in choices]
    best = min(range(len(results)), key=lambda at: (_left_to_pay(results[at]), at))
    taken = choices[best]
    others += [_left(rule, "alone" if taken == together else "beaten", known) for rule in fitting if rule not in taken]
    price, percent, steps = results[best]
    return Priced(price, percent, (*found.steps, *steps), tuple(others))


def _order(rule: DiscountRule) -> tuple[int, str]:
    return -rule.priority, rule.name


def _left(rule: DiscountRule, why: str, known: Known) -> Step:
    step: Step = {"kind": "rule", "name": rule.name, "why": why}
    if why == "quantity" and rule.from_quantity is not None:
        step["least"] = plain(rule.from_quantity)
    if why == "amount" and rule.from_amount is not None:
        step |= {"least": plain(rule.from_amount), "currency": rule.currency}
    if why in {"turnover", "orders"}:
        step |= {"least": plain(rule.past_least or ZERO), "is": plain(known.past.get(past_key(rule), ZERO))}
        step |= {"months": rule.past_months, "currency": rule.currency}
    return step


def _why_no_discount(  # noqa: PLR0911 -- one reason each
    rule: DiscountRule, ask: Ask, about: About, known: Known, *, amount: Decimal
) -> str | None:
    assert ask.product is not None  # noqa: S101 -- asked for lines with a product only
    if not holds(rule, about.on):
        return "day"
    if rule.currency is not None and rule.currency != about.currency:
        return "currency"
    if rule.product_id is not None and rule.product_id != ask.product.id:
        return "product"
    if rule.category_id is not None and rule.category_id not in chain(ask.product.category_id, known.above):
        return "category"
    if rule.party_id is not None and (about.party is None or about.party.id != rule.party_id):
        return "party"
    if rule.tag_id is not None and rule.tag_id not in known.tags:
        return "tag"
    if rule.from_quantity is not None and abs(ask.quantity) < rule.from_quantity:
        return "quantity"
    if rule.from_amount is not None and amount < rule.from_amount:
        return "amount"
    if rule.past is not None and known.past.get(past_key(rule), ZERO) < (rule.past_least or ZERO):
        return rule.past.value
    return None


def _apply(rules: Iterable[DiscountRule], price: Decimal) -> tuple[Decimal, Decimal, list[Step]]:
    """Return the price after amounts, the percentage that comes off it, and the steps."""
    given = list(rules)
    steps: list[Step] = []
    kept = HUNDRED
    with exact():
        for rule in given:
            if rule.amount is not None:
                price = max(price - rule.amount, ZERO)
                steps.append({"kind": "amount", "name": rule.name, "amount": plain(rule.amount), "price": plain(price)})
        for rule in given:
            if rule.percent is not None:
                kept = kept * (HUNDRED - rule.percent) / HUNDRED
                left = (price * kept / HUNDRED).quantize(_FINE, rounding=ROUND_HALF_UP)
                steps.append(
                    {"kind": "percent", "name": rule.name, "percent": plain(rule.percent), "price": plain(left)}
                )
        return price, (HUNDRED - kept).quantize(_FINE, rounding=ROUND_HALF_UP), steps


def _left_to_pay(result: tuple[Decimal, Decimal, list[Step]]) -> Decimal:
    price, percent, _steps = result
    with exact():
        return price * (HUNDRED - percent)
