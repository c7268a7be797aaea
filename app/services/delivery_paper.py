"""What a delivery note says, as one plain structure: texts, quantities and days, no prices."""

from typing import Any

from app.models.delivery import Delivery
from app.services import invoice_snapshot as snapshots

_PLACE = ("street", "postal_code", "city", "region", "country")
_HEAD = ("number", "planned_on", "carrier", "tracking_number", "note")


def content(delivery: Delivery) -> dict[str, Any]:
    """Return what a delivery note says."""
    currency = delivery.order.currency
    language = delivery.party.language or delivery.organisation.language
    shipped = delivery.shipped_at or delivery.delivered_at
    return {
        "document": snapshots.said(delivery, _HEAD, currency)
        | {"language": language, "currency": currency}
        | {"shipped_on": shipped.date().isoformat() if shipped is not None else None},
        "seller": snapshots.seller(delivery.organisation),
        "buyer": snapshots.buyer(delivery.party) | snapshots.said(delivery, _PLACE, ""),
        "order": {
            "number": delivery.order.number,
            "buyer_reference": delivery.order.buyer_reference,
        },
        "lines": [
            snapshots.said(each, ("position", "quantity"), currency)
            | {
                "text": each.order_line.text,
                "unit": each.order_line.unit.short if each.order_line.unit is not None else None,
                "sku": each.order_line.product.sku if each.order_line.product is not None else None,
            }
            for each in delivery.lines
        ],
    }
