"""The printed quote: as an invoice is printed, with the days of the offer instead of a claim."""

from collections.abc import Mapping
from typing import Any

from app.documents import engine
from app.documents.invoice import Printed
from app.documents.invoice_sums import Pair
from app.i18n import gettext as _
from app.i18n import in_language


def pdf(content: Mapping[str, Any], *, pictures: Mapping[str, bytes] | None = None, timeout: float = 60.0) -> bytes:
    """Return the file of a quote; `pictures` may hold "logo", "signature" and "stamp" as PNG or JPEG.

    Raises engine.DocumentError when it cannot be made.
    """
    data, assets = printed(content, pictures=pictures)
    language = content["document"]["language"]
    return engine.render("invoice.html", data, language=language, assets=assets, timeout=timeout)


def printed(
    content: Mapping[str, Any], *, pictures: Mapping[str, bytes] | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what the template places, and the pictures it shows."""
    with in_language(content["document"]["language"]):
        return _Quote(content).all(pictures or {})


class _Quote(Printed):
    """A quote being written in its language."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.is_russian = False  # the layout of a bill says where to pay

    def title(self) -> str:
        return _("Quote")

    def facts(self) -> list[Pair]:
        """Return the facts beside the addresses: label, value."""
        about = self.document
        found = [
            (_("Sent on"), self.day(about["sent_on"])),
            (_("Valid until"), self.day(about["valid_until"])),
            (_("Version"), str(about["edition"]) if about["edition"] > 1 else ""),
            (_("Delivery"), self.day(about["delivery_on"])),
            (_("Your reference"), about["buyer_reference"] or ""),
        ]
        return [(label, value) for label, value in found if value]

    def payment_code(self) -> None:
        """Nothing is to be paid yet."""

    def total_label(self) -> str:
        return _("Total")
