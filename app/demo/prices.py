"""What the demo's company charges: price lists in three currencies, discount rules, a window made to measure."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.discount_rule import DiscountRule, Past
from app.models.party import Party, PartyKind
from app.models.price_list import Audience, PriceItem, PriceList
from app.models.product import Product, ProductKind, ProductParameter
from app.models.product_category import ProductCategory
from app.services import discount_rule as rules
from app.services import price_list as price_lists
from app.services import product as products
from app.services import product_category as categories
from app.services import tax as taxes
from app.services import unit as units

WINDOW = "KZ-1"  # its number; it is none of those that are traded in the demo's past
COUNTRY, CURRENCY = "NL", "EUR"
FINE = Decimal("0.01")


class Sheet(NamedTuple):
    """One price list: its currency, whom it is for, what it asks of our prices, and from which quantity less."""

    name: str
    currency: str
    audience: Audience
    factor: str
    kind: PartyKind | None = None
    break_at: int = 0
    priority: int = 0


SHEETS = (
    Sheet("Groothandel", "EUR", Audience.kind, "0.94", PartyKind.company, break_at=10),
    Sheet("Vaste klanten", "EUR", Audience.chosen, "0.90", break_at=25),
    Sheet("Прайс-лист в рублях", "RUB", Audience.everybody, "98"),
    Sheet("Գնացուցակ դրամով", "AMD", Audience.everybody, "430"),
)
MANY = 12  # products on a list
GIVEN = 3  # parties that have the list of good customers


def ensure(session: Session, *, wares: Sequence[Product], today: date) -> dict[str, int]:
    """Make what is missing, and return how much of each kind was made."""
    made = {"price_list": 0, "discount_rule": 0, "product": _window(session)}
    for sheet in SHEETS:
        made["price_list"] += _sheet(session, sheet, wares[:MANY], today)
    session.flush()
    _give(session)
    for rule in _rules(session, today):
        if session.scalar(select(DiscountRule.id).where(DiscountRule.name == rule.name)) is None:
            rules.save(session, rule)
            made["discount_rule"] += 1
    session.flush()
    return made


def _sheet(session: Session, sheet: Sheet, wares: Sequence[Product], today: date) -> int:
    if session.scalar(select(PriceList.id).where(PriceList.name == sheet.name)) is not None:
        return 0
    made = PriceList(
        name=sheet.name,
        currency=sheet.currency,
        audience=sheet.audience,
        party_kind=sheet.kind,
        priority=sheet.priority,
        valid_from=today.replace(month=1, day=1),
    )
    for ware in wares:
        price = (ware.price or Decimal(0)) * Decimal(sheet.factor)
        made.items.append(PriceItem(product=ware, price=price.quantize(FINE)))
        if sheet.break_at:
            less = (price * Decimal("0.95")).quantize(FINE)
            made.items.append(PriceItem(product=ware, from_quantity=Decimal(sheet.break_at), price=less))
    price_lists.save(session, made)
    return 1


def _give(session: Session) -> None:
    """Give the list of good customers to the first ones that trade in euros."""
    wanted = select(PriceList).where(PriceList.audience == Audience.chosen)
    chosen = session.scalars(wanted.order_by(PriceList.name).limit(1)).one()
    first = select(Party).where(Party.is_customer, Party.currency == CURRENCY).order_by(Party.id).limit(GIVEN)
    for party in session.scalars(first):
        party.price_list = chosen


def _rules(session: Session, today: date) -> list[DiscountRule]:
    timber = session.scalar(select(ProductCategory).where(ProductCategory.name == "Hout"))
    return [
        DiscountRule(
            name="Meer dan 5 000 € per jaar",
            percent=Decimal(3),
            currency=CURRENCY,
            past=Past.turnover,
            past_months=12,
            past_least=Decimal(5000),
            priority=10,
        ),
        DiscountRule(name="Hout vanaf 20 stuks", percent=Decimal("2.5"), category=timber, from_quantity=Decimal(20)),
        DiscountRule(
            name="Сезонная скидка",
            percent=Decimal(12),
            stacks=False,
            from_amount=Decimal(2500),
            currency=CURRENCY,
            valid_from=today - timedelta(days=30),
            valid_until=today + timedelta(days=60),
        ),
    ]


def _window(session: Session) -> int:
    if session.scalar(select(Product.id).where(Product.sku == WINDOW)) is not None:
        return 0
    windows = ProductCategory(name="Kozijnen op maat", parent=category(session, "Bouw"))
    categories.save(session, windows)
    standard = next(tax for tax in taxes.make_presets(session, COUNTRY) if tax.code == "standard")
    frame = Product(
        sku=WINDOW,
        kind=ProductKind.service,
        name="Kozijn op maat, met montage",
        category=windows,
        unit=units.known(session),
        currency=CURRENCY,
        tax=standard,
        formula="max(width * height / 1000000, 0.5) * (310 if panes > 2 else 240) + opening * 85 + 120",
    )
    for name, title, sign, least, most, usual in (
        ("width", "Breedte", "mm", 300, 3000, 1200),
        ("height", "Hoogte", "mm", 300, 2600, 1400),
        ("panes", "Glaslagen", "", 2, 3, 2),
        ("opening", "Draaiende delen", "", 0, 4, 1),
    ):
        bounds = {"least": Decimal(least), "most": Decimal(most), "usual": Decimal(usual)}
        frame.parameters.append(ProductParameter(name=name, title=title, sign=sign or None, **bounds))
    products.save(session, frame)
    session.flush()
    return 1


def category(session: Session, name: str) -> ProductCategory:
    """Return a category of the first level, making it when it is not there yet."""
    found = session.scalar(select(ProductCategory).where(ProductCategory.path == name))
    if found is None:
        found = ProductCategory(name=name)
        categories.save(session, found)
        session.flush()
    return found
