"""Amounts in words, as the last line of a document says them so that nobody can change a figure.

The whole part is in words, the hundredths are figures: "One hundred euros and 05 cents". A currency whose names are
not in the table is said by its code: "One hundred GBP 05/100".
"""

import re
from decimal import Decimal
from typing import Final

from babel import Locale

from app.documents import armenian
from app.money import digits, quantize

# language → currency → (names of the unit, names of its hundredth), by the plural forms of CLDR
_Names = dict[str, tuple[dict[str, str], dict[str, str]]]


def _same(word: str) -> dict[str, str]:
    return {"other": word}


def _two(one: str, other: str) -> dict[str, str]:
    return {"one": one, "other": other}


def _three(one: str, few: str, many: str) -> dict[str, str]:
    return {"one": one, "few": few, "many": many, "other": few}


_CENT_RU = _three("цент", "цента", "центов")
NAMES: Final[dict[str, _Names]] = {
    "en": {
        "EUR": (_two("euro", "euros"), _two("cent", "cents")),
        "USD": (_two("US dollar", "US dollars"), _two("cent", "cents")),
        "RUB": (_two("Russian rouble", "Russian roubles"), _two("kopeck", "kopecks")),
        "AMD": (_two("Armenian dram", "Armenian drams"), _same("luma")),
    },
    "ru": {
        "EUR": (_same("евро"), _CENT_RU),
        "USD": (_three("доллар США", "доллара США", "долларов США"), _CENT_RU),
        "RUB": (_three("рубль", "рубля", "рублей"), _three("копейка", "копейки", "копеек")),
        "AMD": (_three("драм", "драма", "драмов"), _three("лума", "лумы", "лум")),
    },
    "hy": {
        "EUR": (_same("եվրո"), _same("ցենտ")),
        "USD": (_same("ԱՄՆ դոլար"), _same("ցենտ")),
        "RUB": (_same("ռուսական ռուբլի"), _same("կոպեկ")),
        "AMD": (_same("դրամ"), _same("լումա")),
    },
    "nl": {
        "EUR": (_same("euro"), _same("cent")),
        "USD": (_same("Amerikaanse dollar"), _same("cent")),
        "RUB": (_same("Russische roebel"), _two("kopeke", "kopeken")),
        "AMD": (_same("Armeense dram"), _same("luma")),
    },
}
_AND: Final = {"en": "and", "nl": "en", "ru": "", "hy": ""}


def number_in_words(number: int, language: str) -> str:
    """Return a whole number from 0 on in words."""
    if language == "hy":
        return armenian.in_words(number)
    from num2words import num2words  # heavy: pages that only name a document do without

    said = str(num2words(number, lang=language))
    # The Dutch write a blank behind "duizend", which the library leaves out. Source: Woordenlijst Nederlandse Taal
    return re.sub(r"duizend(?=\w)", "duizend ", said) if language == "nl" else said


def amount_in_words(amount: Decimal, currency: str, language: str) -> str:
    """Return an amount in words: "Девяносто девять рублей 05 копеек"."""
    rounded = quantize(amount, currency)
    if rounded < 0:
        raise ValueError("a document's total is never below zero")
    places = digits(currency)
    whole, rest = int(rounded), int((rounded % 1).scaleb(places))
    said = number_in_words(whole, language)
    names = NAMES[language].get(currency)
    if names is None:
        parts = [said, currency, f"{rest:0{places}}/1{'0' * places}" if places else ""]
    else:
        small = [_AND[language], f"{rest:02}", _form(names[1], rest, language)] if places else []
        parts = [said, _form(names[0], whole, language), *small]
    text = " ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]


def _form(names: dict[str, str], count: int, language: str) -> str:
    return names.get(Locale.parse(language).plural_form(count)) or names["other"]
