"""A document being written in its language: how its amounts, days and percentages look on paper."""

from datetime import date
from decimal import Decimal
from typing import Final

from app import money
from app.i18n import written_day

NBSP: Final = "\N{NO-BREAK SPACE}"


class Writer:
    """Writes values for readers of one language, amounts in one currency."""

    def __init__(self, language: str, currency: str) -> None:
        self.language = language
        self.currency = currency

    def day(self, value: str | None) -> str:
        """Return a day with its month in words and all four digits of its year."""
        return written_day(date.fromisoformat(value), self.language) if value else ""

    def money(self, amount: Decimal | str) -> str:
        return money.format_money(Decimal(amount), self.currency, self.language).replace("-", "\N{MINUS SIGN}")

    def figure(self, amount: Decimal | str) -> str:
        """Return an amount without its currency, for columns whose head names it."""
        written = money.format_decimal(Decimal(amount), self.language, least=money.digits(self.currency))
        return written.replace("-", "\N{MINUS SIGN}")

    def percent(self, percent: Decimal) -> str:
        return f"{money.format_decimal(percent, self.language)}{NBSP if self.language == 'ru' else ''}%"
