"""The lines and sums of a printed invoice: what each column holds, how wide it is, what it all comes to."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from app import money
from app.documents.writing import Writer
from app.i18n import gettext as _
from app.i18n import ngettext

_LETTER: Final = 1.8  # mm, as the renderer sets heads and figures
_WIDE_LETTER: Final = 2.1
_FIGURE: Final = 1.85
_TOTAL_FIGURE: Final = 2.4
_PADDING: Final = 3.4
_ARMENIAN: Final = "\u0531"  # the first letter
Pair = tuple[str, str]


class Sums(Writer):
    """The middle of a document; `content` is what was frozen at issue."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.document = content["document"]
        super().__init__(self.document["language"], self.document["currency"])
        self.gross_prices = bool(self.document["prices_include_tax"])
        self.is_credit = self.document["kind"] == "credit_note"
        self.is_russian = content["seller"]["country"] == "RU"

    def middle(self) -> dict[str, Any]:
        """Return what the template places between the addresses and the notes."""
        gross = self.money(self.content["totals"]["gross"])
        rows = list(self.rows())
        return {
            "columns": self.columns(),
            "has_discount": self.has_discount,
            "widths": widths(self.columns(), rows, without=() if self.has_discount else ("discount",)),
            "rows": rows,
            "count": self.count(),
            "taxes": [self.tax(row) for row in self.content["taxes"]],
            "totals": self.totals(),
            "total": {"label": self.total_label(), "value": gross},
            "total_width": round(len(gross) * _TOTAL_FIGURE + _PADDING, 1),
        }

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
        letter = _WIDE_LETTER if title[:1] >= _ARMENIAN else _LETTER  # Armenian letters are wider
        word = max((len(part) for part in title.split()), default=0) * letter
        cell = max((len(row[name]) for row in rows), default=0) * _FIGURE
        found.append(0.0 if name == "text" else round(max(word, cell) + _PADDING, 1))
    return found
