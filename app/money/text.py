"""Numbers as people write them, and as machines exchange them."""

import re
from decimal import Decimal
from functools import cache

from babel import Locale, numbers

from app.errors import DomainError
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.money.amount import digits, exact, quantize

_SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}\N{FIGURE SPACE}"
_NBSP = "\N{NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"
_LONGEST = 40
_SHOWN = 24
_EXAMPLE = Decimal("1234.56")


def parse_decimal(text: str, language: str, field: str | None = None) -> Decimal:
    """Read a number in the language's own writing; whatever could be read in two ways is refused.

    Marks are those of CLDR: en 1,234.56; nl 1.234,56; ru and hy 1 234,56 with any of the usual spaces. Groups are
    optional but must be complete and cannot follow a leading zero ("0,123" in English is no 123). Hence 1.234 is
    1234 in nl; 1,5 is refused in en, and 1234.5 in ru and hy, where CLDR knows no dot at all: a reader of a pasted
    "1.234" could not say which number it was. The minus sign may be - or U+2212.
    Raises DomainError with an example of what is understood.
    """
    found = _pattern(language).fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if not found:
        raise DomainError(
            _(
                "“%(given)s” is not a number here; write it for example as %(example)s",
                given=text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…",
                example=format_decimal(_EXAMPLE, language),
            ),
            field=field,
        )
    sign, whole, part = found.groups("")
    number = Decimal(f"{re.sub('[^0-9]', '', whole) or '0'}{'.' if part else ''}{part}")
    return number.copy_negate() if number and sign in {"-", _MINUS} else number


def format_decimal(number: Decimal | int, language: str, *, least: int = 0) -> str:
    """Write a number for people: all its decimals without trailing zeros, but at least so many.

    Quantities take none, unit prices the digits of their currency.
    """
    text = plain(number)
    places = max(least, len(text.partition(".")[2]))
    pattern = f"#,##0.{'0' * places}" if places else "#,##0"
    with exact():
        return numbers.format_decimal(Decimal(text), pattern, _locale(language), decimal_quantization=False)


def format_money(amount: Decimal | int, currency: str, language: str) -> str:
    """Write an amount with the symbol and in the order of the language: €1,234.50, 1 234,50 €, € 1.234,50.

    The amount is rounded to the currency as everywhere else.
    """
    locale = _locale(language)
    with exact():
        written = numbers.format_currency(quantize(amount, currency), currency, locale=locale)
    symbol = numbers.get_currency_symbol(currency, locale=locale)
    if symbol[-1:].isalpha():  # CLDR puts a space between letters and digits, which Babel leaves out
        written = re.sub(f"{re.escape(symbol)}(?=[0-9])", symbol + _NBSP, written)
    return written


def plain(number: Decimal | int, currency: str | None = None) -> str:
    """Write a number for machines: a dot, no exponent, no groups.

    Amounts have the digits of their currency ("100.00"), and more only where cutting them would lose something;
    quantities, prices and rates have no trailing zeros ("2.5", "100").
    """
    if isinstance(number, bool) or not isinstance(number, Decimal | int):
        raise TypeError(f"an exact number is a Decimal, not a {type(number).__name__}")
    value = Decimal(number)
    if not value.is_finite():
        raise ValueError("not a number")
    whole, _dot, part = f"{value.copy_abs():f}".partition(".")
    part = part.rstrip("0")
    if currency is not None:
        part = part.ljust(digits(currency), "0")
    return ("-" if value < 0 else "") + whole + (f".{part}" if part else "")


@cache
def _locale(language: str) -> Locale:
    if language not in LANGUAGES:
        raise ValueError(f"no such language: {language}")
    return Locale.parse(language)


@cache
def _pattern(language: str) -> re.Pattern[str]:
    """Return the pattern of a language's numbers: sign, whole part, decimals."""
    locale = _locale(language)
    mark = re.escape(numbers.get_decimal_symbol(locale))
    group = numbers.get_group_symbol(locale)
    between = f"[ {_SPACES}]" if group.isspace() else re.escape(group)
    whole = f"[1-9][0-9]{{0,2}}(?:{between}[0-9]{{3}})+|[0-9]+"
    return re.compile(f"([-+{_MINUS}])?({whole}|(?={mark}))(?:{mark}([0-9]+))?")
