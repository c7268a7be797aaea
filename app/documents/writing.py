"""A document being written in its language: how its amounts, days and percentages look on paper."""

from datetime import date
from decimal import Decimal
from typing import Final

from babel.dates import format_date

from app import money

NBSP: Final = "\N{NO-BREAK SPACE}"
# A year has all its digits on paper; the short Armenian form of CLDR has two. Source: the long forms of CLDR
_DAY: Final = {"en": "d MMMM y", "nl": "d MMMM y", "ru": "d MMMM y 'г.'", "hy": "d MMMM, y 'թ.'"}


class Writer:
    """Writes values for readers of one language, amounts in one currency."""

    def __init__(self, language: str, currency: str) -> None:
        self.language = language
        self.currency = currency

    def day(self, value: str | None) -> str:
        """Return a day with its month in words and all four digits of its year."""
        return format_date(date.fromisoformat(value), _DAY[self.language], self.language) if value else ""

    def money(self, amount: Decimal | str) -> str:
        return money.format_money(Decimal(amount), self.currency, self.language).replace("-", "\N{MINUS SIGN}")

    def figure(self, amount: Decimal | str) -> str:
        """Return an amount without its currency, for columns whose head names it."""
        written = money.format_decimal(Decimal(amount), self.language, least=money.digits(self.currency))
        return written.replace("-", "\N{MINUS SIGN}")

    def percent(self, percent: Decimal) -> str:
        return f"{money.format_decimal(percent, self.language)}{NBSP if self.language == 'ru' else ''}%"
