"""Numbers and amounts in words."""

from decimal import Decimal

import pytest

from app.documents import armenian
from app.documents.words import NAMES, amount_in_words, number_in_words
from app.i18n import LANGUAGES

# Source: the spelling of cardinal numbers in the Armenian school grammar (reformed orthography)
ARMENIAN = {
    0: "զրո",
    1: "մեկ",
    2: "երկու",
    3: "երեք",
    4: "չորս",
    5: "հինգ",
    6: "վեց",
    7: "յոթ",
    8: "ութ",
    9: "ինը",
    10: "տասը",
    11: "տասնմեկ",
    12: "տասներկու",
    15: "տասնհինգ",
    19: "տասնինը",
    20: "քսան",
    21: "քսանմեկ",
    30: "երեսուն",
    44: "քառասունչորս",
    50: "հիսուն",
    66: "վաթսունվեց",
    77: "յոթանասունյոթ",
    88: "ութսունութ",
    99: "իննսունինը",
    100: "հարյուր",
    101: "հարյուր մեկ",
    110: "հարյուր տասը",
    200: "երկու հարյուր",
    365: "երեք հարյուր վաթսունհինգ",
    999: "ինը հարյուր իննսունինը",
    1000: "հազար",
    1001: "հազար մեկ",
    1100: "հազար հարյուր",
    2026: "երկու հազար քսանվեց",
    21_000: "քսանմեկ հազար",
    100_000: "հարյուր հազար",
    1_000_000: "մեկ միլիոն",
    1_001_001: "մեկ միլիոն հազար մեկ",
    2_345_678: "երկու միլիոն երեք հարյուր քառասունհինգ հազար վեց հարյուր յոթանասունութ",
    10**9: "մեկ միլիարդ",
    3 * 10**12 + 5: "երեք տրիլիոն հինգ",
}


@pytest.mark.parametrize(("number", "words"), ARMENIAN.items())
def test_armenian_numerals(number, words):
    assert armenian.in_words(number) == words


def test_armenian_numerals_are_all_different_and_hold_only_armenian_letters():
    said = [armenian.in_words(number) for number in range(10_001)]
    assert len(set(said)) == 10_001
    assert {char for words in said for char in words if not "ա" <= char <= "և"} == {" "}


def test_armenian_numerals_end_somewhere():
    assert armenian.in_words(10**15 - 1).startswith("ինը հարյուր իննսունինը տրիլիոն")
    for number in (-1, 10**15):
        with pytest.raises(ValueError, match="whole numbers"):
            armenian.in_words(number)


@pytest.mark.parametrize(
    ("number", "words"),
    [(1000, "duizend"), (1234, "duizend tweehonderdvierendertig"), (2026, "tweeduizend zesentwintig")],
)
def test_dutch_numbers_have_a_blank_behind_the_thousands(number, words):
    assert number_in_words(number, "nl") == words


@pytest.mark.parametrize(
    ("amount", "currency", "language", "words"),
    [
        ("0", "EUR", "en", "Zero euros and 00 cents"),
        ("1.01", "EUR", "en", "One euro and 01 cent"),
        ("1234.50", "USD", "en", "One thousand, two hundred and thirty-four US dollars and 50 cents"),
        ("2.10", "RUB", "en", "Two Russian roubles and 10 kopecks"),
        ("3", "AMD", "en", "Three Armenian drams and 00 luma"),
        ("1", "RUB", "ru", "Один рубль 00 копеек"),
        ("2.01", "RUB", "ru", "Два рубля 01 копейка"),
        ("5.02", "RUB", "ru", "Пять рублей 02 копейки"),
        ("11.11", "RUB", "ru", "Одиннадцать рублей 11 копеек"),
        ("21000.21", "RUB", "ru", "Двадцать одна тысяча рублей 21 копейка"),
        ("2000.55", "EUR", "ru", "Две тысячи евро 55 центов"),
        ("22.22", "USD", "ru", "Двадцать два доллара США 22 цента"),
        ("1003", "AMD", "ru", "Одна тысяча три драма 00 лум"),
        ("45600.00", "AMD", "hy", "Քառասունհինգ հազար վեց հարյուր դրամ 00 լումա"),
        ("1.5", "RUB", "hy", "Մեկ ռուսական ռուբլի 50 կոպեկ"),
        ("7", "EUR", "hy", "Յոթ եվրո 00 ցենտ"),
        ("10", "USD", "hy", "Տասը ԱՄՆ դոլար 00 ցենտ"),
        ("1250.05", "EUR", "nl", "Duizend tweehonderdvijftig euro en 05 cent"),
        ("1", "RUB", "nl", "Één Russische roebel en 00 kopeken"),
        ("12", "USD", "nl", "Twaalf Amerikaanse dollar en 00 cent"),
        ("100.05", "GBP", "ru", "Сто GBP 05/100"),
        ("100.005", "BHD", "en", "One hundred BHD 005/1000"),
        ("100", "JPY", "nl", "Honderd JPY"),
        ("0.995", "EUR", "en", "One euro and 00 cents"),
    ],
)
def test_amounts_in_words(amount, currency, language, words):
    assert amount_in_words(Decimal(amount), currency, language) == words


def test_the_largest_amount_that_a_document_can_have_is_said_in_every_language():
    for language in LANGUAGES:
        said = amount_in_words(Decimal("99999999999999.99"), "EUR", language)
        assert "99" in said
        assert len(said) > 100


def test_every_language_names_the_same_currencies():
    assert {language: set(names) for language, names in NAMES.items()} == {
        language: {"EUR", "USD", "RUB", "AMD"} for language in LANGUAGES
    }


def test_an_amount_below_zero_is_none_of_a_document():
    with pytest.raises(ValueError, match="below zero"):
        amount_in_words(Decimal("-0.01"), "EUR", "en")
