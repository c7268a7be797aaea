"""Whatever holds from a day to a day: price lists, their prices, discount rules. Both days are within."""

from datetime import date
from typing import Any

from app.i18n import gettext as _
from app.services.collected import Collected


def holds(record: Any, on: date) -> bool:  # noqa: ANN401 -- whatever has its days
    """Say whether something that has days holds on one; without days it holds always."""
    return _first(record) <= on <= _last(record)


def overlap(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Say whether two things hold on a day that they have in common."""
    return _first(one) <= _last(other) and _first(other) <= _last(one)


def refuse_days(record: Any, found: Collected, prefix: str = "") -> None:  # noqa: ANN401
    """Note a last day that is before the first."""
    if record.valid_from is not None and record.valid_until is not None and record.valid_until < record.valid_from:
        found.refuse(f"{prefix}valid_until", _("The last day is before the first"))


def _first(record: Any) -> date:  # noqa: ANN401
    return record.valid_from or date.min


def _last(record: Any) -> date:  # noqa: ANN401
    return record.valid_until or date.max
