"""The printed invoice and credit note: what was frozen at issue, as one A4 document in the document's language.

Everything comes from the content that `services.invoice_snapshot` froze; nothing is looked up, so that the same
content gives the same file for ever. Texts and numbers are written here; the template only places them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.dates import format_date

from app import money
from app.documents import engine, qr
from app.documents.words import amount_in_words
from app.i18n import gettext as _
from app.i18n import in_language, ngettext
from app.services import identifier as identifiers

_DAY = {"en": "d MMMM y", "nl": "d MMMM y", "ru": "d MMMM y 'г.'", "hy": "d MMMM, y 'թ.'"}
_NBSP = "\N{NO-BREAK SPACE}"
_LETTER, _WIDE_LETTER, _FIGURE, _TOTAL_FIGURE, _PADDING = 1.8, 2.1, 1.85, 2.4, 3.4  # mm
_PNG, _JPEG = b"\x89PNG", b"\xff\xd8\xff"
_NUMBERS = ("tax_number", "tax_branch", "registration_number")
PICTURES = ("logo", "signature", "stamp")
Pair = tuple[str, str]


def pdf(content: Mapping[str, Any], *, pictures: Mapping[str, bytes] | None = None, timeout: float = 60.0) -> bytes:
    """Return the file of an issued document; `pictures` may hold "logo", "signature" and "stamp" as PNG or JPEG.

    Raises engine.DocumentError when it cannot be made.
    """
    data, assets = printed(content, pictures=pictures)
    template = "invoice_ru.html" if data["doc"]["is_russian"] else "invoice.html"
    language = content["document"]["language"]
    return engine.render(template, data, language=language, assets=assets, timeout=timeout)


def printed(
    content: Mapping[str, Any], *, pictures: Mapping[str, bytes] | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what the template places, and the pictures it shows."""
    with in_language(content["document"]["language"]):
        return _Printed(content).all(pictures or {})


class _Printed:
    """One document being written in its language."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.document = content["document"]
        self.language: str = self.document["language"]
        self.currency: str = self.document["currency"]
        self.gross_prices = bool(self.document["prices_include_tax"])
        self.is_credit = self.document["kind"] == "credit_note"
        self.is_russian = content["seller"]["country"] == "RU"

    def all(self, pictures: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
        assets = {f"{name}.{_ending(pictures[name])}": pictures[name] for name in PICTURES if pictures.get(name)}
        code = self.payment_code()
        if code is not None:
            assets["qr.png"] = qr.png(code)
        seller, buyer = self.content["seller"], self.content["buyer"]
        rows = list(self.rows())
        doc: dict[str, Any] = {
            "is_russian": self.is_russian,
            "is_credit": self.is_credit,
            "title": self.title(),
            "number": self.document["number"],
            "heading": self.heading(),
            "issued_on": self.document["issued_on"],
            "texts": _texts(),
            "facts": self.facts(),
            "seller": self.party(seller, foreign=seller["country"] != buyer["country"]),
            "buyer": self.party(buyer, foreign=seller["country"] != buyer["country"]),
            "columns": self.columns(),
            "has_discount": self.has_discount,
            "widths": widths(self.columns(), rows, without=() if self.has_discount else ("discount",)),
            "rows": rows,
            "count": self.count(),
            "taxes": [self.tax(row) for row in self.content["taxes"]],
            "totals": self.totals(),
            "total_width": round(len(self.money(self.content["totals"]["gross"])) * _TOTAL_FIGURE + 3, 1),
            "total": {"label": self.total_label(), "value": self.money(self.content["totals"]["gross"])},
            "words": amount_in_words(Decimal(self.content["totals"]["gross"]), self.currency, self.language),
            "notes": self.notes(),
            "bank": self.bank(),
            "pictures": dict.fromkeys((*PICTURES, "qr"), "")
            | {name.partition(".")[0]: f"crm:{name}" for name in assets},
            "foot": self.foot(),
            "pages": self.pages(),
        }
        if self.is_russian:
            doc["russian"] = self.russian()
        return {"doc": doc}, assets

    # --- head -----------------------------------------------------------------------------------------------------

    def title(self) -> str:
        """Return what the document calls itself.

        A Russian seller's is a «Счёт на оплату», never a «счёт-фактура», which is a tax document of its own. A
        credit note has no name in Russian or Armenian law; trade calls it «кредит-нота», «կրեդիտ-նոտա». (A
        «корректировочный счёт-фактура» is again a tax document.)
        """
        if self.is_credit:
            return _("Credit note")
        return _("Invoice for payment") if self.is_russian else _("Invoice")

    def heading(self) -> str:
        return _("%(title)s No. %(number)s", title=self.title(), number=self.document["number"])

    def russian(self) -> dict[str, Any]:
        """Return what only the Russian layout shows: the table of the transfer, each side in one line."""
        about, seller, buyer = self.document, self.content["seller"], self.content["buyer"]
        foreign = seller["country"] != buyer["country"]
        return {
            "heading": _(
                "%(title)s No. %(number)s of %(day)s",
                title=self.title(),
                number=about["number"],
                day=self.day(about["issued_on"]),
            ),
            "bank": None if self.is_credit else self.content["bank"],
            "tax_number": f"{identifiers.label('RU', 'tax_number')} {seller['tax_number'] or ''}",
            "tax_branch": f"{identifiers.label('RU', 'tax_branch')} {seller['tax_branch'] or ''}",
            "bik": identifiers.label("RU", "bik"),
            "seller": self.side(seller, foreign=foreign),
            "buyer": self.side(buyer, foreign=foreign),
            "facts": self.facts()[1:],
        }

    def side(self, who: Mapping[str, Any], *, foreign: bool) -> str:
        """Return a party in one line: name, numbers, address, telephone."""
        found = self.party(who, foreign=foreign)
        numbers = [f"{label}{_NBSP}{value}" for label, value in found["numbers"]]
        return ", ".join([found["name"], *numbers, *found["address"], *found["reach"][:1]])

    def facts(self) -> list[Pair]:
        """Return the facts beside the addresses: label, value."""
        about, order, credited = self.document, self.content["order"], self.content["credits"]
        found = [(_("Date of issue"), self.day(about["issued_on"])), (_("Delivery"), self.period())]
        if not self.is_credit:
            found.append((_("Due"), self.day(about["due_on"])))
        if credited:
            found.append((_("Credits invoice"), f"{credited['number']}, {self.day(credited['issued_on'])}"))
        if about["credit_reason"]:
            found.append((_("Reason"), about["credit_reason"]))
        if order:
            found.append((_("Order"), ", ".join(filter(None, [order["number"], self.day(order["ordered_on"])]))))
        found.append((_("Your reference"), about["buyer_reference"] or ""))
        return [(label, value) for label, value in found if value]

    def period(self) -> str:
        first, last = self.day(self.document["delivery_on"]), self.day(self.document["delivery_until"])
        return f"{first} – {last}" if last and last != first else first

    def party(self, who: Mapping[str, Any], *, foreign: bool) -> dict[str, Any]:
        """Return a party's name, address and numbers as lines."""
        reach = [who[key] for key in ("phone", "email", "website") if who.get(key)]
        return {
            "name": who["name"],
            "address": self.address(who, foreign=foreign),
            "numbers": _numbers(who),
            "reach": reach,
        }

    def address(self, who: Mapping[str, Any], *, foreign: bool) -> list[str]:
        """Return an address in the order that its country writes it; the country only to somebody abroad."""
        street, code, city, region = (who.get(key) or "" for key in ("street", "postal_code", "city", "region"))
        country = Locale.parse(self.language).territories.get(who["country"], who["country"]) if foreign else ""
        if who["country"] == "RU":
            lines = [", ".join(filter(None, [code, region, city])), street, country]
        else:
            lines = [street, " ".join(filter(None, [code, city])), region, country]
        return [one for one in lines if one]

    # --- lines ----------------------------------------------------------------------------------------------------

    @property
    def has_discount(self) -> bool:
        return any(Decimal(line["discount_percent"]) for line in self.content["lines"])

    def columns(self) -> dict[str, str]:
        code = self.currency
        return {
            "position": _("No."),
            "text": _("Goods, works, services") if self.is_russian else _("Description"),
            "quantity": _("Quantity"),
            "unit": _("Unit"),
            "price": _("Price with VAT, %(currency)s", currency=code)
            if self.gross_prices
            else _("Price, %(currency)s", currency=code),
            "discount": _("Discount"),
            "tax": _("VAT"),
            "amount": _("Amount with VAT, %(currency)s", currency=code)
            if self.gross_prices
            else _("Amount, %(currency)s", currency=code),
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the lines; each knows what all lines up to it come to, for the foot of a page."""
        running = Decimal(0)
        for position, line in enumerate(self.content["lines"], start=1):
            amount = Decimal(line["gross" if self.gross_prices else "net"])
            running += amount
            percent = Decimal(line["discount_percent"])
            yield {
                "position": str(position),
                "text": line["text"],
                "sku": line["sku"],
                "quantity": money.format_decimal(Decimal(line["quantity"]), self.language),
                "unit": line["unit"] or "",
                "price": self.figure(line["unit_price"]),
                "discount": self.percent(percent) if percent else "",
                "tax": self.rate(line["tax"]["category"], line["tax"]["rate"]),
                "amount": self.figure(amount),
                "carried": _("Carried forward: %(amount)s", amount=self.money(running)),
                "brought": _("Brought forward: %(amount)s", amount=self.money(running)),
            }

    def count(self) -> str:
        """Return the sentence with which a Russian document counts its lines."""
        number = len(self.content["lines"])
        total = self.money(self.content["totals"]["gross"])
        return ngettext(
            "%(num)s item in all, for the amount of %(total)s",
            "%(num)s items in all, for the amount of %(total)s",
            number,
            total=total,
        )

    # --- totals ---------------------------------------------------------------------------------------------------

    def totals(self) -> list[Pair]:
        """Return the sums above the total: label, value."""
        totals, about = self.content["totals"], self.document
        discount, charge = (
            (about if self.gross_prices else totals)["discount"],
            (about if self.gross_prices else totals)["charge"],
        )
        found: list[Pair] = []
        if Decimal(discount) or Decimal(charge):
            lines = sum((Decimal(line["gross" if self.gross_prices else "net"]) for line in self.lines), Decimal(0))
            found.append((_("Sum of the lines"), self.money(lines)))
            if Decimal(discount):
                found.append((_("Discount"), self.money(-Decimal(discount))))
            if Decimal(charge):
                found.append((_("Surcharge"), self.money(charge)))
        found.append((_("Total without VAT"), self.money(totals["net"])))
        found += [(self.tax_name(row), self.money(row["tax"])) for row in self.content["taxes"] if Decimal(row["rate"])]
        return found

    @property
    def lines(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.content["lines"]
        return found

    def total_label(self) -> str:
        return _("Total credited") if self.is_credit else _("Total to pay")

    def tax(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return one line of the table of taxes."""
        home = self.content["home"]
        in_home = row["tax_home"] is not None and home is not None
        return {
            "name": self.tax_name(row),
            "base": self.money(row["base"]),
            "tax": self.money(row["tax"]),
            "gross": self.money(Decimal(row["base"]) + Decimal(row["tax"])),
            "home": money.format_money(Decimal(row["tax_home"]), home["currency"], self.language) if in_home else "",
        }

    def tax_name(self, row: Mapping[str, Any]) -> str:
        names = {
            "Z": _("VAT %(rate)s", rate=self.percent(Decimal(0))),
            "E": _("Exempt from VAT"),
            "AE": _("VAT reverse charge"),
            "K": _("Intra-community supply"),
            "G": _("Export"),
            "O": _("Without VAT"),
        }
        return names.get(row["category"]) or _("VAT %(rate)s", rate=self.percent(Decimal(row["rate"]) * 100))

    def rate(self, category: str, rate: str) -> str:
        """Return what a line says of its tax."""
        if category in {"S", "Z"}:
            return self.percent(Decimal(rate) * 100)
        return _("no VAT") if category in {"E", "O"} else self.percent(Decimal(0))

    # --- below ----------------------------------------------------------------------------------------------------

    def notes(self) -> list[str]:
        """Return the sentences below the totals: reasons of no tax, terms, foreign currency, the free note."""
        found = [text for row in self.content["taxes"] if (text := self.exemption(row))]
        home, rate = self.content["home"], self.document["exchange_rate"]
        if home is not None and rate is not None:
            tax = money.format_money(Decimal(home["tax"]), home["currency"], self.language)
            found.append(
                _(
                    "VAT in %(home)s: %(tax)s (1 %(currency)s = %(rate)s %(home)s)",
                    home=home["currency"],
                    tax=tax,
                    currency=self.currency,
                    rate=money.format_decimal(Decimal(rate), self.language),
                )
            )
        found += self.terms()
        if self.document["note"]:
            found.append(self.document["note"])
        return found

    def exemption(self, row: Mapping[str, Any]) -> str:
        """Return why no tax is charged: what the tax says of itself, or what the law asks for at least."""
        given: str | None = row["exemption_text"]
        usual = {
            "AE": _("Reverse charge: the VAT is to be paid by the customer."),
            "K": _("Intra-community supply: no VAT is charged."),
            "G": _("Export: no VAT is charged."),
            "E": _("Exempt from VAT."),
        }
        return given or usual.get(row["category"], "")

    def terms(self) -> list[str]:
        terms = self.content["terms"]
        if not terms:
            return []
        found = [_("Payment terms: %(terms)s", terms=terms["text"])] if terms["text"] else []
        early = terms["early"]
        if early:
            found.append(
                _(
                    "%(percent)s discount when paid by %(day)s: %(amount)s instead of %(total)s",
                    percent=self.percent(Decimal(early["percent"])),
                    day=self.day(early["until"]),
                    amount=self.money(early["early"]),
                    total=self.money(self.content["totals"]["gross"]),
                )
            )
        return found

    def bank(self) -> list[Pair]:
        """Return where to pay: label, value."""
        bank = self.content["bank"]
        if bank is None or self.is_credit:
            return []
        found = [
            (_("Beneficiary"), self.content["seller"]["name"]),
            ("IBAN", _in_fours(bank["iban"])),
            (identifiers.label(self.content["seller"]["country"], "account"), bank["account"]),
            (_("Bank"), bank["bank_name"]),
            ("BIC", bank["bic"]),
            (identifiers.label("RU", "bik"), bank["bik"]),
            (identifiers.label("RU", "correspondent_account"), bank["correspondent_account"]),
            (_("Payment reference"), self.document["number"]),
        ]
        return [(label, value) for label, value in found if value]

    def payment_code(self) -> str | None:
        """Return the text of the payment code, where the account and the currency have one."""
        bank, gross = self.content["bank"], Decimal(self.content["totals"]["gross"])
        seller = self.content["seller"]
        if bank is None or self.is_credit:
            return None
        if self.currency == "EUR" and bank["iban"]:
            return qr.epc(
                name=seller["name"], iban=bank["iban"], bic=bank["bic"], amount=gross, text=self.document["number"]
            )
        if self.currency == "RUB" and bank["account"] and bank["bik"]:
            day = _short_day(self.document["issued_on"])
            return qr.st00012(
                name=seller["name"],
                account=bank["account"],
                bank=bank["bank_name"] or "",
                bik=bank["bik"],
                correspondent=bank["correspondent_account"],
                amount=gross,
                purpose=f"Оплата по счёту № {self.document['number']} от {day}",  # read by Russian banks
                inn=seller["tax_number"],
                kpp=seller["tax_branch"],
            )
        return None

    def foot(self) -> str:
        seller = self.content["seller"]
        return " · ".join([seller["name"], *(f"{label} {value}" for label, value in _numbers(seller))])

    def pages(self) -> list[str]:
        """Return the words before, between and after the two numbers of "page 1 of 3"."""
        before, rest = _("Page %(page)s of %(pages)s", page="\0", pages="\1").split("\0")
        between, after = rest.split("\1")
        return [before, between, after]

    # --- writing --------------------------------------------------------------------------------------------------

    def day(self, value: str | None) -> str:
        """Return a day with its month in words and all four digits of its year."""
        return format_date(date.fromisoformat(value), _DAY[self.language], self.language) if value else ""

    def money(self, amount: Decimal | str) -> str:
        return money.format_money(Decimal(amount), self.currency, self.language).replace("-", "\N{MINUS SIGN}")

    def figure(self, amount: Decimal | str) -> str:
        """Return an amount without its currency, for columns whose head names it."""
        return money.format_decimal(Decimal(amount), self.language, least=money.digits(self.currency))

    def percent(self, percent: Decimal) -> str:
        return f"{money.format_decimal(percent, self.language)}{_NBSP if self.language == 'ru' else ''}%"


def _texts() -> dict[str, str]:
    return {
        "seller": _("Seller"),
        "buyer": _("Buyer"),
        "supplier": _("Supplier"),
        "beneficiary": _("Beneficiary"),
        "beneficiary_bank": _("Bank of the beneficiary"),
        "account": _("Account No."),
        "sku": _("Article"),
        "taxes": _("VAT"),
        "base": _("Taxable amount"),
        "tax": _("VAT amount"),
        "gross": _("With VAT"),
        "in_words": _("In words"),
        "payment": _("Payment"),
        "scan": _("Scan to pay"),
        "head": _("Head of the company"),
        "bookkeeper": _("Chief accountant"),
        "signature": _("Signature"),
    }


def _numbers(who: Mapping[str, Any]) -> list[Pair]:
    """Return the numbers that the state has given to a party, each as its country calls it."""
    return [(identifiers.label(who["country"], key), str(who[key])) for key in _NUMBERS if who.get(key)]


def widths(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], *, without: Sequence[str] = ()
) -> list[float]:
    """Return how wide each column of the lines must be for its longest text; 0 for the one that takes what is left.

    Units: millimetres, from the letters' widths in the two sizes of type. The renderer could find out itself, by
    setting every cell several times: that made a document of 200 lines twice as slow.
    """
    found = []
    for name, title in columns.items():
        if name in without:
            continue
        letter = _WIDE_LETTER if title[:1] > "\u0530" else _LETTER  # Armenian letters are wider
        word = max((len(part) for part in title.split()), default=0) * letter
        cell = max((len(row[name]) for row in rows), default=0) * _FIGURE
        found.append(0.0 if name == "text" else round(max(word, cell) + _PADDING, 1))
    return found


def _in_fours(iban: str | None) -> str:
    return _NBSP.join(iban[at : at + 4] for at in range(0, len(iban), 4)) if iban else ""


def _short_day(value: str) -> str:
    return f"{date.fromisoformat(value):%d.%m.%Y}"


def _ending(picture: bytes) -> str:
    """Return the ending that tells a picture's kind. Raises ValueError for what is neither PNG nor JPEG."""
    if picture.startswith(_PNG):
        return "png"
    if picture.startswith(_JPEG):
        return "jpg"
    raise ValueError("pictures on documents are PNG or JPEG")
