"""Prices: what a product costs a counterparty on a day, in which quantity, and why (ADR 23).

`price_choice` decides; what it decides from is read here, for all lines of a document in a constant number of
statements. A document's lines take their prices from `of_lines`, and remember the steps where nobody chose another.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.orm import Session, selectinload

from app import clock
from app.errors import DomainError, Refusals
from app.models.discount_rule import DiscountRule, Past
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.party import Party
from app.models.price_list import PriceItem, PriceList
from app.models.product import Product
from app.models.tag import Tagging
from app.money import exact, plain
from app.money.terms import months_before
from app.services import access, product_formula
from app.services import period as periods
from app.services import price_choice as choice
from app.services import product_category as categories
from app.services.price_choice import About, Ask, Known, Priced

ZERO = Decimal(0)


def price_of(
    session: Session,
    *,
    product: Product,
    party: Party | None,
    quantity: Decimal,
    currency: str,
    on: date,
    prices_include_tax: bool = False,
    parameters: Mapping[str, Any] | None = None,
    document_amount: Decimal | None = None,
) -> Priced:
    """Return what a product costs, with every step and why other lists and rules did not count.

    `document_amount` is what the whole document comes to before discounts; without it this line is all of it.
    """
    about = About(party, currency, on, prices_include_tax)
    return prices_of(session, [Ask(product, quantity, parameters)], about, amount=document_amount, explain=True)[0]


def prices_of(
    session: Session, asks: Sequence[Ask], about: About, *, amount: Decimal | None = None, explain: bool = False
) -> list[Priced]:
    """Return the prices of many lines of one document, in order; `explain` looks at other people's rules too."""
    known = read(session, asks, about, explain=explain)
    bases = [choice.base(ask, about, known) for ask in asks]
    if amount is None:
        with exact():
            each = ((ask.typed if ask.typed is not None else b.price, ask) for ask, b in zip(asks, bases, strict=True))
            amount = sum((price * ask.quantity for price, ask in each if price is not None), ZERO)
    return [choice.discounted(b, ask, about, known, amount=amount) for ask, b in zip(asks, bases, strict=True)]


# --- reading ----------------------------------------------------------------------------------------------------------


def read(session: Session, asks: Iterable[Ask], about: About, *, explain: bool = False) -> Known:
    """Read all that decides about the prices of some lines: at most six statements, however many there are."""
    with session.no_autoflush:
        products = _loaded(session, {ask.product for ask in asks if ask.product is not None})
        if not products:
            return Known()
        lists = session.scalars(select(PriceList).where(PriceList.is_active)).all()
        wanted = select(DiscountRule).where(DiscountRule.is_active)
        if not explain:
            key = about.party.id if about.party is not None else None
            wanted = wanted.where(or_(DiscountRule.party_id.is_(None), DiscountRule.party_id == key))
        rules = session.scalars(wanted).all()
        has_tags = any(one.tag_id is not None for one in lists) or any(one.tag_id is not None for one in rules)
        return Known(
            lists=lists,
            items=_items(session, lists, products, about) if lists else {},
            rules=rules,
            tags=_tags(session, about) if has_tags else frozenset(),
            above=categories.parents(session) if any(rule.category_id is not None for rule in rules) else {},
            past=_past(session, rules, about),
        )


def _loaded(session: Session, products: set[Product]) -> list[Product]:
    """Load the parameters of those products that have a formula, together."""
    asked = sorted(each.id for each in products if each.formula and each.id is not None)
    if asked:
        session.scalars(select(Product).where(Product.id.in_(asked)).options(selectinload(Product.parameters))).all()
    return [*products]


def _items(
    session: Session, lists: Sequence[PriceList], products: Iterable[Product], about: About
) -> dict[tuple[int, int], list[PriceItem]]:
    keys = [each.id for each in lists if each.currency == about.currency]
    found: dict[tuple[int, int], list[PriceItem]] = {}
    wanted = sorted(each.id for each in products if each.id is not None)
    rows = select(PriceItem).where(PriceItem.product_id.in_(wanted), PriceItem.price_list_id.in_(keys))
    for row in session.scalars(rows) if keys and wanted else ():
        found.setdefault((row.price_list_id, row.product_id), []).append(row)
    return found


def _tags(session: Session, about: About) -> frozenset[int]:
    if about.party is None or about.party.id is None:
        return frozenset()
    found = select(Tagging.tag_id).where(Tagging.entity == Party.__stem__, Tagging.record_id == about.party.id)
    return frozenset(session.scalars(found))


def _past(session: Session, rules: Iterable[DiscountRule], about: About) -> dict[tuple[str, int, str | None], Decimal]:
    """Return what the party bought in the months that personal rules ask about: one statement over its invoices."""
    keys = sorted({choice.past_key(rule) for rule in rules if rule.past is not None}, key=str)
    if not keys or about.party is None or about.party.id is None:
        return {}
    is_invoice = Invoice.kind == InvoiceKind.invoice
    signed = case((is_invoice, Invoice.net), else_=-Invoice.net)
    columns: list[Any] = []
    for what, months, currency in keys:
        since = Invoice.issued_on > months_before(about.on, months)
        if what == Past.turnover:
            counted = case((and_(since, Invoice.currency == currency), signed), else_=literal(ZERO, Invoice.net.type))
            columns.append(func.sum(counted))
        else:
            columns.append(func.count(case((and_(since, is_invoice), Invoice.id))))
    furthest = months_before(about.on, max(months for _what, months, _currency in keys))
    found = select(*columns).where(
        Invoice.party_id == about.party.id,
        Invoice.state != InvoiceState.draft,
        Invoice.issued_on > furthest,
        Invoice.issued_on <= about.on,
    )
    with access.everything(session, why="what was bought does not depend on who asks"):
        row = session.execute(found).one()
    return {key: Decimal(value or 0) for key, value in zip(keys, row, strict=True)}


# --- the lines of a document ------------------------------------------------------------------------------------------

_ASKED = ("product_id", "product", "quantity", "unit_price", "discount_percent", "parameters")


def day_of(document: Any, organisation: Any) -> date:  # noqa: ANN401 -- an order or an invoice
    """Return the day by which a document is priced: that of the order, or today."""
    return getattr(document, "ordered_on", None) or periods.today(organisation, clock.now())


def of_lines(
    session: Session,
    document: Any,  # noqa: ANN401 -- an order or an invoice
    products: Sequence[Product | None],
    *,
    head: Any,  # noqa: ANN401 -- services.document.Head
    changed: Sequence[bool],
) -> list[Priced | None]:
    """Return the offered prices of a document's lines; None where nothing about a line's price has changed.

    `products` are those of the lines, in order; `head` what has been judged of the document's head.
    """
    asked = [is_new and product is not None for is_new, product in zip(changed, products, strict=True)]
    if not any(asked):
        return [None] * len(products)
    asks = [
        Ask(product, each.quantity or ZERO, getattr(each, "parameters", None), each.unit_price)
        for each, product in zip(document.lines, products, strict=True)
    ]
    included = head.values["prices_include_tax"]
    about = About(head.party, head.currency, day_of(document, head.organisation), included)
    offers = prices_of(session, asks, about)
    return [offer if is_asked else None for offer, is_asked in zip(offers, asked, strict=True)]


def settled(each: Any, offer: Priced | None, values: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Return what a line says of its price, from what was typed and what is offered.

    What was left open is taken from the offer. The steps are kept as long as nothing about the price changes, and are
    there only while price and discount are those that are offered.
    """
    price, discount = values["unit_price"], values["discount_percent"]
    if offer is not None and price is None:
        price = offer.price
        discount = offer.discount_percent if discount is None else discount
    discount = ZERO if discount is None else discount
    told = {"unit_price": price, "discount_percent": discount}
    if not hasattr(each, "price_steps"):
        return told
    if values["product"] is None:
        return told | {"price_steps": None, "parameters": None}
    if offer is None:
        return told | {"price_steps": each.price_steps, "parameters": each.parameters}
    is_offered = offer.price is not None and price == offer.price and discount == offer.discount_percent
    return told | {
        "price_steps": list(offer.steps) if is_offered else None,
        "parameters": _parameters(values["product"], each.parameters),
    }


def _parameters(product: Product | None, given: Any) -> dict[str, str] | None:  # noqa: ANN401
    """Return the numbers that a line keeps: those that its formula was asked with, as text."""
    if product is None or not product.formula:
        return None
    try:
        taken = product_formula.taken(product, given)
    except DomainError:
        return None
    return {name: plain(value) for name, value in taken.items()}


def must_be_refused(each: Any, told: Mapping[str, Any]) -> bool:  # noqa: ANN401
    """Say whether a formula that does not work leaves a line without a price, or was asked with wrong parameters."""
    is_asked_wrongly = bool(getattr(each, "parameters", None)) and told.get("parameters") is None
    return told["unit_price"] is None or is_asked_wrongly


def why_refused(refusal: DomainError) -> str:
    """Return everything that is wrong with a formula's parameters as one text."""
    texts = [text for each in refusal.errors.values() for text in each] if isinstance(refusal, Refusals) else []
    return ". ".join(texts) or refusal.text


def has_changed(each: Any, state: Any) -> bool:  # noqa: ANN401 -- a line, and what the mapper knows of it
    """Say whether something that a line's price depends on is new."""
    if not state.persistent:
        return getattr(each, "price_steps", None) is None  # a copy brings its steps along
    names = [name for name in _ASKED if name in state.attrs]
    return each.unit_price is None or any(state.attrs[name].history.has_changes() for name in names)
