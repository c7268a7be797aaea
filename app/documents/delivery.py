"""The printed delivery note: what is in a delivery, from whom, to where; who receives it signs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app import money
from app.documents import engine
from app.documents.invoice import Printed
from app.documents.invoice_sums import Pair
from app.i18n import gettext as _
from app.i18n import in_language


def pdf(content: Mapping[str, Any], *, pictures: Mapping[str, bytes] | None = None, timeout: float = 60.0) -> bytes:
    """Return the file of a delivery note; `pictures` may hold a "logo" as PNG or JPEG.

    Raises engine.DocumentError when it cannot be made.
    """
    data, assets = printed(content, pictures=pictures)
    language = content["document"]["language"]
    return engine.render("delivery.html", data, language=language, assets=assets, timeout=timeout)


def printed(
    content: Mapping[str, Any], *, pictures: Mapping[str, bytes] | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what the template places, and the logo, which is all that stands on a note."""
    with in_language(content["document"]["language"]):
        return _Note(content).all({name: each for name, each in (pictures or {}).items() if name == "logo"})


class _Note(Printed):
    """A delivery note being written in its language."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        about = content["document"] | {"kind": "delivery", "prices_include_tax": False}
        super().__init__({**content, "document": about})
        self.is_russian = False

    def all(self, pictures: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Return what the template places, and the pictures it shows."""
        shown, assets = self.placed(pictures)
        seller, buyer = self.content["seller"], self.content["buyer"]
        is_foreign = seller["country"] != buyer["country"]
        doc = {
            "heading": self.heading(),
            "issued_on": self.document["shipped_on"] or "",
            "facts": self.facts(),
            "seller": self.party(seller, foreign=is_foreign),
            "buyer": self.party(buyer, foreign=is_foreign),
            "columns": {
                "position": _("No."),
                "text": _("Description"),
                "quantity": _("Quantity"),
                "unit": _("Unit"),
                "sku": _("Article"),
            },
            "rows": [
                {
                    "position": str(place),
                    "text": each["text"],
                    "sku": each["sku"] or "",
                    "quantity": money.format_decimal(Decimal(each["quantity"]), self.language),
                    "unit": each["unit"] or "",
                }
                for place, each in enumerate(self.content["lines"], start=1)
            ],
            "note": self.document["note"] or "",
            "texts": {
                "seller": _("Supplier"),
                "buyer": _("Recipient"),
                "received": _("Received: date, name, signature"),
            },
            "foot": self.foot(),
            "pages": self.pages(),
            "pictures": shown,
        }
        return {"doc": doc}, assets

    def title(self) -> str:
        return _("Delivery note")

    def facts(self) -> list[Pair]:
        """Return the facts beside the addresses: label, value."""
        about, order = self.document, self.content["order"]
        found = [
            (_("Shipped on"), self.day(about["shipped_on"])),
            (_("Planned for"), self.day(about["planned_on"])),
            (_("Order"), order["number"] or ""),
            (_("Your reference"), order["buyer_reference"] or ""),
            (_("Carrier"), about["carrier"] or ""),
            (_("Tracking number"), about["tracking_number"] or ""),
        ]
        return [(label, value) for label, value in found if value]
