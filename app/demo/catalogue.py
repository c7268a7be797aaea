"""What the demo's company trades in: goods of four countries, and a few services."""

from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.demo import prices
from app.models.product import Product, ProductKind
from app.services import product as products
from app.services import tax as taxes
from app.services import unit as units

SKU = "HK-"  # article numbers of demo products begin with it
COUNTRY, CURRENCY = "NL", "EUR"
COST = Decimal("0.62")  # of the price


class Ware(NamedTuple):
    """One product: name, category, unit by its code, price without tax, code of its tax."""

    name: str
    category: str
    unit: str
    price: str
    tax: str = "standard"
    kind: ProductKind = ProductKind.goods


WARES = (
    Ware("Eiken plank 200 × 20 cm", "Hout", "C62", "34.50"),
    Ware("Vuren balk 3 m", "Hout", "C62", "12.95"),
    Ware("Multiplex 18 mm", "Hout", "MTK", "27.80"),
    Ware("Houtlijm, emmer", "Hout", "KGM", "6.40"),
    Ware("Werkhandschoenen", "Gereedschap", "PR", "4.75"),
    Ware("Koevoet 60 cm", "Gereedschap", "C62", "18.90"),
    Ware("Waterpas 80 cm", "Gereedschap", "C62", "23.25"),
    Ware("Sjorband 5 m", "Gereedschap", "C62", "9.60"),
    Ware("Tulpenbollen, gemengd", "Tuin", "KGM", "7.85", "reduced"),
    Ware("Appelboompje", "Tuin", "C62", "21.00", "reduced"),
    Ware("Potgrond 40 l", "Tuin", "C62", "5.30"),
    Ware("Jonge kaas, heel wiel", "Levensmiddelen", "KGM", "8.95", "reduced"),
    Ware("Stroopwafels, doos van 24", "Levensmiddelen", "XBX", "26.40", "reduced"),
    Ware("English breakfast tea, 250 g", "Levensmiddelen", "C62", "5.15", "reduced"),
    Ware("Orange marmalade, 12 jars", "Levensmiddelen", "XBX", "31.20", "reduced"),
    Ware("Oak whisky barrel, used", "Hout", "C62", "148.00"),
    Ware("Гречка ядрица", "Levensmiddelen", "KGM", "1.95", "reduced"),
    Ware("Мёд липовый, бочонок 5 кг", "Levensmiddelen", "C62", "47.50", "reduced"),
    Ware("Валенки серые", "Textiel", "PR", "39.00"),
    Ware("Նռան հյութ, 0,75 լ", "Levensmiddelen", "C62", "3.60", "reduced"),
    Ware("Չոր ծիրան", "Levensmiddelen", "KGM", "11.40", "reduced"),
    Ware("Գորգ բրդյա, ձեռագործ", "Textiel", "C62", "385.00"),
    Ware("Transport per kilometer", "Diensten", "KMT", "1.35", kind=ProductKind.service),
    Ware("Opslag per dag", "Diensten", "DAY", "14.00", kind=ProductKind.service),
    Ware("Advies", "Diensten", "HUR", "92.00", kind=ProductKind.service),
)


def ensure(session: Session) -> tuple[list[Product], int]:
    """Return the demo's products, making those that are missing, and how many were made."""
    found = session.execute(select(Product).where(Product.sku.like(f"{SKU}%"))).scalars()
    standing = {product.sku: product for product in found}
    by_code = {tax.code: tax for tax in taxes.make_presets(session, COUNTRY)}
    kinds = {name: prices.category(session, name) for name in sorted({ware.category for ware in WARES})}
    made = 0
    for at, ware in enumerate(WARES, 1001):
        sku = f"{SKU}{at}"
        if sku in standing:
            continue
        standing[sku] = product = Product(
            sku=sku,
            kind=ware.kind,
            name=ware.name,
            category=kinds[ware.category],
            unit=units.known(session, ware.unit),
            price=Decimal(ware.price),
            cost_price=(Decimal(ware.price) * COST).quantize(Decimal("0.01")),
            currency=CURRENCY,
            tax=by_code[ware.tax],
        )
        products.save(session, product)
        made += 1
    session.flush()
    return [standing[sku] for sku in sorted(standing, key=str)], made
