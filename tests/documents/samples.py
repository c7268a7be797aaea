"""Frozen contents of issued documents, one seller and buyer per language; the sums are those of the one pricing."""

from decimal import Decimal
from typing import Any

from app.money import LineIn, Options, TaxCategory, TaxKey, plain, price

_PLACE = ("street", "postal_code", "city", "region", "country")
_REACH = ("phone", "email", "website")
_NOBODY = dict.fromkeys(("tax_number", "tax_branch", "registration_number", *_PLACE, *_REACH))
_TULIPS = {
    "name": "Tulpen & Zonen B.V.",
    "tax_number": "NL812345678B01",
    "registration_number": "12345678",
    "street": "Keizersgracht 12",
    "postal_code": "1015 CS",
    "city": "Amsterdam",
    "country": "NL",
    "email": "billing@tulips.example",
}
SELLERS = {
    "en": _TULIPS,
    "nl": _TULIPS,
    "ru": {
        "name": "ООО «Ромашка»",
        "tax_number": "7707083893",
        "tax_branch": "770701001",
        "street": "ул. Лесная, д. 5",
        "postal_code": "125047",
        "city": "г. Москва",
        "country": "RU",
        "phone": "+74951234567",
    },
    "hy": {
        "name": "«Արարատ Տրեյդ» ՍՊԸ",
        "tax_number": "01234567",
        "street": "Աբովյան փող. 12",
        "postal_code": "0001",
        "city": "Երևան",
        "country": "AM",
    },
}
BUYERS = {
    "en": {
        "name": "Großhandel Müller GmbH",
        "tax_number": "DE123456789",
        "street": "Hauptstraße 1",
        "postal_code": "10115",
        "city": "Berlin",
        "country": "DE",
    },
    "nl": {"name": "Café 't Hoekje", "street": "Dorpsstraat 5", "city": "Utrecht", "country": "NL"},
    "ru": {
        "name": "АО «Вектор»",
        "tax_number": "7728168971",
        "tax_branch": "772801001",
        "city": "г. Москва",
        "country": "RU",
    },
    "hy": {"name": "«Մասիս» ՓԲԸ", "tax_number": "76543210", "city": "Երևան", "country": "AM"},
}
_NO_BANK = dict.fromkeys(("iban", "account", "bic", "bik", "bank_name", "correspondent_account", "currency"))
_EUROS = {"iban": "NL91ABNA0417164300", "bic": "ABNANL2A", "bank_name": "ABN AMRO"}
BANKS = {
    "en": _EUROS,
    "nl": _EUROS,
    "ru": {
        "account": "40702810900000000001",
        "bik": "044525225",
        "bank_name": "ПАО СБЕРБАНК",
        "correspondent_account": "30101810400000000225",
    },
    "hy": {"account": "1570001234567890", "bic": "ARMIAM22", "bank_name": "«Ամերիաբանկ» ՓԲԸ"},
}
TEXTS = {
    "en": ("Arabica beans, 1 kg", "Delivery — express", "Grinder service"),
    "nl": ("Koffiebonen, 1 kg", "Bezorging", "Onderhoud molen"),
    "ru": ("Кофе в зёрнах, 1 кг", "Доставка до двери", "Обслуживание кофемолки № 5"),
    "hy": ("Սուրճի հատիկներ, 1 կգ", "Առաքում մինչև դուռ", "Աղացի սպասարկում"),
}
CURRENCIES = {"en": "EUR", "nl": "EUR", "ru": "RUB", "hy": "AMD"}
RATES = {"en": "0.21", "nl": "0.21", "ru": "0.22", "hy": "0.20"}
PRICES = (("2", "12.34"), ("1.5", "1250"), ("10", "0.955"))


def content(
    language: str, lines: int = 3, *, other: TaxCategory = TaxCategory.exempt, discounted: bool = False, **document: Any
) -> dict[str, Any]:
    """Return a content of so many lines; every second one of three is taxed by `other`, without a rate."""
    currency = CURRENCIES[language]
    taxed, untaxed = TaxKey(TaxCategory.standard, Decimal(RATES[language])), TaxKey(other)
    given = [
        LineIn(
            quantity=Decimal(PRICES[at % 3][0]),
            unit_price=Decimal(PRICES[at % 3][1]),
            tax=untaxed if at % 3 == 1 else taxed,
            discount_percent=Decimal(5 if discounted and at == 0 else 0),
        )
        for at in range(lines)
    ]
    about = _document(language, currency) | document
    priced = price(
        given,
        Options(
            currency=currency,
            prices_include_tax=about["prices_include_tax"],
            discount=Decimal(about["discount"]),
            charge=Decimal(about["charge"]),
        ),
    )
    sums = {name: plain(getattr(priced, name), currency) for name in ("discount", "charge", "net", "tax", "gross")}
    is_credit = about["kind"] == "credit_note"
    return {
        "document": about,
        "seller": _NOBODY | SELLERS[language],
        "buyer": _NOBODY | BUYERS[language],
        "bank": _NO_BANK | BANKS[language],
        "order": {"number": "SO-15", "ordered_on": "2026-03-02"},
        "credits": {"number": "2026-00040", "issued_on": "2026-03-20"} if is_credit else None,
        "terms": None,
        "lines": [
            {
                "text": f"{TEXTS[language][at % 3]} ({at + 1})",
                "sku": "A-1" if at == 0 else None,
                "unit": "kg",
                "quantity": plain(line.quantity),
                "unit_price": plain(line.unit_price),
                "discount_percent": plain(line.discount_percent),
                "net": plain(came.net, currency),
                "gross": plain(came.gross, currency),
                "tax": {"category": line.tax.category.value, "rate": plain(line.tax.rate)},
            }
            for at, (line, came) in enumerate(zip(given, priced.lines, strict=True))
        ],
        "taxes": [
            {
                "category": group.category.value,
                "rate": plain(group.rate),
                "base": plain(group.base, currency),
                "tax": plain(group.tax, currency),
                "exemption_text": None,
                "tax_home": None,
            }
            for group in priced.groups
        ],
        "totals": sums,
        "home": None,
    }


def _document(language: str, currency: str) -> dict[str, Any]:
    return {
        "kind": "invoice",
        "number": "2026-00042",
        "credit_reason": None,
        "issued_on": "2026-03-31",
        "delivery_on": "2026-03-31",
        "delivery_until": None,
        "due_on": "2026-04-30",
        "buyer_reference": "PO-7781",
        "language": language,
        "currency": currency,
        "exchange_rate": None,
        "prices_include_tax": False,
        "discount": "0.00",
        "charge": "0.00",
        "note": None,
    }
