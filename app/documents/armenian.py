"""Armenian numerals in words, in the reformed spelling.

A hundred and a thousand are said without "one" before them, a million and more with it; what is below a hundred is
written in one word.
"""

from typing import Final

_ONES: Final = ("", "մեկ", "երկու", "երեք", "չորս", "հինգ", "վեց", "յոթ", "ութ", "ինը")
_TENS: Final = ("", "տաս", "քսան", "երեսուն", "քառասուն", "հիսուն", "վաթսուն", "յոթանասուն", "ութսուն", "իննսուն")
_LARGE: Final = ((10**12, "տրիլիոն"), (10**9, "միլիարդ"), (10**6, "միլիոն"))
LIMIT: Final = 10**15


def in_words(number: int) -> str:
    """Return a whole number from 0 to 10**15 - 1 in words: 1234 is «հազար երկու հարյուր երեսունչորս»."""
    if not 0 <= number < LIMIT:
        raise ValueError("only whole numbers from 0 up to 10**15")
    if number == 0:
        return "զրո"
    words = []
    for size, name in _LARGE:
        count, number = divmod(number, size)
        if count:
            words.append(f"{_below_thousand(count)} {name}")
    thousands, rest = divmod(number, 1000)
    if thousands:
        words.append("հազար" if thousands == 1 else f"{_below_thousand(thousands)} հազար")
    if rest:
        words.append(_below_thousand(rest))
    return " ".join(words)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = []
    if hundreds:
        words.append("հարյուր" if hundreds == 1 else f"{_ONES[hundreds]} հարյուր")
    if rest:
        words.append(_below_hundred(rest))
    return " ".join(words)


def _below_hundred(number: int) -> str:
    tens, ones = divmod(number, 10)
    if number == 10:  # noqa: PLR2004 -- ten by itself ends in a vowel
        return "տասը"
    return f"{_TENS[tens]}ն{_ONES[ones]}" if tens == 1 else _TENS[tens] + _ONES[ones]
