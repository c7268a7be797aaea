"""The printed invoice and credit note: what was frozen at issue, as one A4 document in the document's language.

Everything comes from the content that `services.invoice_snapshot` froze; nothing is looked up, so that the same
content gives the same file for ever. Texts and numbers are written here; the template only places them.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from babel import Locale

from app import money
from app.documents import engine, qr
from app.documents.invoice_sums import Pair, Sums
from app.documents.words import amount_in_words
from app.documents.writing import NBSP
from app.i18n import gettext as _
from app.i18n import in_language
from app.services import identifier as identifiers

_PNG, _JPEG = b"\x89PNG", b"\xff\xd8\xff"
_NUMBERS = ("tax_number", "tax_branch", "registration_number")
PICTURES = ("logo", "signature", "stamp", "qr")


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
        return Printed(content).all(pictures or {})


class Printed(Sums):
    """One document being written in its language; a quote is one too."""

    def all(self, pictures: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
        code = self.payment_code()
        shown, assets = self.placed({**pictures, "qr": qr.png(code)} if code is not None else pictures)
        seller, buyer = self.content["seller"], self.content["buyer"]
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
            **self.middle(),
            "words": amount_in_words(Decimal(self.content["totals"]["gross"]), self.currency, self.language),
            "notes": self.notes(),
            "bank": self.bank(),
            "pictures": shown,
            "foot": self.foot(),
            "pages": self.pages(),
        }
        if self.is_russian:
            doc["russian"] = self.russian()
        return {"doc": doc}, assets

    def placed(self, pictures: Mapping[str, bytes]) -> tuple[dict[str, str], dict[str, bytes]]:
        """Return under which address a template shows each picture ("" for none), and the files by their names."""
        names = {name: f"{name}.{_ending(pictures[name])}" for name in PICTURES if pictures.get(name)}
        shown = dict.fromkeys(PICTURES, "") | {name: f"crm:{file}" for name, file in names.items()}
        return shown, {file: pictures[name] for name, file in names.items()}

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
        numbers = [f"{label}{NBSP}{value}" for label, value in found["numbers"]]
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
        return " · ".join([seller["name"], *(f"{label}{NBSP}{value}" for label, value in _numbers(seller))])

    def pages(self) -> list[str]:
        """Return the words before, between and after the two numbers of "page 1 of 3"."""
        before, rest = _("Page %(page)s of %(pages)s", page="\0", pages="\1").split("\0")
        between, after = rest.split("\1")
        return [before, between, after]


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
        "in_words": _("In words:"),
        "payment": _("Payment"),
        "scan": _("Scan to pay"),
        "head": _("Head of the company"),
        "bookkeeper": _("Chief accountant"),
        "signature": _("Signature"),
    }


def _numbers(who: Mapping[str, Any]) -> list[Pair]:
    """Return the numbers that the state has given to a party, each as its country calls it."""
    return [(identifiers.label(who["country"], key), str(who[key])) for key in _NUMBERS if who.get(key)]


def _in_fours(iban: str | None) -> str:
    return NBSP.join(iban[at : at + 4] for at in range(0, len(iban), 4)) if iban else ""


def _short_day(value: str) -> str:
    return f"{date.fromisoformat(value):%d.%m.%Y}"


def _ending(picture: bytes) -> str:
    """Return the ending that tells a picture's kind. Raises ValueError for what is neither PNG nor JPEG."""
    if picture.startswith(_PNG):
        return "png"
    if picture.startswith(_JPEG):
        return "jpg"
    raise ValueError("pictures on documents are PNG or JPEG")
