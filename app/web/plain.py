"""Values as a spreadsheet keeps them: numbers and days as such, everything else as the reader's words."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table

from app.exchange.table import Value
from app.i18n import gettext as _
from app.i18n import label_of
from app.money import digits, exact
from app.services.channel import shown_phone
from app.web import cells


class Plain:
    """Turns one column's values of many records; words that come again are looked up once."""

    def __init__(self, table: Table, name: str, zone: ZoneInfo) -> None:
        self.column = table.c.get(name)
        self.name = name
        self.zone = zone
        self.standard = self.column.info.get("of") if self.column is not None else None
        self.words: dict[tuple[Any, Any], str] = {}

    def of(self, record: Any) -> Value:
        """Return a record's value."""
        value: Any = record
        for part in self.name.split("."):
            value = getattr(value, part, None)
        if callable(value):
            value = value()
        return self._plain(record, value)

    def _plain(self, record: Any, value: Any) -> Value:
        if value is None or value == "":
            return None
        if isinstance(value, Decimal):
            return shown_number(value, self._currency(record))
        if isinstance(value, Enum | bool):
            return self._word(value, lambda: _told(value))
        if isinstance(value, datetime):
            return value.astimezone(self.zone).replace(tzinfo=None, second=0, microsecond=0)
        if self.standard:
            return self._word(value, lambda: cells.of_list(str(self.standard), str(value)))
        if isinstance(value, list):
            return ", ".join(str(self._plain(record, each)) for each in value) or None
        if self.name == "phone":
            return shown_phone(str(value))
        return value if isinstance(value, Value) else str(value)

    def _word(self, value: Any, say: Callable[[], str]) -> str:
        key = (type(value), value)  # members of two enumerations may be equal as texts
        if key not in self.words:
            self.words[key] = say()
        return self.words[key]

    def _currency(self, record: Any) -> str | None:
        if self.column is None:
            return getattr(record, "currency", None)
        return cells.currency_of(record, self.column)


def _told(value: Any) -> str:
    if isinstance(value, Enum):
        return label_of(value)
    return _("Yes") if value else _("No")


def shown_number(value: Decimal, currency: str | None) -> Decimal:
    """Return a number with the decimals that it is shown with: all it has, and at least those of its currency."""
    least = digits(currency) if currency else 0
    with exact():
        places = max(least, -int(value.normalize().as_tuple().exponent))
        return value.quantize(Decimal((0, (1,), -places)))
