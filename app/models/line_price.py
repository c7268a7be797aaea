"""`LinePrice`: how the price of a line came about, and what the line costs us."""

from decimal import Decimal
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Quantity


class LinePrice:
    """What a line of an order and a line of an invoice remember of their price.

    Shape: `price_steps` as `services.price` makes them, None where a person chose the price; `parameters` are the
    numbers that the product's formula was asked with, as text: {"width": "1200"}. `unit_cost` is what one unit costs
    us in the document's currency, without tax, as it stood when the document became binding; None where nobody knows.
    """

    price_steps: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True), info={"internal": True})
    parameters: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True), info={"internal": True})
    unit_cost: Mapped[Decimal | None] = mapped_column(Quantity(), info={"internal": True})
